"""A process forked from a warm interpreter is to the command what a fresh one is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import STREAMX, TIMEOUT_SECONDS
from forked import run_forked

FUNCTION = """
import os, sys

def told(record):
    import beside
    status = open("/proc/self/status").read().splitlines()
    signals = [line for line in status if line.startswith(("SigBlk", "SigIgn", "SigCgt"))]
    return {
        "arguments": sys.argv[1:],
        "directory": os.getcwd(),
        "environment": dict(os.environ),
        "files": [(name, os.path.exists(f"/proc/self/fd/{name}")) for name in range(20)],
        "flags": list(sys.flags),
        "path": sys.path,
        "signals": signals,
        "beside": beside.TEXT,
    }
"""
RUN = ("transform", "-", "-", "--from", "csv", "--to", "jsonl", "--workers", "1")


def fresh(arguments: tuple[str, ...], directory: Path) -> subprocess.CompletedProcess[bytes]:
    command = [*STREAMX, *arguments]
    environment = {**os.environ, "BESIDE": "x"}
    return subprocess.run(
        command, input=b"a\n1\n", capture_output=True, cwd=directory, env=environment, check=False
    )


def forked(arguments: tuple[str, ...], directory: Path) -> subprocess.CompletedProcess[bytes]:
    return run_forked(
        arguments,
        stdin=b"a\n1\n",
        directory=directory,
        environment={**os.environ, "BESIDE": "x"},
        timeout_seconds=TIMEOUT_SECONDS,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize("function", ["f.py:told", "f.py:ends"])
def test_a_function_sees_what_it_sees_in_a_fresh_one(tmp_path: Path, function: str) -> None:
    (tmp_path / "beside.py").write_text("TEXT = 'beside'")
    (tmp_path / "f.py").write_text(f"{FUNCTION}\ndef ends(record): raise SystemExit(7)\n")
    one, other = (run((*RUN, "--fn", function), tmp_path) for run in (fresh, forked))
    assert (one.returncode, one.stderr) == (other.returncode, other.stderr)
    assert (one.stdout and json.loads(one.stdout)) == (other.stdout and json.loads(other.stdout))


@pytest.mark.parametrize("arguments", [("--version",), ("transform", "--fnn"), RUN, ("retry",)])
def test_output_errors_and_status_are_those_of_a_fresh_one(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    one, other = fresh(arguments, tmp_path), forked(arguments, tmp_path)
    errors = one.stderr.replace(b"python -m streamx", b"streamx")  # as the installed script has it
    assert (one.returncode, one.stdout, errors) == (other.returncode, other.stdout, other.stderr)


def test_one_that_does_not_end_is_killed_in_time(tmp_path: Path) -> None:
    (tmp_path / "f.py").write_text(
        "async def f(record):\n    import asyncio\n    await asyncio.Event().wait()\n"
    )
    with pytest.raises(subprocess.TimeoutExpired):
        run_forked(
            [*RUN, "--fn", "f.py:f"],
            stdin=b"a\n1\n",
            directory=tmp_path,
            environment=os.environ,
            timeout_seconds=0.5,
        )
    assert forked(("--version",), tmp_path).returncode == 0


def test_one_that_dies_by_a_signal_has_its_status(tmp_path: Path) -> None:
    (tmp_path / "f.py").write_text(
        "async def f(record):\n    import os\n    os.kill(os.getpid(), 9)\n"
    )
    assert forked((*RUN, "--fn", "f.py:f"), tmp_path).returncode == -signal.SIGKILL
