"""Runs one job again and again, each time with one more call that fails; says what each run left.

Started by test_failing_calls.py under failing_calls.c, one process for all runs of a scenario. It
prints a line of JSON for each run: what was to fail, what the library raised, and what the files
were then.
"""

from __future__ import annotations

import ctypes
import errno
import gzip
import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import streamx

RECORDS = [f"{number},x{number}" for number in range(400)]
CSV = "n,t\n" + "".join(f"{record}\n" for record in RECORDS)
CSV_WITH_BAD_RECORDS = CSV + "1,2,3\n" * 100
NEW = "".join(f'{{"n":{n},"t":"x{n}"}}\n' for n in range(400)).encode()
OLD = b"old output\n"
OLD_REJECTS = b"old rejects\n"
ALL_CALLS = (
    "open", "read", "preadv2", "write", "fsync", "fchmod", "ftruncate", "rename", "unlink", "close",
)  # fmt: skip


@dataclass(frozen=True)
class Scenario:
    """A job whose calls fail, one by one.

    Attributes:
        output: the name of the output.
        options: the job's.
        text: the input.
        calls: which are to fail.
        code: the error.
        is_lasting: all later calls of the same name fail too.
        decode: makes of the output's bytes what was written.
    """

    output: str = "out.jsonl"
    options: dict[str, Any] = field(default_factory=dict)
    text: str = CSV
    calls: tuple[str, ...] = ALL_CALLS
    code: int = errno.EIO
    is_lasting: bool = False
    decode: Callable[[bytes], bytes] = bytes

    @property
    def writes_standard_output(self) -> bool:
        return "target_format" in self.options

    @property
    def writes_directory(self) -> bool:
        return "split_records" in self.options


CHUNKS = {"workers": 1, "chunk_size_bytes": 2_000}
REJECTING = {"on_error": "reject", **CHUNKS}
SCENARIOS = {
    "plain": Scenario(options=CHUNKS),
    "reject": Scenario(options=REJECTING, text=CSV_WITH_BAD_RECORDS),
    "nothing to reject": Scenario(
        options=REJECTING, calls=("open", "fsync", "rename", "unlink", "close")
    ),
    "full disk": Scenario(
        options=REJECTING,
        text=CSV_WITH_BAD_RECORDS,
        calls=("open", "write", "fsync", "rename"),
        code=errno.ENOSPC,
        is_lasting=True,
    ),
    "gzip": Scenario(
        "out.jsonl.gz", CHUNKS, calls=("write", "fsync", "rename"), decode=gzip.decompress
    ),
    "direct": Scenario(
        options={"is_direct": True, **CHUNKS},
        calls=("open", "write", "ftruncate", "fsync", "close"),
    ),
    "no fsync": Scenario(
        options={"fsync": False, **CHUNKS}, calls=("open", "write", "fsync", "rename", "close")
    ),
    "directory": Scenario("out", {"split_records": 150, **CHUNKS}),
    "compressed directory": Scenario(
        "out",
        {"split_records": 150, "compress": "gzip", **CHUNKS},
        calls=("open", "read", "write", "fsync", "rename", "unlink", "close"),
        decode=gzip.decompress,
    ),
    "standard output": Scenario(
        options={"target_format": "jsonl", **CHUNKS}, calls=("read", "write", "fsync", "close")
    ),
    "lock": Scenario(
        options={"lock": True}, calls=("open", "flock", "ftruncate", "write", "close")
    ),
    "function": Scenario(
        options={"operations": [streamx.Apply("same.py:same")], "workers": 1},
        calls=("write", "rename"),
    ),
}


class Shim:
    """The library that this process was started under."""

    def __init__(self, directory: Path) -> None:
        self._library = ctypes.CDLL(None)
        self._directory = os.fsencode(directory)

    def arm(self, call: str, number: int, code: int, *, is_lasting: bool) -> None:
        self._library.arm_failing_call(self._directory, call.encode(), number, code, is_lasting)

    def disarm(self) -> int:
        """Let all calls work again, and return how many there were of the one that was to fail."""
        count: int = self._library.count_calls()
        self._library.arm_failing_call(b"", b"", 0, 0, 0)
        return count


def prepare(directory: Path, scenario: Scenario) -> None:
    """Make the input, and the output and rejects of an earlier run."""
    for path in directory.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (directory / "in.csv").write_text(scenario.text)
    if not scenario.writes_directory:
        (directory / scenario.output).write_bytes(OLD)
    (directory / f"{scenario.output}.rejects.jsonl").write_bytes(OLD_REJECTS)
    if scenario.writes_standard_output:
        with (directory / scenario.output).open("wb") as file:
            os.dup2(file.fileno(), 1)


def run(directory: Path, scenario: Scenario) -> str | None:
    """Run the job; return what it raised, as class and text."""
    output = "-" if scenario.writes_standard_output else directory / scenario.output
    try:
        streamx.transform(directory / "in.csv", output, **scenario.options)
    except streamx.StreamxError as error:
        return f"{type(error).__name__}: {error}"
    except Exception as error:  # what the command would report as an internal error
        return f"internal: {type(error).__name__}: {error}"
    return None


def state_of(path: Path, decode: Callable[[bytes], bytes] = bytes) -> str:
    """Say which version a file, or all of a directory's together, hold: old, new, a beginning of
    the new one, none, or another.
    """
    if not path.exists():
        return "none"
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    content = b"".join(file.read_bytes() for file in files)
    if content in (OLD, OLD_REJECTS):
        return "old"
    try:
        content = decode(content)
    except (EOFError, gzip.BadGzipFile):
        return "broken"
    if content == NEW or content.count(b'"raw":"1,2,3"') == 100:
        return "new"
    return "beginning" if NEW.startswith(content) else "other"


def files_in(directory: Path, scenario: Scenario) -> dict[str, Any]:
    """Say what the output and the rejects hold, and which other files there are."""
    output = directory / scenario.output
    rejects = directory / f"{scenario.output}.rejects.jsonl"
    known = {"in.csv", output.name, rejects.name}
    return {
        "output": state_of(output, scenario.decode),
        "rejects": state_of(rejects),
        "others": sorted(set(os.listdir(directory)) - known),
    }


def main() -> None:
    """Run the scenario that the command line names, in the directory that it names."""
    scenario, directory = SCENARIOS[sys.argv[1]], Path(sys.argv[2])
    os.chdir(directory.parent)
    shim, report = Shim(directory), os.fdopen(os.dup(1), "w", buffering=1)
    for call in scenario.calls:
        number, has_failed = 0, True
        while has_failed:
            number += 1
            prepare(directory, scenario)
            opened = len(os.listdir("/proc/self/fd"))
            shim.arm(call, number, scenario.code, is_lasting=scenario.is_lasting)
            error = run(directory, scenario)
            has_failed = shim.disarm() >= number
            left = {
                "call": call,
                "number": number,
                "has_failed": has_failed,
                "error": error,
                **files_in(directory, scenario),
                "descriptors": len(os.listdir("/proc/self/fd")) - opened,
            }
            print(json.dumps(left), file=report)


if __name__ == "__main__":
    main()
