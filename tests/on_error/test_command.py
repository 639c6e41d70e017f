"""What the command leaves behind: exit codes, the rejects file, and memory that stays bounded."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from bad_cells import table
from conftest import STREAMX

MIB = 1024 * 1024
Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture(autouse=True)
def records(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(table(["good", "cells", "good"]))
    (tmp_path / "fine.csv").write_bytes(table(["good"]))


def names(directory: Path) -> set[str]:
    return set(os.listdir(directory)) - {"in.csv", "fine.csv"}


def test_naming_a_rejects_file_is_enough(streamx: Run, tmp_path: Path) -> None:
    result = streamx("transform", "in.csv", "out.jsonl", "--rejects", "bad.jsonl")
    assert result.returncode == 3
    assert names(tmp_path) == {"out.jsonl", "bad.jsonl"}
    assert json.loads((tmp_path / "bad.jsonl").read_bytes())["raw"] == "1"


def test_without_a_bad_record_an_old_rejects_file_goes(streamx: Run, tmp_path: Path) -> None:
    (tmp_path / "out.jsonl.rejects.jsonl").write_bytes(b"old\n")
    result = streamx("transform", "fine.csv", "out.jsonl", "--on-error", "reject")
    assert (result.returncode, result.stderr) == (0, b"")
    assert names(tmp_path) == {"out.jsonl"}


def test_a_run_that_fails_keeps_the_old_rejects_file(streamx: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_bytes(b"old\n")
    result = streamx("transform", "in.csv", "/dev/full", "--to", "jsonl", "--rejects", "bad.jsonl")
    assert (result.returncode, b"No space left" in result.stderr) == (1, True)
    assert (tmp_path / "bad.jsonl").read_bytes() == b"old\n"
    assert names(tmp_path) == {"bad.jsonl"}


def test_rejects_that_cannot_be_written_fail_the_run(streamx: Run, tmp_path: Path) -> None:
    result = streamx("transform", "in.csv", "out.jsonl", "--rejects", "/dev/full")
    assert result.returncode == 1
    assert (
        result.stderr
        == b"streamx: error: cannot write /dev/full: No space left on device; make room there\n"
    )
    assert names(tmp_path) == set()


def test_too_many_bad_records_leave_the_rejects_and_no_output(streamx: Run, tmp_path: Path) -> None:
    result = streamx(
        "transform", "in.csv", "out.jsonl", "--on-error", "reject", "--max-errors", "0"
    )
    assert result.returncode == 1
    assert names(tmp_path) == {"out.jsonl.rejects.jsonl"}
    assert b"The rejects so far are in out.jsonl.rejects.jsonl" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-", "--to", "jsonl", "--on-error", "reject"], b"name one with --rejects"),
        (["/dev/null", "--to", "jsonl", "--on-error", "reject"], b"name one with --rejects"),
        (["out.jsonl", "--rejects", "out.jsonl"], b"the rejects and the output are both"),
        (["out.jsonl", "--rejects", "in.csv"], b"input and output are the same file"),
        (["out.jsonl", "--on-error", "skip", "--rejects", "x"], b"--rejects needs"),
        (["out.jsonl", "--max-errors", "3"], b"--max-errors needs"),
        (["out.jsonl", "--on-error", "skip", "--max-errors", "many"], b"write a number"),
    ],
)
def test_what_cannot_work_is_said_before_reading(
    streamx: Run, tmp_path: Path, arguments: list[str], said: bytes
) -> None:
    result = streamx("transform", "in.csv", *arguments)
    assert result.returncode == 2
    assert said in result.stderr
    assert names(tmp_path) == set()


def test_progress_counts_bad_records(streamx: Run) -> None:
    result = streamx(
        "transform", "in.csv", "out.jsonl", "--on-error", "skip", "--progress", "plain"
    )
    assert b"2 records, 1 bad, " in result.stderr


def test_a_signal_leaves_neither_output_nor_rejects(tmp_path: Path) -> None:
    command = [*STREAMX, "transform", "--from", "csv", "-", "out.jsonl", "--rejects", "bad.jsonl"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, cwd=tmp_path) as process:
        assert process.stdin is not None
        process.stdin.write(b"a,b\n" + b"1,2\n3\n" * 400_000)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == -signal.SIGINT
    assert names(tmp_path) == set()


def test_memory_is_bounded_when_all_records_are_bad(tmp_path: Path) -> None:
    data = b"a,b\n" + b"".join(b"%01000d\n" % number for number in range(40_000))
    script = (
        "import streamx\n"
        "streamx.transform('all.csv', 'out.jsonl', on_error='reject', workers=2)\n"
        "print(*(line for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    (tmp_path / "all.csv").write_bytes(data)
    result = subprocess.run(
        [STREAMX[0], "-c", script], cwd=tmp_path, capture_output=True, check=True, timeout=120
    )
    rejects_bytes = (tmp_path / "out.jsonl.rejects.jsonl").stat().st_size
    assert rejects_bytes > 40 * MIB
    assert int(result.stdout.split()[1]) * 1024 < 64 * MIB
