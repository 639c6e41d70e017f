"""Slow producers, slow consumers and readers that go away."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from processes import (
    Process,
    endless_records,
    finish,
    is_full,
    is_readable,
    read_bytes,
    running,
    until,
)

AT_ONCE_SECONDS = 0.5
SILENCE_SECONDS = 0.3
STRINGS = ("-", "--from", "csv", "--to", "jsonl", "--types", "string")


@contextmanager
def live(*arguments: str, cwd: Path) -> Iterator[Process]:
    with running(
        *arguments, cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        yield process


def send(process: Process, data: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(data)


def assert_comes(process: Process, data: bytes, within_seconds: float = 20) -> None:
    assert read_bytes(process.stdout, len(data), within_seconds) == data


def assert_silent(process: Process) -> None:
    assert process.stdout is not None
    assert not is_readable(process.stdout.fileno(), SILENCE_SECONDS)


def end(process: Process) -> tuple[int, str]:
    assert process.stdin is not None
    process.stdin.close()
    return finish(process)


@pytest.mark.parametrize(
    ("arguments", "start", "first", "record", "expected"),
    [
        pytest.param(STRINGS, b"a\n1\n", b'{"a":"1"}\n', b"2\n", b'{"a":"2"}\n', id="strings"),
        pytest.param(
            (*STRINGS, "--line-buffered"),
            b"a\n1\n",
            b'{"a":"1"}\n',
            b"2\n",
            b'{"a":"2"}\n',
            id="line buffered",
        ),
        pytest.param(
            ("-", "--from", "csv", "--to", "jsonl", "--type", "a=integer"),
            b"a\n1\n",
            b'{"a":1}\n',
            b"2\n",
            b'{"a":2}\n',
            id="all columns pinned",
        ),
        pytest.param(
            ("-", "--from", "csv", "--to", "tsv"),
            b"a,b\n1,2\n",
            b"a\tb\n1\t2\n",
            b"3,4\n",
            b"3\t4\n",
            id="csv to tsv",
        ),
        pytest.param(
            ("-", "--from", "jsonl", "--to", "jsonl"),
            b'{"a":1}\n',
            b'{"a":1}\n',
            b"[2]\n",
            b"[2]\n",
            id="jsonl to jsonl",
        ),
        pytest.param(
            ("-", "--from", "jsonl", "--to", "csv", "--columns", "a"),
            b'{"a":1}\n',
            b"a\n1\n",
            b'{"a":2}\n',
            b"2\n",
            id="columns named",
        ),
    ],
)
def test_whole_record_on_an_open_pipe_comes_out_at_once(
    tmp_path: Path,
    arguments: tuple[str, ...],
    start: bytes,
    first: bytes,
    record: bytes,
    expected: bytes,
) -> None:
    with live(*arguments, cwd=tmp_path) as process:
        send(process, start)
        assert_comes(process, first)
        for _ in range(3):
            send(process, record)
            assert_comes(process, expected, AT_ONCE_SECONDS)
        assert end(process) == (0, "")


def test_half_a_record_waits_for_its_other_half(tmp_path: Path) -> None:
    with live(*STRINGS, cwd=tmp_path) as process:
        send(process, b"a\n1\n2")
        assert_comes(process, b'{"a":"1"}\n')
        assert_silent(process)
        send(process, b'3\n"x\n')
        assert_comes(process, b'{"a":"23"}\n')
        assert_silent(process)
        send(process, b'y"\n')
        assert_comes(process, b'{"a":"x\\ny"}\n', AT_ONCE_SECONDS)
        assert end(process) == (0, "")


def test_lone_final_line_of_a_pipe_comes_at_its_end(tmp_path: Path) -> None:
    with live(*STRINGS, cwd=tmp_path) as process:
        send(process, b"a\n1")
        assert process.stdin is not None
        process.stdin.close()
        assert_comes(process, b'{"a":"1"}\n')
        assert finish(process) == (0, "")


def test_types_of_an_idle_pipe_are_decided_after_a_second_with_the_flags_that_pin_them(
    tmp_path: Path,
) -> None:
    with live("-", "--from", "csv", "--to", "jsonl", cwd=tmp_path) as process:
        send(process, b"a,b c\n1,x\n")
        assert_comes(process, b'{"a":1,"b c":"x"}\n')
        send(process, b"2,y\n")
        assert_comes(process, b'{"a":2,"b c":"y"}\n', AT_ONCE_SECONDS)
        assert end(process) == (
            0,
            "streamx: warning: standard input went idle: column types were decided from the "
            "records that had come; pin them with --type a=integer --type 'b c=string', "
            "or --types string\n",
        )


def test_header_of_an_idle_pipe_is_decided_with_the_flag_that_names_it(tmp_path: Path) -> None:
    with live("-", "--from", "jsonl", "--to", "csv", cwd=tmp_path) as process:
        send(process, b'{"a":1,"b":2}\n')
        assert_comes(process, b"a,b\n1,2\n")
        assert end(process) == (
            0,
            "streamx: warning: standard input went idle: the columns were decided from the "
            "records that had come; pin them with --columns a,b\n",
        )


def test_types_are_not_decided_without_a_single_record(tmp_path: Path) -> None:
    with live("-", "--from", "csv", "--to", "jsonl", cwd=tmp_path) as process:
        send(process, b"a\n")
        assert process.stdout is not None
        assert not is_readable(process.stdout.fileno(), 1.5)
        send(process, b"1\n")
        assert end(process) == (0, "")
        assert_comes(process, b'{"a":1}\n')


@pytest.mark.parametrize("limit", [1, 2])
def test_limit_ends_a_run_whose_pipe_stays_open(tmp_path: Path, limit: int) -> None:
    with live(*STRINGS, "--limit", str(limit), cwd=tmp_path) as process:
        send(process, b"a\n1\n2\n")
        assert_comes(process, b'{"a":"1"}\n{"a":"2"}\n'[: 10 * limit])
        assert finish(process, 5) == (0, "")


def test_limit_takes_no_more_than_its_share_of_an_endless_input(tmp_path: Path) -> None:
    with (
        endless_records() as records,
        running(
            *STRINGS, "-n", "3", cwd=tmp_path, stdin=records, stdout=subprocess.PIPE
        ) as process,
    ):
        assert finish(process) == (0, "")
        assert process.stdout is not None
        assert process.stdout.read() == b'{"1":"1","x":"x"}\n' * 3


@pytest.mark.parametrize("workers", ["1", "4"])
def test_run_dies_by_sigpipe_without_a_word_when_its_reader_goes_away(
    tmp_path: Path, workers: str
) -> None:
    with (
        endless_records() as records,
        running(
            *STRINGS, "-j", workers, cwd=tmp_path, stdin=records, stdout=subprocess.PIPE, bufsize=0
        ) as process,
    ):
        assert process.stdout is not None
        assert read_bytes(process.stdout, 18) == b'{"1":"1","x":"x"}\n'
        process.stdout.close()
        assert finish(process, 5) == (-signal.SIGPIPE, "")


def test_reader_that_left_before_the_first_byte_ends_the_run_too(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(b"a\n1\n")
    read_end, write_end = os.pipe()
    os.close(read_end)
    with running("in.csv", "--to", "jsonl", cwd=tmp_path, stdout=write_end) as process:
        os.close(write_end)
        assert finish(process, 5) == (-signal.SIGPIPE, "")


@pytest.mark.parametrize("is_blocking", [False, True])
def test_slow_reader_gets_everything_and_the_pipe_keeps_its_mode(
    tmp_path: Path, is_blocking: bool
) -> None:
    records = 300_000  # their output is three times what the pipe is made to hold
    (tmp_path / "in.csv").write_bytes(b"a\n" + b"x\n" * records)
    read_end, write_end = os.pipe()
    fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(write_end, is_blocking)
    output = bytearray()
    with running("in.csv", "--to", "jsonl", cwd=tmp_path, stdout=write_end) as process:
        for _ in range(10):
            until(lambda: is_full(write_end))
            output += os.read(read_end, 2048)
        assert os.get_blocking(write_end) is is_blocking
        os.close(write_end)
        while block := os.read(read_end, 65536):
            output += block
        assert finish(process) == (0, "")
    os.close(read_end)
    assert output == b'{"a":"x"}\n' * records


def test_burst_before_the_pipe_goes_idle_is_not_held_back(tmp_path: Path) -> None:
    # More than one chunk: the last, partly filled one must not wait for company for long.
    records = 5000
    with live(*STRINGS, "--chunk-size", "4K", cwd=tmp_path) as process:
        send(process, b"a\n1\n")
        assert_comes(process, b'{"a":"1"}\n')
        send(process, b"2\n" * records)
        started = time.monotonic()
        assert_comes(process, b'{"a":"2"}\n' * records)
        assert time.monotonic() - started < 2
        assert end(process) == (0, "")
