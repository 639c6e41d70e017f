"""A run that is told to stop: it dies by the signal, in silence, and leaves the old output."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import (
    STREAMX,
    Process,
    endless_records,
    finish,
    holds_bytes,
    is_full,
    running,
    temporary_files,
    until,
)

STOPS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
FROM_CSV = ("--from", "csv", "--types", "string")
OLD = b"old output\n"
END_SECONDS = 5.0


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """An output file that an earlier run has left."""
    file = tmp_path / "out.jsonl"
    file.write_bytes(OLD)
    return file


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe that nobody reads, as (read end, write end)."""
    read_end, write_end = os.pipe()
    yield read_end, write_end
    os.close(read_end)
    os.close(write_end)


def assert_dies_quietly(process: Process, number: signal.Signals) -> None:
    process.send_signal(number)
    assert finish(process, END_SECONDS) == (-number, "")


@STOPS
def test_signal_during_a_busy_run_removes_the_temporary_file_and_keeps_the_old_output(
    output: Path, number: signal.Signals
) -> None:
    directory = output.parent
    with (
        endless_records() as records,
        running("-", output, *FROM_CSV, cwd=directory, stdin=records) as process,
    ):
        until(lambda: holds_bytes(directory, 1_000_000))
        assert_dies_quietly(process, number)
    assert temporary_files(directory) == []
    assert output.read_bytes() == OLD


@STOPS
def test_signal_ends_a_run_that_waits_for_a_silent_pipe(
    output: Path, number: signal.Signals
) -> None:
    directory = output.parent
    arguments = ("-", output, *FROM_CSV)
    with running(*arguments, cwd=directory, stdin=subprocess.PIPE) as process:
        until(lambda: temporary_files(directory))
        assert_dies_quietly(process, number)
    assert temporary_files(directory) == []
    assert output.read_bytes() == OLD


def test_interrupt_ends_a_run_that_waits_for_the_writer_of_a_fifo(output: Path) -> None:
    directory = output.parent
    os.mkfifo(directory / "in.csv")
    with running("in.csv", output, cwd=directory) as process:
        until(lambda: temporary_files(directory))
        assert_dies_quietly(process, signal.SIGINT)
    assert temporary_files(directory) == []


def test_terminate_ends_a_run_that_waits_after_the_types_were_decided(output: Path) -> None:
    directory = output.parent
    arguments = ("-", output, *FROM_CSV)
    with running(*arguments, cwd=directory, stdin=subprocess.PIPE, bufsize=0) as process:
        assert process.stdin is not None
        process.stdin.write(b"a\n1\n")
        until(lambda: holds_bytes(directory))
        assert_dies_quietly(process, signal.SIGTERM)
    assert temporary_files(directory) == []
    assert output.read_bytes() == OLD


@STOPS
def test_signal_ends_a_run_whose_output_nobody_reads(
    tmp_path: Path, pipe: tuple[int, int], number: signal.Signals
) -> None:
    _, write_end = pipe
    with (
        endless_records() as records,
        running(
            "-", "-", *FROM_CSV, "--to", "jsonl", cwd=tmp_path, stdin=records, stdout=write_end
        ) as process,
    ):
        until(lambda: is_full(write_end))
        assert_dies_quietly(process, number)


def test_interrupt_reaches_a_run_with_several_workers(output: Path) -> None:
    directory = output.parent
    with (
        endless_records() as records,
        running("-", output, *FROM_CSV, "-j", "4", "-u", cwd=directory, stdin=records) as process,
    ):
        until(lambda: holds_bytes(directory, 1_000_000))
        assert_dies_quietly(process, signal.SIGINT)
    assert temporary_files(directory) == []


def test_second_interrupt_does_not_wait_for_a_read_that_hangs(output: Path) -> None:
    # A read of an eventfd blocks in its thread, as one of a dead network drive does.
    directory = output.parent
    silent = os.eventfd(0)
    try:
        with running("-", output, *FROM_CSV, cwd=directory, stdin=silent) as process:
            until(lambda: temporary_files(directory))
            process.send_signal(signal.SIGINT)
            until(lambda: is_gone_after_another_interrupt(process), END_SECONDS)
            assert finish(process, END_SECONDS) == (-signal.SIGINT, "")
    finally:
        os.close(silent)
    assert output.read_bytes() == OLD


def has_pending_signal(process_id: int) -> bool:
    status = Path(f"/proc/{process_id}/status").read_text()
    return any(int(mask, 16) for mask in re.findall(r"(?:SigPnd|ShdPnd):\s*(\w+)", status))


def is_gone_after_another_interrupt(process: Process) -> bool:
    process.send_signal(signal.SIGINT)
    return process.poll() is not None


def test_hangup_that_was_ignored_at_the_start_stays_ignored(output: Path) -> None:
    # nohup streamx ... & survives the end of its terminal.
    directory = output.parent
    command = 'trap "" HUP; exec "$@"'
    arguments = [*STREAMX, "transform", "-", str(output), *FROM_CSV]
    with subprocess.Popen(
        ["bash", "-c", command, "bash", *arguments],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(b"a\n1\n")
        until(lambda: holds_bytes(directory))
        process.send_signal(signal.SIGHUP)
        until(lambda: not has_pending_signal(process.pid))
        process.stdin.write(b"2\n")
        process.stdin.close()
        assert finish(process) == (0, "")
    assert output.read_bytes() == b'{"a":"1"}\n{"a":"2"}\n'


def test_kill_leaves_the_old_output_and_the_next_run_needs_no_cleaning(output: Path) -> None:
    directory = output.parent
    with (
        endless_records() as records,
        running("-", output, *FROM_CSV, cwd=directory, stdin=records) as process,
    ):
        until(lambda: holds_bytes(directory, 1_000_000))
        process.kill()
        assert finish(process) == (-signal.SIGKILL, "")
    assert output.read_bytes() == OLD
    (directory / "in.csv").write_bytes(b"a\nx\n")
    with running("in.csv", output, cwd=directory) as process:
        assert finish(process) == (0, "")
    assert output.read_bytes() == b'{"a":"x"}\n'


def test_two_runs_on_one_output_leave_the_whole_version_of_the_last_to_end(output: Path) -> None:
    directory = output.parent
    arguments = ("-", output, *FROM_CSV)
    with (
        running(*arguments, cwd=directory, stdin=subprocess.PIPE, bufsize=0) as one,
        running(*arguments, cwd=directory, stdin=subprocess.PIPE, bufsize=0) as other,
    ):
        assert one.stdin is not None
        assert other.stdin is not None
        one.stdin.write(b"a\n1\n")
        other.stdin.write(b"a\n2\n2\n")
        until(lambda: len(temporary_files(directory)) == 2)
        other.stdin.close()
        assert finish(other) == (0, "")
        assert output.read_bytes() == b'{"a":"2"}\n{"a":"2"}\n'
        one.stdin.close()
        assert finish(one) == (0, "")
    assert output.read_bytes() == b'{"a":"1"}\n'
    assert temporary_files(directory) == []
