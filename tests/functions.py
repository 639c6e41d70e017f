"""Runs the command and the library on functions that a test writes down."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple

from forked import run_forked

STREAMX = (sys.executable, "-m", "streamx")
TIMEOUT_SECONDS = 60


class Outcome(NamedTuple):
    status: int
    output: str
    errors: str

    @property
    def records(self) -> list[Any]:
        """The records of a JSONL output of a run in which all was well."""
        assert (self.status, self.errors) == (0, "")
        return [json.loads(line) for line in self.output.splitlines()]


def write(directory: Path, source: str, name: str = "f.py") -> None:
    """Write a file of functions."""
    (directory / name).parent.mkdir(parents=True, exist_ok=True)
    (directory / name).write_text(dedent(source), encoding="utf-8")


def transform(
    directory: Path, *arguments: str, stdin: str = "", env: dict[str, str] | None = None
) -> Outcome:
    """Run the command on text, from CSV to JSONL unless the arguments say otherwise."""
    formats = () if "--from" in arguments else ("--from", "csv", "--to", "jsonl")
    result = run_forked(
        ["transform", "-", "-", *formats, *arguments],
        stdin=stdin.encode(),
        directory=directory,
        environment={**os.environ, **(env or {})},
        timeout_seconds=TIMEOUT_SECONDS,
    )
    return Outcome(result.returncode, result.stdout.decode(), result.stderr.decode())


def numbers(count: int) -> str:
    """A CSV with the column `a`, from 0 on."""
    return "".join(["a\n", *(f"{number}\n" for number in range(count))])
