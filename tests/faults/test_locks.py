"""A lock keeps a second run away at once, for as long as the process of the first one lives."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from functions import write
from processes import Process, finish, running, until

import streamx
from streamx import LockedError, OutputError, StreamxError, UsageError
from streamx.testing import settle

RECORDS = b"a\nx\n"
OUTPUT = b'{"a":"x"}\n'
OLD = b"old output\n"
FROM_CSV = ("--from", "csv", "--types", "string")
HOLDER = re.compile(r"process ([0-9]+) on (\S+) since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with an input and the output of an earlier run."""
    (tmp_path / "in.csv").write_bytes(RECORDS)
    (tmp_path / "out.jsonl").write_bytes(OLD)
    return tmp_path


@contextmanager
def holding(directory: Path, *options: str) -> Iterator[Process]:
    """A run that holds its lock until its standard input is closed."""
    arguments = ("-", "out.jsonl", *FROM_CSV, *options)
    lock = directory / "out.jsonl.lock"
    with running(*arguments, cwd=directory, stdin=subprocess.PIPE) as process:
        until(lambda: lock.exists() and lock.read_bytes())
        yield process


@contextmanager
def taken(path: Path) -> Iterator[None]:
    """Hold a lock as another program would, which writes nothing into it."""
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def test_second_run_exits_75_and_names_the_holder_and_touches_nothing(directory: Path) -> None:
    with holding(directory, "--lock") as first:
        while not (before := sorted(os.listdir(directory)))[0].endswith(".tmp"):
            assert first.poll() is None, "its output comes behind its lock"
        # Its input stays silent and its summary would be new: nothing is read, nothing created.
        arguments = ("-", "out.jsonl", *FROM_CSV, "--lock", "--summary", "summary.json")
        with running(*arguments, cwd=directory, stdin=subprocess.PIPE) as second:
            status, error = finish(second)
        assert sorted(os.listdir(directory)) == before
        assert first.stdin is not None
        first.stdin.write(RECORDS)
        first.stdin.close()
        assert finish(first) == (0, "")
    holder = HOLDER.search(error)
    assert holder is not None, error
    assert (int(holder[1]), holder[2]) == (first.pid, os.uname().nodename)
    assert error == (
        f"streamx: error: another run holds the lock out.jsonl.lock: {holder[0]}; "
        "wait until it ends, or end it\n"
    )
    assert status == 75
    assert (directory / "out.jsonl").read_bytes() == OUTPUT


def test_lock_of_a_run_that_has_ended_hinders_nobody_and_its_file_stays(directory: Path) -> None:
    lock = directory / "out.jsonl.lock"
    for _ in range(2):
        streamx.transform(directory / "in.csv", directory / "out.jsonl", lock=True)
        assert lock.read_bytes() == b""
    lock.write_bytes(b"process 1 on elsewhere since 2026-01-02T03:04:05+0000\n")
    streamx.transform(directory / "in.csv", directory / "out.jsonl", lock=True)
    assert lock.read_bytes() == b""


def test_lock_of_a_killed_run_is_free_and_was_never_its_workers(directory: Path) -> None:
    write(
        directory,
        """
        import os, time

        def hang(record):
            links = [os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
            opened = [os.readlink(link) for link in links if os.path.islink(link)]
            with open("seen.new", "w") as file:
                file.write("\\n".join(opened))
            os.rename("seen.new", "seen")
            time.sleep(99)
        """,
    )
    with holding(directory, "--lock", "--fn", "f.py:hang") as process:
        assert process.stdin is not None
        process.stdin.write(RECORDS)
        process.stdin.close()
        until((directory / "seen").exists)
        assert "out.jsonl.lock" not in (directory / "seen").read_text()
        with pytest.raises(LockedError):
            streamx.transform(directory / "in.csv", directory / "out.jsonl", lock=True)
        process.kill()
        assert finish(process)[0] == -signal.SIGKILL
    streamx.transform(directory / "in.csv", directory / "out.jsonl", lock=True)
    assert (directory / "out.jsonl").read_bytes() == OUTPUT


def test_run_that_fails_lets_the_next_one_have_the_lock(directory: Path) -> None:
    (directory / "bad.csv").write_bytes(b"a\n1,2\n")
    with pytest.raises(streamx.BadRecordError):
        streamx.transform(directory / "bad.csv", directory / "out.jsonl", lock=True)
    streamx.transform(directory / "in.csv", directory / "out.jsonl", lock=True)


