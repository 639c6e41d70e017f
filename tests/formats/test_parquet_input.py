"""Parquet files are read batch by batch, with only the columns that the run looks at."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Run

RECORDS = 20_000


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20,000 records in row groups of 7,000."""
    path = tmp_path_factory.mktemp("parquet") / "numbers.parquet"
    table = pa.table(
        {
            "number": pa.array(range(RECORDS), pa.uint32()),
            "half": [each / 2 for each in range(RECORDS)],
            "text": [None if each % 3 else f'no. "{each}"' for each in range(RECORDS)],
            "nested": [{"a": [each]} for each in range(RECORDS)],
        }
    )
    pq.write_table(table, path, row_group_size=7000)
    return path


def record(number: int) -> dict[str, object]:
    text = None if number % 3 else f'no. "{number}"'
    return {"number": number, "half": number / 2, "text": text, "nested": {"a": [number]}}


def test_all_records_come_in_their_order(streamx: Run, numbers: Path) -> None:
    result = streamx("transform", numbers, "-", "--to", "jsonl", "--chunk-size", "64K")
    assert (result.returncode, result.stderr) == (0, b"")
    lines = result.stdout.splitlines()
    assert [json.loads(line) for line in lines] == [record(each) for each in range(RECORDS)]


def test_several_files_are_one_input(streamx: Run, numbers: Path, tmp_path: Path) -> None:
    for name in ("part-2.parquet", "part-10.parquet"):
        pq.write_table(pq.read_table(numbers).slice(0, 2), tmp_path / name)
    (tmp_path / "part-3.json").write_bytes(b'[{"number":7}]')
    options = ("--add-source", "file", "--select", "number,file")
    result = streamx("transform", "part-*", "-", "--to", "jsonl", *options)
    assert result.stderr == b""
    assert [tuple(json.loads(line).values()) for line in result.stdout.splitlines()] == [
        *((number, "part-2.parquet") for number in (0, 1)),
        (7, "part-3.json"),
        *((number, "part-10.parquet") for number in (0, 1)),
    ]


def test_csv_has_a_cell_for_each_value(streamx: Run, numbers: Path) -> None:
    result = streamx("transform", numbers, "-", "--to", "csv", "--limit", "2")
    assert result.stdout.decode().splitlines() == [
        "number,half,text,nested",
        '0,0.0,"no. ""0""","{""a"":[0]}"',
        '1,0.5,,"{""a"":[1]}"',
    ]


def test_expressions_and_functions_see_the_values(streamx: Run, numbers: Path) -> None:
    steps = ("--where", "number > 7 and half < 4.6", "--rename", "number=n", "--set", "m=n * 2")
    result = streamx("transform", numbers, "-", "--to", "jsonl", *steps, "--select", "m,half")
    assert result.stdout == b'{"m":16,"half":4.0}\n{"m":18,"half":4.5}\n'


def test_columns_that_nobody_looks_at_are_not_read(streamx: Run, tmp_path: Path) -> None:
    """A column that cannot be decoded is in nobody's way, unless it is wanted."""
    table = pa.table(
        {"whole": list(range(50_000)), "broken": [str(each) for each in range(50_000)]}
    )
    path = tmp_path / "in.parquet"
    pq.write_table(table, path, compression="zstd")
    column = pq.ParquetFile(path).metadata.row_group(0).column(1)
    start = column.dictionary_page_offset or column.data_page_offset
    damaged = bytearray(path.read_bytes())
    damaged[start : start + column.total_compressed_size] = b"\0" * column.total_compressed_size
    path.write_bytes(damaged)
    result = streamx("transform", path, "-", "--to", "csv", "--select", "whole", "--limit", "1")
    assert (result.returncode, result.stdout) == (0, b"whole\n0\n")
    result = streamx("transform", path, "-", "--to", "csv")
    assert result.returncode == 1
    assert result.stderr.startswith(b"streamx: error: cannot read %s: " % bytes(path))
    assert result.stderr.count(b"\n") == 1


def test_a_column_that_there_is_not_is_answered_with_the_nearest(
    streamx: Run, numbers: Path
) -> None:
    result = streamx("transform", numbers, "-", "--to", "csv", "--select", "txt")
    assert result.returncode == 2
    assert b"--select: no column 'txt'; did you mean 'text'?" in result.stderr


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"PAR1\0\0\0\0PAR1"])
def test_what_is_no_parquet_file_is_refused_by_its_name(
    streamx: Run, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "in.parquet").write_bytes(content)
    result = streamx("transform", "in.parquet", "out.csv")
    assert result.returncode == 1
    assert result.stderr.startswith(b"streamx: error: cannot read in.parquet: ")
    assert result.stderr.count(b"\n") == 1
    assert not (tmp_path / "out.csv").exists()


