"""Standard streams that are closed, as under some daemons: an error, never lost data."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

STREAMX = f"'{sys.executable}' -m streamx"
CONTENT = b"a\n1\n2\n"
OUTPUT = b'{"a":1}\n{"a":2}\n'


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "in.csv").write_bytes(CONTENT)
    return tmp_path


def shell(directory: Path, command: str) -> tuple[int, bytes, bytes]:
    result = subprocess.run(
        ["bash", "-c", f'streamx() {{ {STREAMX} "$@"; }}; {command}'],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=30,
        check=False,
    )
    return result.returncode, result.stdout, result.stderr


def test_closed_standard_input_is_an_error(directory: Path) -> None:
    assert shell(directory, "streamx transform --from csv --to jsonl <&-") == (
        1,
        b"",
        b"streamx: error: standard input is closed; name an input file\n",
    )


def test_closed_standard_output_is_an_error(directory: Path) -> None:
    assert shell(directory, "streamx transform in.csv --to jsonl >&-") == (
        1,
        b"",
        b"streamx: error: standard output is closed; name an output file\n",
    )


def test_closed_standard_error_hides_the_message_but_not_the_status(directory: Path) -> None:
    assert shell(directory, "streamx transform missing.csv --to jsonl 2>&-") == (1, b"", b"")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_file_to_file_needs_no_standard_stream(directory: Path, closed: str) -> None:
    command = f"streamx transform in.csv out.jsonl {closed}"
    assert shell(directory, command) == (0, b"", b"")
    assert (directory / "out.jsonl").read_bytes() == OUTPUT
    assert (directory / "in.csv").read_bytes() == CONTENT


def test_warning_without_standard_error_is_no_failure(directory: Path) -> None:
    command = "streamx transform in.csv --to jsonl --type a=boolean 2>&-"
    assert shell(directory, command) == (0, b'{"a":"1"}\n{"a":"2"}\n', b"")


def test_warning_on_a_full_standard_error_is_no_failure(directory: Path) -> None:
    command = "streamx transform in.csv --to jsonl --type a=boolean 2>/dev/full"
    assert shell(directory, command) == (0, b'{"a":"1"}\n{"a":"2"}\n', b"")


def test_output_is_published_though_a_warning_cannot_be_said(directory: Path) -> None:
    command = "streamx transform in.csv out.jsonl --type a=boolean 2>/dev/full"
    assert shell(directory, command) == (0, b"", b"")
    assert (directory / "out.jsonl").read_bytes() == b'{"a":"1"}\n{"a":"2"}\n'


def test_schema_on_a_closed_standard_output_is_an_error(directory: Path) -> None:
    status, _, error = shell(directory, "streamx schema in.csv >&-")
    assert status == 1
    assert error == b"streamx: error: standard output is closed\n"


def test_schema_on_a_full_standard_output_is_an_error(directory: Path) -> None:
    status, _, error = shell(directory, "streamx schema in.csv >/dev/full")
    assert status == 1
    assert error == (
        b"streamx: error: cannot write standard output: No space left on device; make room there\n"
    )


def test_schema_whose_reader_goes_away_is_silent(directory: Path) -> None:
    (directory / "in.csv").write_bytes(b",".join(b"c%d" % n for n in range(50_000)) + b"\n")
    command = "streamx schema in.csv | head -1; exit ${PIPESTATUS[0]}"
    assert shell(directory, command) == (141, b"column  type    nulls  examples\n", b"")
