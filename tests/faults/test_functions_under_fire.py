"""Functions under fire: signals at any moment, readers that leave or are slow, bounded memory."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from functions import write
from processes import STREAMX, Process, endless_records, finish, is_full, temporary_files, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

# Each tells where it is by making a file of that name, and stays there.
STUCK = """
    import asyncio, os, time
    from pathlib import Path

    MOMENT = os.environ.get("MOMENT")

    def stay(moment):
        if moment == MOMENT:
            Path("here").touch()
            time.sleep(600)

    if "import" == MOMENT:
        stay("import")

    class Sync:
        def __init__(self):
            stay("init")
        def __enter__(self):
            stay("enter")
        def __exit__(self, *error): ...
        def __call__(self, record):
            stay("call")
            return record

    class Async:
        async def __aenter__(self):
            await self.stay("enter")
        async def __aexit__(self, *error): ...
        async def __call__(self, record):
            await self.stay("call")
            return record
        async def stay(self, moment):
            if moment == MOMENT:
                Path("here").touch()
                await asyncio.sleep(600)

    def same(record):
        return record
    async def same_async(record):
        return record
    async def blocking_async(record):
        Path("here").touch()
        time.sleep(600)
    def large(record):
        return {"a": "x" * 10_000}
    async def large_async(record):
        return {"a": "x" * 10_000}
"""
FROM_CSV = ("--from", "csv", "--to", "jsonl", "--types", "string")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    write(tmp_path, STUCK)
    return tmp_path


@contextmanager
def job(here: Path, name: str, *arguments: str, **options: object) -> Iterator[Process]:
    """Start a run over endless records in a process group of its own, as a shell does."""
    command = [*STREAMX, "transform", "-", *arguments, *FROM_CSV, "--fn", f"f.py:{name}"]
    moment = options.pop("moment", "")
    with (
        endless_records() as records,
        subprocess.Popen(
            command,
            cwd=here,
            stdin=records,
            stderr=subprocess.PIPE,
            env={**os.environ, "MOMENT": str(moment)},
            process_group=0,
            **options,  # type: ignore[call-overload]  # as a test needs them
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def group_of(process: Process) -> list[int]:
    """Return the processes of a job that have not ended."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, _, rest = stat.read_text().partition(" (")
        except (FileNotFoundError, ProcessLookupError):
            continue
        state, _, group = rest.rpartition(") ")[2].split()[:3]
        if int(group) == process.pid and state != "Z":
            found.append(int(pid))
    return found


MOMENTS = [
    ("Sync", "import"),
    ("Sync", "init"),
    ("Sync", "enter"),
    ("Sync", "call"),
    ("Async", "import"),
    ("Async", "enter"),
    ("Async", "call"),
]


@pytest.mark.parametrize(("name", "moment"), MOMENTS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_any_moment_ends_all_processes_without_a_word(
    here: Path, name: str, moment: str, number: signal.Signals
) -> None:
    output = here / "out.jsonl"
    output.write_text("old")
    with job(here, name, str(output), moment=moment) as process:
        until(lambda: (here / "here").exists())
        os.killpg(process.pid, number)
        assert finish(process) == (-number, "")
        until(lambda: not group_of(process))
    assert (output.read_text(), temporary_files(here)) == ("old", [])


def test_one_interrupt_ends_a_run_whose_event_loop_is_blocked_by_a_function(here: Path) -> None:
    output = here / "out.jsonl"
    output.write_text("old")
    with job(here, "blocking_async", str(output)) as process:
        until(lambda: (here / "here").exists())
        process.send_signal(signal.SIGINT)
        assert finish(process) == (-signal.SIGINT, "")
    assert (output.read_text(), temporary_files(here)) == ("old", [])


@pytest.mark.parametrize("name", ["same", "same_async"])
def test_a_reader_that_leaves_ends_all_processes_without_a_word(here: Path, name: str) -> None:
    with job(here, name, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b'{"1":"1","x":"x"}\n'
        process.stdout.close()
        assert finish(process) == (-signal.SIGPIPE, "")
        until(lambda: not group_of(process))


def peak_kib(pid: int) -> int:
    match = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert match is not None
    return int(match[1])


@pytest.mark.parametrize("name", ["large", "large_async"])
def test_memory_stays_bounded_behind_a_reader_that_does_not_read(here: Path, name: str) -> None:
    # A chunk's output is hundreds of times as long as the chunk, and nobody takes it.
    read_end, write_end = os.pipe()
    with job(here, name, stdout=write_end) as process:
        until(lambda: is_full(write_end))
        until(lambda: is_waiting(process))
        assert sum(map(peak_kib, group_of(process))) < 300 * 1024
        os.killpg(process.pid, signal.SIGINT)
        assert finish(process) == (-signal.SIGINT, "")
    os.close(read_end)
    os.close(write_end)


def ticks(pid: int) -> int:
    """The processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return int(fields[11]) + int(fields[12])


def is_waiting(process: Process) -> bool:
    """Tell whether no process of a job does anything any more."""
    from select import select

    before = sum(map(ticks, group_of(process)))
    select([], [], [], 0.2)
    return sum(map(ticks, group_of(process))) == before
