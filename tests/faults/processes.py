"""Starts real processes for the fault tests and waits for what can be seen of them."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

STREAMX = (sys.executable, "-m", "streamx")

# How long something may take that is expected at once; a slow machine needs some of it.
PATIENCE_SECONDS = 20.0

Process = subprocess.Popen[bytes]


@contextmanager
def running(*arguments: str | Path, cwd: Path, **options: Any) -> Iterator[Process]:
    """Start `streamx transform`; whatever is left of it at the end is killed."""
    command = [*STREAMX, "transform", *map(str, arguments)]
    options = {"stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE, **options}
    with subprocess.Popen(command, cwd=cwd, **options) as process:
        try:
            yield process
        finally:
            process.kill()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()


@contextmanager
def endless_records() -> Iterator[Any]:
    """A pipe with CSV records in it that never ends."""
    with subprocess.Popen(["yes", "1,x"], stdout=subprocess.PIPE) as source:
        try:
            yield source.stdout
        finally:
            source.kill()


def finish(process: Process, within_seconds: float = PATIENCE_SECONDS) -> tuple[int, str]:
    """Wait for the end; return the exit status and what was said on standard error."""
    status = process.wait(within_seconds)
    assert process.stderr is not None
    return status, process.stderr.read().decode()


def until(condition: Callable[[], object], within_seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for something that sends no event, such as a file that another process creates."""
    deadline = time.monotonic() + within_seconds
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        select.select([], [], [], 0.005)


def temporary_files(directory: Path) -> list[Path]:
    return sorted(directory.glob(".*.tmp"))


def holds_bytes(directory: Path, least: int = 1) -> bool:
    """Tell whether a temporary file of at least so many bytes is in the directory."""
    return any(file.stat().st_size >= least for file in temporary_files(directory))


def is_readable(descriptor: int, within_seconds: float) -> bool:
    return bool(select.select([descriptor], [], [], within_seconds)[0])


def is_full(write_end: int) -> bool:
    """Tell whether a pipe takes no more bytes."""
    return not select.select([], [write_end], [], 0)[1]


def read_bytes(pipe: Any, count: int, within_seconds: float = PATIENCE_SECONDS) -> bytes:
    """Read so many bytes from an unbuffered pipe as soon as they come."""
    data = b""
    deadline = time.monotonic() + within_seconds
    while len(data) < count:
        left = deadline - time.monotonic()
        assert is_readable(pipe.fileno(), max(left, 0)), f"only {data!r} came"
        block = os.read(pipe.fileno(), count - len(data))
        assert block, f"the pipe was closed after {data!r}"
        data += block
    return data