def test_a_file_that_is_cut_off_is_refused(streamx: Run, tmp_path: Path, numbers: Path) -> None:
    (tmp_path / "in.parquet").write_bytes(numbers.read_bytes()[:-100])
    result = streamx("transform", "in.parquet", "out.csv")
    assert result.returncode == 1
    assert b"cannot read in.parquet" in result.stderr


def test_a_pipe_is_refused_and_a_file_on_standard_input_read(streamx: Run, numbers: Path) -> None:
    result = streamx("transform", "--from", "parquet", "--to", "csv", stdin=numbers.read_bytes())
    assert result.returncode == 2
    assert b"Parquet is read from its end, so it has to be a file, and standard input is none" in (
        result.stderr
    )


def test_two_columns_of_one_name_are_refused(streamx: Run, tmp_path: Path) -> None:
    columns = [pa.array([1]), pa.array([2])]
    pq.write_table(pa.Table.from_arrays(columns, ["a", "a"]), tmp_path / "in.parquet")
    result = streamx("transform", "in.parquet", "out.csv")
    assert result.returncode == 1
    assert b"in.parquet: two columns are named 'a'" in result.stderr


def test_numbers_that_json_lacks_become_texts_and_are_told_of_once(
    streamx: Run, tmp_path: Path
) -> None:
    values = [1.5, math.nan, None, -math.inf]
    pq.write_table(pa.table({"x": values}), tmp_path / "in.parquet", row_group_size=1)
    result = streamx("transform", "in.parquet", "-", "--to", "jsonl")
    assert result.returncode == 0
    assert result.stdout == b'{"x":1.5}\n{"x":"NaN"}\n{"x":null}\n{"x":"-Infinity"}\n'
    assert result.stderr == (
        b"streamx: warning: in.parquet: numbers that are NaN or infinite are written as texts: "
        b'"NaN", "Infinity" and "-Infinity", since JSON has no such numbers\n'
    )


def test_a_run_that_was_interrupted_goes_on(streamx: Run, numbers: Path, tmp_path: Path) -> None:
    (tmp_path / "stop.py").write_text(
        "import os\n"
        "def stop(record):\n"
        "    if record['number'] == 15000 and not os.path.exists('seen'):\n"
        "        open('seen', 'w').close()\n"
        "        raise ValueError('stop')\n"
        "    return record\n"
    )
    command = ("transform", numbers, "out.jsonl", "--resume", "--fn", "stop.py:stop")
    assert streamx(*command).returncode == 1
    assert not (tmp_path / "out.jsonl").exists()
    result = streamx(*command)
    assert (result.returncode, result.stderr) == (0, b"")
    lines = (tmp_path / "out.jsonl").read_bytes().splitlines()
    assert [json.loads(line)["number"] for line in lines] == list(range(RECORDS))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--encoding", "latin-1"), "--encoding needs CSV, TSV or JSONL input, not Parquet"),
        (("--skip-lines", "1"), "--skip-lines needs CSV, TSV or JSONL input, not Parquet"),
        (("--sniff",), "--sniff needs CSV or TSV input"),
        (("--delimiter", ";"), "--delimiter needs CSV or TSV input"),
        (("--engine", "dask"), "--engine dask needs CSV, TSV or JSONL input, not Parquet"),
    ],
)
def test_options_without_effect_are_refused(
    streamx: Run, numbers: Path, options: tuple[str, ...], message: str
) -> None:
    result = streamx("transform", numbers, "out.csv", *options)
    assert result.returncode == 2
    assert message in result.stderr.decode()


def test_a_compressed_file_is_refused(streamx: Run, tmp_path: Path) -> None:
    result = streamx("transform", "in.parquet.gz", "out.csv")
    assert result.returncode == 2
    assert b"INPUT needs to be decompressed first" in result.stderr


def test_a_file_without_records_has_its_columns_all_the_same(streamx: Run, tmp_path: Path) -> None:
    table = pa.table({"a": pa.array([], pa.int64()), "b": pa.array([], pa.date32())})
    pq.write_table(table, tmp_path / "in.parquet")
    result = streamx("transform", "in.parquet", "-", "--to", "csv", "--rename", "a=x")
    assert (result.returncode, result.stdout, result.stderr) == (0, b"x,b\n", b"")
    result = streamx("transform", "in.parquet", "-", "--to", "jsonl", "--where", "c > 1")
    assert b"--where: no column 'c'" in result.stderr
    assert streamx("transform", "in.parquet", "out.parquet").returncode == 0
    assert pq.read_table(tmp_path / "out.parquet").equals(table)


def test_nested_values_can_become_columns(streamx: Run, numbers: Path) -> None:
    options = ("--nested", "flatten", "--select", "number,nested.a.0", "--limit", "1")
    result = streamx("transform", numbers, "-", "--to", "csv", *options)
    assert (result.returncode, result.stdout) == (0, b"number,nested.a.0\n0,0\n")
