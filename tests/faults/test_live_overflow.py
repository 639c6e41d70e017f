"""A live input that comes faster than it is taken: nothing waits, and what is dropped is told."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from processes import PATIENCE_SECONDS, Process, finish, read_bytes, running, until

HEADER = b"n\n"
# Several times what the run may hold, and all pipes.
RECORDS = 1_000_000
RECORD_BYTES = len(b"00000000\n")
OUTPUT_BYTES = len(b'{"n":"00000000"}\n')
DATA = b"".join(b"%08d\n" % number for number in range(RECORDS))
SIZES = ("--chunk-size", "16K", "--buffer", "4", "-j", "2")


@contextmanager
def live(on_full: str, *arguments: str, cwd: Path) -> Iterator[Process]:
    formats = ("-", "-", "--from", "csv", "--to", "jsonl", "--types", "string")
    known = (*formats, "--on-full", on_full, "--summary", "summary.json", *SIZES)
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "bufsize": 0}
    with running(*known, *arguments, cwd=cwd, **pipes) as process:
        yield process


def send(process: Process, data: bytes) -> None:
    """Write all, and fail if the run does not take it at once."""
    assert process.stdin is not None
    os.set_blocking(process.stdin.fileno(), False)
    rest = memoryview(data)
    while rest:
        writable = select.select([], [process.stdin], [], PATIENCE_SECONDS)[1]
        assert writable, f"the run waits with {len(rest)} bytes to come"
        rest = rest[process.stdin.write(rest) or 0 :]


def end_input(process: Process) -> None:
    assert process.stdin is not None
    process.stdin.close()


def read_to_end(process: Process) -> bytes:
    assert process.stdout is not None
    return process.stdout.read()


def summary_in(directory: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads((directory / "summary.json").read_text())
    return summary


def numbers_in(output: bytes) -> list[int]:
    assert len(output) % OUTPUT_BYTES == 0
    return [int(output[at + 6 : at + 14]) for at in range(0, len(output), OUTPUT_BYTES)]


@pytest.mark.parametrize("on_full", ["drop-oldest", "drop-newest"])
def test_producer_never_waits_for_a_slow_consumer_and_every_record_is_accounted_for(
    tmp_path: Path, on_full: str
) -> None:
    with live(on_full, cwd=tmp_path) as process:
        send(process, HEADER + DATA)
        end_input(process)
        numbers = numbers_in(read_to_end(process))
        status, errors = finish(process)
    summary = summary_in(tmp_path)
    dropped = RECORDS - len(numbers)
    assert status == 3
    assert 0 < dropped < RECORDS
    assert numbers == sorted(set(numbers))
    assert (numbers[0], summary["records_in"]) == (0, RECORDS)
    assert (summary["records_out"], summary["records_dropped"]) == (len(numbers), dropped)
    assert summary["records_filtered"] == summary["records_added"] == 0
    assert summary["health"]["dropped"] == "critical"
    assert summary["buffers"]["input buffer"]["dropped"] > 0
    assert errors.startswith(f"streamx: warning: standard input: {dropped:,} records dropped, ")
    first = re.search(r"first in line (\d+): they came faster", errors)
    assert first is not None
    missing = next(at for at, number in enumerate([*numbers, RECORDS]) if at != number)
    assert int(first[1]) == missing + 2
    if on_full == "drop-oldest":
        assert numbers[-1] == RECORDS - 1


def test_lines_and_offsets_behind_what_was_dropped_are_those_of_the_input(tmp_path: Path) -> None:
    arguments = ("--on-error", "reject", "--rejects", "rejects.jsonl")
    with live("drop-oldest", *arguments, cwd=tmp_path) as process:
        send(process, HEADER + DATA + b"bad,cell\n")
        end_input(process)
        numbers = numbers_in(read_to_end(process))
        status, _ = finish(process)
    (reject,) = map(json.loads, (tmp_path / "rejects.jsonl").read_text().splitlines())
    summary = summary_in(tmp_path)
    assert status == 3
    assert (reject["line"], reject["offset"]) == (RECORDS + 2, len(HEADER + DATA))
    assert summary["records_rejected"] == 1
    assert summary["records_in"] == RECORDS + 1 == len(numbers) + 1 + summary["records_dropped"]


def test_bad_record_behind_what_was_dropped_ends_the_run_at_its_own_line(tmp_path: Path) -> None:
    with live("drop-oldest", cwd=tmp_path) as process:
        send(process, HEADER + DATA + b"bad,cell\n")
        end_input(process)
        read_to_end(process)
        status, errors = finish(process)
    assert status == 1
    assert f"standard input, line {RECORDS + 2} (byte {len(HEADER + DATA)}): 2 cells" in errors
    assert summary_in(tmp_path)["records_dropped"] > 0


def test_error_ends_the_run_when_there_is_no_room(tmp_path: Path) -> None:
    with live("error", cwd=tmp_path) as process:
        send(process, HEADER + DATA[:RECORD_BYTES])
        assert read_bytes(process.stdout, OUTPUT_BYTES) == b'{"n":"00000000"}\n'
        with pytest.raises(BrokenPipeError):
            send(process, DATA[RECORD_BYTES:] * 2)
        status, errors = finish(process)
        output = read_to_end(process)
    assert status == 1
    found = re.fullmatch(
        r"streamx: error: standard input, line (\d+) \(byte (\d+)\): no room for what follows: "
        r"4 chunks \([\d,]+ bytes\) wait for a worker; --on-full error ends the run there, "
        r"a larger --buffer holds more\n",
        errors,
    )
    assert found is not None, errors
    assert int(found[2]) == len(HEADER) + (int(found[1]) - 2) * RECORD_BYTES
    numbers = numbers_in(output[: len(output) // OUTPUT_BYTES * OUTPUT_BYTES])
    assert numbers == list(range(1, len(numbers) + 1))
    summary = summary_in(tmp_path)
    assert (summary["status"], summary["error"]["type"]) == ("failed", "InputOverflowError")
    assert summary["records_dropped"] == 0


def test_run_that_is_interrupted_while_it_drops_says_how_many_were_dropped(tmp_path: Path) -> None:
    with live("drop-newest", cwd=tmp_path) as process:
        send(process, HEADER + DATA)
        process.send_signal(signal.SIGINT)
        status, errors = finish(process)
    summary = summary_in(tmp_path)
    assert (status, errors) == (-signal.SIGINT, "")
    assert summary["status"] == "interrupted"
    assert 0 < summary["records_dropped"] <= summary["records_in"] <= RECORDS


FUNCTIONS = """
import os, time

