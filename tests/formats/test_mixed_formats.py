"""Files of several formats are one input: what is said of it holds for each, in any order."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Run
from formats.spreadsheets import write_xlsx

import streamx
from streamx import UsageError


def write_parquet(path: Path) -> None:
    pq.write_table(pa.table({"id": [1, 2]}), path)


def write_workbook(path: Path) -> None:
    write_xlsx(path, {"one": [["id"], [3.0]], "two": [["id"], [4.0]]})


WRITERS: dict[str, Callable[[Path], object]] = {
    "a.jsonl": lambda path: path.write_text('{"id":5}\n{"id":6}\n'),
    "a.json": lambda path: path.write_text('[{"id":7},{"id":8}]'),
    "a.parquet": write_parquet,
    "a.xlsx": write_workbook,
}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a file of each format, which is where the test runs."""
    monkeypatch.chdir(tmp_path)
    for name, write in WRITERS.items():
        write(tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("names", list(itertools.permutations(WRITERS, 2)))
def test_lines_are_passed_over_in_no_file_where_they_are_no_lines_in_some(
    files: Path, names: tuple[str, ...]
) -> None:
    with pytest.raises(UsageError, match="--skip-lines needs"):
        streamx.transform(names, "out.jsonl", skip_lines=1)


def test_a_json_text_has_no_lines_to_pass_over(streamx: Run, files: Path) -> None:
    result = streamx("transform", "a.json", "-", "--to", "jsonl", "--skip-lines", "1")
    assert (result.returncode, result.stdout) == (2, b"")
    assert b"--skip-lines needs CSV, TSV or JSONL input, not JSON" in result.stderr


@pytest.mark.parametrize("names", list(itertools.permutations(("a.jsonl", "a.xlsx"))))
def test_an_option_of_one_format_is_for_its_files(files: Path, names: tuple[str, ...]) -> None:
    streamx.transform(names, "out.jsonl", sheet="two", encoding="latin-1")
    ids = sorted((files / "out.jsonl").read_text().split())
    assert ids == ['{"id":4}', '{"id":5}', '{"id":6}']


@pytest.mark.parametrize("other", ["a.json", "a.parquet", "a.xlsx"])
def test_a_cluster_reads_none_of_several_files_that_cannot_be_split(
    files: Path, other: str
) -> None:
    with pytest.raises(UsageError, match="--engine dask needs CSV, TSV or JSONL input, not"):
        streamx.transform(["a.jsonl", other], "out", engine="dask")


def test_a_file_that_is_compressed_as_none_of_its_format_may_be_is_named(files: Path) -> None:
    packed = files / "b.parquet.gz"
    packed.write_bytes(gzip.compress((files / "a.parquet").read_bytes()))
    with pytest.raises(UsageError, match=r"^b\.parquet\.gz needs to be decompressed first"):
        streamx.transform(["a.jsonl", "b.parquet.gz"], "out.jsonl")


@pytest.mark.parametrize("names", list(itertools.permutations(("a.jsonl", "a.parquet"))))
def test_memory_is_that_of_the_format_that_takes_most(files: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="is too little"):
        streamx.transform(names, "out.jsonl", max_memory_bytes=80 * 1024 * 1024)


def test_what_is_odd_in_a_header_is_told_once_of_each_file(streamx: Run, tmp_path: Path) -> None:
    for name in ("1.xlsx", "2.xlsx"):
        write_xlsx(tmp_path / name, {"one": [["a", None], [1.0, 2.0]]})
    result = streamx("transform", "?.xlsx", "-", "--to", "csv")
    assert result.stdout == b"a,column_2\n1,2\n1,2\n"
    assert result.stderr.decode().splitlines() == [
        f"streamx: warning: {name}: column 2 has no name in the header and is called 'column_2'"
        for name in ("1.xlsx", "2.xlsx")
    ]
