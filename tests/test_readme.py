"""Every console block of README does what it shows, and CI runs the set-up commands as written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, SAMPLE_DATA, TIMEOUT_SECONDS

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def examples(block: str) -> list[tuple[str, str]]:
    """Split a console block into commands and the output shown below each."""
    parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)
    assert parts[0] == "", "a console block starts with a command"
    return list(zip(parts[1::2], parts[2::2], strict=True))


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the sample data and a `streamx` on its path."""
    directory = tmp_path_factory.mktemp("readme")
    shutil.copytree(SAMPLE_DATA, directory / "sample_data")
    command = directory / "bin" / "streamx"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m streamx "$@"\n')
    command.chmod(0o755)
    return directory


def sections() -> list[Any]:
    """The console blocks below each heading, of which some go on with the files of those before."""
    found = []
    for section in re.split(r"^#{2,3} ", README, flags=re.MULTILINE)[1:]:
        blocks_below = re.findall(r"^```console\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
        if blocks_below:
            found.append(pytest.param(blocks_below, id=section.partition("\n")[0]))
    return found


@pytest.mark.parametrize("blocks_below", sections())
def test_console_blocks_show_what_happens(blocks_below: list[str], workspace: Path) -> None:
    path = f"{workspace / 'bin'}:{os.environ['PATH']}"
    for command, shown in [each for block in blocks_below for each in examples(block)]:
        result = subprocess.run(
            ["bash", "-c", command],
            cwd=workspace,
            env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        assert result.stdout.decode() == shown, command


def test_the_set_up_is_two_commands_of_one_line_each() -> None:
    assert [len(block.splitlines()) for block in blocks("sh")] == [1, 1]


def test_every_option_is_documented_by_the_help(workspace: Path) -> None:
    command, text = workspace / "bin" / "streamx", ""
    for arguments in (
        ["--help"],
        ["transform", "--help"],
        ["schema", "--help"],
        ["retry", "--help"],
    ):
        text += subprocess.check_output([command, *arguments], text=True)
    for option in set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README)) - {"--help", "--quiet"}:
        assert option in text or option == "--upgrade", f"README names {option}"


@pytest.mark.parametrize(
    ("example", "printed"),
    list(zip(blocks("python"), (b"4000 ", b"3972 caller\n"), strict=True)),
)
def test_a_python_example_runs(example: str, printed: bytes, workspace: Path) -> None:
    shutil.copy(workspace / "sample_data" / "flights.csv", workspace / "in.csv")
    result = subprocess.run(
        [sys.executable, "-c", example],
        cwd=workspace,
        capture_output=True,
        timeout=TIMEOUT_SECONDS,
        check=True,
    )
    assert result.stdout.startswith(printed)