def slow(record):
    wait()
    return record | {"m": 1}

async def waiting(record):
    wait()
    return record | {"m": 1}

def wait():
    open("called", "a").close()
    while not os.path.exists("go"):
        time.sleep(0.01)
"""


@pytest.mark.parametrize("name", ["slow", "waiting"])
def test_chunk_that_decides_the_header_is_not_dropped_behind_a_slow_function(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "f.py").write_text(FUNCTIONS)
    arguments = ("--fn", f"f.py:{name}", "--to", "csv", "--buffer", "1")
    with live("drop-oldest", *arguments, cwd=tmp_path) as process:
        send(process, HEADER + DATA[: RECORD_BYTES * 100_000])
        until((tmp_path / "called").exists)
        (tmp_path / "go").touch()
        end_input(process)
        header, first, *rest = read_to_end(process).splitlines()
        assert finish(process)[0] == (3 if len(rest) < 99_999 else 0)
    assert (header, first) == (b"n,m", b"00000000,1")
    assert len(rest) + 1 + summary_in(tmp_path)["records_dropped"] == 100_000


def test_nothing_is_dropped_where_all_is_taken_in_time(tmp_path: Path) -> None:
    with live("drop-newest", cwd=tmp_path) as process:
        send(process, HEADER)
        for number in range(20):
            record = b"%08d\n" % number
            send(process, record)
            assert read_bytes(process.stdout, OUTPUT_BYTES) == b'{"n":"%b"}\n' % record[:-1]
        end_input(process)
        assert finish(process) == (0, "")
    assert summary_in(tmp_path)["records_dropped"] == 0


def test_records_longer_than_a_chunk_do_not_make_the_producer_wait(tmp_path: Path) -> None:
    record = b"x" * 300_000 + b"\n"
    with live("drop-oldest", cwd=tmp_path) as process:
        send(process, HEADER + record * 40)
        end_input(process)
        output = read_to_end(process)
        assert finish(process)[0] == 3
    summary = summary_in(tmp_path)
    assert output.count(b"\n") == summary["records_out"] == 40 - summary["records_dropped"]


def test_explain_tells_what_happens_when_there_is_no_room(tmp_path: Path) -> None:
    with live("drop-oldest", "--explain", cwd=tmp_path) as process:
        send(process, HEADER + DATA[:RECORD_BYTES])
        end_input(process)
        shown = read_to_end(process).decode()
    assert (
        "buffer   at most 4 chunks or 65,536 bytes wait for a worker, then drop-oldest\n" in shown
    )


@pytest.mark.parametrize("kind", ["file", "fifo"])
def test_input_that_is_named_is_refused_since_it_can_wait(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "in.csv"
    if kind == "fifo":
        os.mkfifo(path)
    else:
        path.write_bytes(HEADER)
    with running("in.csv", "--to", "jsonl", "--on-full", "drop-oldest", cwd=tmp_path) as process:
        status, errors = finish(process)
    assert status == 2
    assert errors == (
        "streamx: error: --on-full needs a live standard input; a file or FIFO named as INPUT is "
        "read when there is room\n"
    )


@pytest.mark.parametrize("more", [(), ("--explain",)])
def test_standard_input_that_is_a_file_is_refused_since_it_can_wait(
    tmp_path: Path, more: tuple[str, ...]
) -> None:
    (tmp_path / "in.csv").write_bytes(HEADER)
    arguments = ("--from", "csv", "--to", "jsonl", "--on-full", "error", *more)
    with (
        (tmp_path / "in.csv").open("rb") as file,
        running(*arguments, cwd=tmp_path, stdin=file) as process,
    ):
        status, errors = finish(process)
    assert status == 2
    assert errors == (
        "streamx: error: --on-full needs a live standard input; this one is a file and can wait\n"
    )