def test_two_runs_in_one_process_keep_each_other_away(directory: Path) -> None:
    # Locks of fcntl belong to a process, which would not see its own.
    async def main() -> None:
        os.mkfifo(directory / "fifo.csv")
        arguments = (directory / "fifo.csv", directory / "out.jsonl")
        first = asyncio.ensure_future(streamx.transform_async(*arguments, lock=True))
        await settle()
        with pytest.raises(LockedError, match=f"process {os.getpid()} "):
            await streamx.transform_async(*arguments, lock=True)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first

    asyncio.run(main())
    streamx.transform(directory / "in.csv", directory / "out.jsonl", lock=True)


def test_an_output_has_one_lock_by_whatever_link(directory: Path) -> None:
    (directory / "link.jsonl").symlink_to("out.jsonl")
    with taken(directory / "out.jsonl.lock"), pytest.raises(LockedError, match="who it is"):
        streamx.transform(directory / "in.csv", directory / "link.jsonl", lock=True)
    assert (directory / "out.jsonl").read_bytes() == OLD


def test_a_named_lock_is_shared_by_outputs_of_any_kind(directory: Path) -> None:
    lock = directory / "jobs.lock"
    with taken(lock):
        for output in ("-", "/dev/null", directory / "out.jsonl"):
            with pytest.raises(LockedError):
                streamx.transform(
                    directory / "in.csv", output, target_format="jsonl", lock_file=lock
                )
    streamx.transform(directory / "in.csv", "/dev/null", target_format="jsonl", lock_file=lock)


@pytest.mark.parametrize(("output", "name"), [("-", "standard output"), ("/dev/null", "/dev/null")])
def test_what_is_no_file_needs_a_named_lock(directory: Path, output: str, name: str) -> None:
    with pytest.raises(UsageError, match=f"the output is {name}; name one with --lock-file"):
        streamx.transform(directory / "in.csv", output, target_format="jsonl", lock=True)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("in.csv", "the input"),
        ("./in.csv", "the input"),
        ("hard.csv", "the input"),
        ("out.jsonl", "the output"),
        ("out.jsonl.rejects.jsonl", "the rejects file"),
        ("summary.json", "--summary"),
    ],
)
def test_lock_file_is_no_other_file_of_the_run(directory: Path, name: str, what: str) -> None:
    os.link(directory / "in.csv", directory / "hard.csv")
    before = sorted(os.listdir(directory))
    with pytest.raises(UsageError, match=f"the lock file and {what} are the same file"):
        streamx.transform(
            directory / "in.csv",
            directory / "out.jsonl",
            lock_file=os.path.join(directory, name),
            on_error="reject",
            summary=directory / "summary.json",
        )
    assert sorted(os.listdir(directory)) == before
    assert (directory / "in.csv").read_bytes() == RECORDS


def test_file_that_holds_something_else_is_no_lock_and_is_left_as_it_is(directory: Path) -> None:
    (directory / "notes").write_bytes(b"keep me\n")
    with pytest.raises(UsageError, match="holds something else than a lock"):
        streamx.transform(
            directory / "in.csv", directory / "out.jsonl", lock_file=directory / "notes"
        )
    assert (directory / "notes").read_bytes() == b"keep me\n"
    assert (directory / "out.jsonl").read_bytes() == OLD


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/dev/null", "is a device, FIFO or the like; name another"),
        ("no/such/lock", "cannot lock .*: No such file or directory; name a file"),
        (".", "cannot lock .*: Is a directory; name a file"),
    ],
)
def test_lock_file_that_cannot_be_one_is_an_error(directory: Path, path: str, error: str) -> None:
    with pytest.raises(StreamxError, match=error):
        streamx.transform(directory / "in.csv", directory / "out.jsonl", lock_file=directory / path)
    assert (directory / "out.jsonl").read_bytes() == OLD


def test_file_system_without_locks_is_an_error_that_says_what_to_do(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OutputError, match=r"No locks available; .* --lock-file"):
        streamx.transform(directory / "in.csv", directory / "out.jsonl", lock=True)


def test_explaining_a_run_takes_no_lock(directory: Path) -> None:
    before = sorted(os.listdir(directory))
    arguments = (directory / "in.csv", directory / "out.jsonl")
    assert asyncio.run(streamx.explain_async(*arguments, lock=True)).startswith("input")
    assert sorted(os.listdir(directory)) == before
