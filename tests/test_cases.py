"""Golden cases: each directory below cases/ holds a command line and what it must print.

A case is a directory with `cmd`, one line of bash, and the files that it reads. `expected_output`
and `expected_error` hold standard output and standard error, `expected_exit` the exit status;
what is absent is empty, and status 0. So a case without `expected_error` holds that nothing is
said. The command runs in a copy of the directory, where it may write what it likes.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from forked import run_forked

CASES = Path(__file__).resolve().parent / "cases"
TIMEOUT_SECONDS = 60
SPECIAL = frozenset("|&;<>()$`\\*?[]{}~#!\n")

# What the installed script `streamx` does, with this interpreter.
SHIM = """#!/bin/sh
exec '{python}' -c '
import sys
sys.argv[0] = "streamx"
from streamx.__main__ import main
main()
' "$@"
"""


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which `streamx` is the command under test."""
    directory = tmp_path_factory.mktemp("bin")
    shim = directory / "streamx"
    shim.write_text(SHIM.format(python=sys.executable))
    shim.chmod(0o755)
    path = f"{directory}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "LC_ALL": "C.UTF-8", "COLUMNS": "100"}


def expected(case: Path, name: str) -> bytes:
    file = case / name
    return file.read_bytes() if file.exists() else b""


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(c.parent, id=str(c.parent.relative_to(CASES)))
        for c in sorted(CASES.glob("*/*/cmd"))
    ],
)
def test_command_prints_what_its_case_expects(
    case: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    directory = tmp_path / "case"
    shutil.copytree(case, directory, ignore=shutil.ignore_patterns("cmd", "expected_*"))
    result = run((case / "cmd").read_text(), directory, environment)
    # Texts compare with a readable difference; bytes that are no text survive the escape.
    assert shown(result.stderr) == shown(expected(case, "expected_error"))
    assert shown(result.stdout) == shown(expected(case, "expected_output"))
    assert result.returncode == int(expected(case, "expected_exit") or b"0")


def run(
    command: str, directory: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess[bytes]:
    """Run a line of bash; what means to bash what it means to `shlex` needs none."""
    if not SPECIAL.intersection(command.rstrip("\n")):
        name, *arguments = shlex.split(command)
        assert name == "streamx"
        return run_forked(
            arguments,
            stdin=b"",
            directory=directory,
            environment=environment,
            timeout_seconds=TIMEOUT_SECONDS,
        )
    return subprocess.run(
        ["bash", "-c", command],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )


def shown(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")
