"""Damaged gzip input publishes nothing; what gzip(1) accepts is read whole."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from pathlib import Path

import pytest
from processes import finish, running

OLD = b"old output\n"
RECORDS = b"a\n" + b"".join(b"%d\n" % number for number in range(50_000))
WHOLE = gzip.compress(RECORDS)
OUTPUT = b"".join(b'{"a":%d}\n' % number for number in range(50_000))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "out.jsonl").write_bytes(OLD)
    return tmp_path


def flipped(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 0xFF]) + data[position + 1 :]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(WHOLE[:5], id="within the header"),
        pytest.param(WHOLE[: len(WHOLE) // 2], id="in the middle"),
        pytest.param(WHOLE[:-8], id="before the check sum"),
        pytest.param(WHOLE[:-1], id="one byte short"),
        pytest.param(WHOLE + WHOLE[:100], id="in the second member"),
        pytest.param(WHOLE + b"\x1f", id="after one byte of a second member"),
    ],
)
def test_truncated_gzip_is_an_error_and_the_old_output_stays(directory: Path, data: bytes) -> None:
    (directory / "in.csv.gz").write_bytes(data)
    with running("in.csv.gz", "out.jsonl", cwd=directory) as process:
        assert finish(process) == (
            1,
            "streamx: error: in.csv.gz: the gzip data ends in the middle "
            f"(after {len(data)} bytes); the file is truncated, get a whole copy\n",
        )
    assert sorted(os.listdir(directory)) == ["in.csv.gz", "out.jsonl"]
    assert (directory / "out.jsonl").read_bytes() == OLD


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(flipped(WHOLE, len(WHOLE) - 8), id="check sum"),
        pytest.param(flipped(WHOLE, len(WHOLE) - 1), id="length"),
        pytest.param(flipped(WHOLE, len(WHOLE) // 2), id="data"),
        pytest.param(flipped(WHOLE, 0), id="magic number"),
        pytest.param(WHOLE + b"garbage", id="garbage after the member"),
        pytest.param(WHOLE + b"\0\0\0garbage", id="garbage after padding"),
        pytest.param(RECORDS, id="no gzip at all"),
    ],
)
def test_damaged_gzip_is_an_error_and_the_old_output_stays(directory: Path, data: bytes) -> None:
    (directory / "in.csv.gz").write_bytes(data)
    with running("in.csv.gz", "out.jsonl", cwd=directory) as process:
        status, error = finish(process)
    assert status == 1
    assert error.startswith("streamx: error: in.csv.gz")
    assert error.count("\n") == 1
    assert sorted(os.listdir(directory)) == ["in.csv.gz", "out.jsonl"]
    assert (directory / "out.jsonl").read_bytes() == OLD


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(WHOLE, id="one member"),
        pytest.param(
            gzip.compress(RECORDS[:77_777]) + gzip.compress(b"") + gzip.compress(RECORDS[77_777:]),
            id="three members",
        ),
        pytest.param(WHOLE + b"\0" * 4096, id="padded with zeros"),
        pytest.param(
            b"".join(gzip.compress(RECORDS[at : at + 100]) for at in range(0, len(RECORDS), 100)),
            id="thousands of members",
        ),
        pytest.param(gzip.compress(RECORDS, 0), id="stored without compression"),
    ],
)
def test_gzip_is_read_to_its_end(directory: Path, data: bytes) -> None:
    (directory / "in.csv.gz").write_bytes(data)
    with running("in.csv.gz", "out.jsonl", "--chunk-size", "16K", cwd=directory) as process:
        assert finish(process) == (0, "")
    assert (directory / "out.jsonl").read_bytes() == OUTPUT


def test_gzip_bomb_ends_at_the_longest_record_in_bounded_memory(directory: Path) -> None:
    mebibyte = b"x" * 1024 * 1024
    bomb = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    blocks = [bomb.compress(b"a\n"), *(bomb.compress(mebibyte) for _ in range(100)), bomb.flush()]
    (directory / "in.csv.gz").write_bytes(b"".join(blocks))
    assert (directory / "in.csv.gz").stat().st_size < len(mebibyte)
    with running(
        "in.csv.gz",
        "out.jsonl",
        "--max-record-bytes",
        "1M",
        "--summary",
        "summary.json",
        cwd=directory,
    ) as process:
        status, error = finish(process)
    assert status == 1
    assert "--max-record-bytes" in error
    assert (directory / "out.jsonl").read_bytes() == OLD
    peak_bytes = json.loads((directory / "summary.json").read_bytes())["memory_peak_bytes"]
    assert peak_bytes < 90 * len(mebibyte)


def test_failed_run_does_not_leave_half_a_gzip_output(directory: Path) -> None:
    (directory / "in.csv").write_bytes(RECORDS + b"1,2\n")
    (directory / "out.jsonl.gz").write_bytes(OLD)
    with running("in.csv", "out.jsonl.gz", cwd=directory) as process:
        status, error = finish(process)
    assert status == 1
    assert "line 50002" in error
    assert (directory / "out.jsonl.gz").read_bytes() == OLD
