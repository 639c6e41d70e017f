"""Console blocks of documents: finds them, and runs them in a directory with the sample data.

A block of Python with a title is a file of that name, for the commands behind it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from conftest import SAMPLE_DATA, TIMEOUT_SECONDS

# A line with a prompt, and those behind it that go on with what it says.
_COMMAND = re.compile(r"^\$ (.*(?:\n>(?: .*)?$)*)\n", re.MULTILINE)
_STEP = re.compile(r'^```(?:console|python title="([^"]+)")\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def blocks(text: str, language: str) -> list[str]:
    """Return what stands in the fences of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def sections(text: str) -> dict[str, list[str]]:
    """Return the console blocks below each heading, of which some go on with those before."""
    found: dict[str, list[str]] = {}
    for section in re.split(r"^#{2,3} ", text, flags=re.MULTILINE)[1:]:
        heading = section.partition("\n")[0]
        assert heading not in found, f"two sections are called {heading}"
        if console := blocks(section, "console"):
            found[heading] = console
    return found


def examples(block: str) -> list[tuple[str, str]]:
    """Split a console block into commands and the output shown below each.

    >>> examples("$ cat <<'END'\\n> a\\n>\\n> END\\na\\n\\n")
    [("cat <<'END'\\na\\n\\nEND", 'a\\n\\n')]
    """
    parts = _COMMAND.split(block)
    assert parts[0] == "", "a console block starts with a command"
    commands = [re.sub(r"\n> ?", "\n", command) for command in parts[1::2]]
    return list(zip(commands, parts[2::2], strict=True))


def make_workspace(directory: Path) -> Path:
    """Fill a directory with the sample data, and programs for its path."""
    shutil.copytree(SAMPLE_DATA, directory / "sample_data")
    for name, arguments in (("streamx", "-m streamx"), ("python", "")):
        program = directory / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
        program.chmod(0o755)
    return directory


def check_console_blocks(
    console: list[str], workspace: Path, environment: Mapping[str, str] | None = None
) -> None:
    """Run the commands of blocks, one after the other; each has to print what stands below it."""
    path = f"{workspace / 'bin'}:{os.environ['PATH']}"
    for command, shown in [each for block in console for each in examples(block)]:
        result = subprocess.run(
            ["bash", "-c", command],
            cwd=workspace,
            env={**os.environ, "PATH": path, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        assert result.stdout.decode() == shown, command


def check_page(text: str, workspace: Path, environment: Mapping[str, str] | None = None) -> None:
    """Do what the blocks of a page say, from the first to the last."""
    for title, block in _STEP.findall(text):
        if title:
            (workspace / title).write_text(block, encoding="utf-8")
        else:
            check_console_blocks([block], workspace, environment)
