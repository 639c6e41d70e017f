"""Short records can be padded: in every direction, for any sizes, and never in silence."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamx import Report, transform
from streamx.codec import CODEC_NAME, reference
from streamx.codec.head import infer_columns
from streamx.codec.layout import Column, ColumnType, CsvFormat, Layout, Pick
from streamx.errors import BadRecordError, UsageError

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]

RAGGED = b'n,text,b\n1,x,true\n2\n\n3,"y\n"\n4,z,false\n""\n'
WARNING = (
    "in.csv: 3 records had fewer cells than the header and got empty ones, first in line 3 "
    "(--ragged pad)"
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.csv").write_bytes(RAGGED)
    return tmp_path


def padded(output: str, **options: object) -> tuple[bytes, Report]:
    report = transform("in.csv", output, ragged="pad", **options)  # type: ignore[arg-type]
    return Path(output).read_bytes(), report


def test_a_short_record_is_a_bad_one_by_default() -> None:
    with pytest.raises(BadRecordError, match=r"line 3 .* --ragged pad fills short records"):
        transform("in.csv", "out.jsonl")


def test_cells_that_are_not_there_are_null_in_typed_columns_and_else_empty() -> None:
    output, report = padded("out.jsonl")
    assert [tuple(json.loads(line).values()) for line in output.splitlines()] == [
        (1, "x", True),
        (2, "", None),
        (3, "y\n", None),
        (4, "z", False),
        (None, "", None),
    ]
    assert (report.records_padded, report.exit_code, report.warnings) == (3, 0, (WARNING,))


def test_csv_gets_the_delimiters_that_were_not_there() -> None:
    output, report = padded("out.csv")
    assert output == b'n,text,b\n1,x,true\n2,,\n3,"y\n",\n4,z,false\n"",,\n'
    assert report.records_padded == 3
    assert padded("out.tsv")[0].splitlines()[2] == b"2\t\t"


def test_a_record_with_more_cells_stays_a_bad_one(here: Path) -> None:
    (here / "in.csv").write_bytes(b"a,b\n1\n1,2,3\n")
    with pytest.raises(BadRecordError, match=r"line 3 .* 3 cells in '1,2,3'; expected 2 cells"):
        padded("out.jsonl")
    output, report = padded("out.jsonl", on_error="skip")
    assert output == b'{"a":1,"b":""}\n'
    assert (report.records_padded, report.bad_record_count) == (1, 1)


@pytest.mark.parametrize("on_error", ["fail", "skip"])
def test_functions_see_cells_that_are_not_there(on_error: str) -> None:
    seen: list[object] = []

    def look(record: dict[str, object]) -> dict[str, object]:
        seen.append(record["b"])
        return record

    _, report = padded("out.jsonl", operations=[look], on_error=on_error)
    assert seen == [True, None, None, False, None]
    assert (report.records_padded, report.warnings) == (3, (WARNING,))


def test_async_functions_see_cells_that_are_not_there() -> None:
    async def length(record: dict[str, object]) -> dict[str, object]:
        return {"cells": len(record), "b": record["b"]}

    output, report = padded("out.jsonl", operations=[length])
    assert output.splitlines()[1] == b'{"cells":3,"b":null}'
    assert report.records_padded == 3


def test_expressions_see_cells_that_are_not_there(streamx: Run) -> None:
    arguments = ("transform", "in.csv", "--to", "csv", "--ragged", "pad")
    result = streamx(*arguments, "--where", "b is None", "--set", "m=n * 2", "--summary", "s.json")
    assert result.stdout == b'n,text,b,m\n2,,,4\n3,"y\n",,6\n"",,,\n'
    assert result.returncode == 0
    assert result.stderr.decode() == f"streamx: warning: {WARNING}\n"
    summary = json.loads(Path("s.json").read_bytes())
    assert (summary["records_padded"], summary["records_filtered"]) == (3, 2)


def test_schema_counts_cells_that_are_not_there_as_nulls(streamx: Run) -> None:
    result = streamx("schema", "in.csv", "--ragged", "pad", "--json")
    assert [column["nulls"] for column in json.loads(result.stdout)["columns"]] == [1, 0, 3]


def test_padding_needs_csv_input() -> None:
    with pytest.raises(UsageError, match="--ragged needs CSV or TSV input"):
        transform("in.jsonl", "out.csv", ragged="pad")


def test_short_records_decide_types_as_far_as_they_go() -> None:
    columns = [Column("a"), Column("b")]
    sample = b"1\nx\n2,3\n"
    types = {
        pads: [
            column.type
            for column in infer_columns(
                sample, CsvFormat(), columns, frozenset(), pads_short_records=pads
            )
        ]
        for pads in (False, True)
    }
    assert types[False] == [ColumnType.INTEGER, ColumnType.INTEGER]
    assert types[True] == [ColumnType.STRING, ColumnType.INTEGER]


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 3), min_size=1, max_size=40),
    chunk_size_bytes=st.integers(1, 200),
    workers=st.integers(1, 3),
)
def test_what_is_padded_and_counted_does_not_depend_on_sizes(
    lengths: list[int], chunk_size_bytes: int, workers: int
) -> None:
    records = [",".join("7" * length) for length in lengths]
    Path("in.csv").write_text("\n".join(["a,b,c", *records]))
    output, report = padded("out.csv", chunk_size_bytes=chunk_size_bytes, workers=workers)
    whole = [record + "," * (3 - len(cells)) for record in records for cells in [record[::2]]]
    assert output.decode().splitlines() == ["a,b,c", *whole]
    assert report.records_padded == sum(length < 3 for length in lengths)
    if report.records_padded:
        first = next(index for index, length in enumerate(lengths) if length < 3)
        assert f"first in line {first + 2} " in report.warnings[0]


def test_a_resumed_run_counts_what_was_padded_before(here: Path) -> None:
    for number in (1, 2):
        with (here / "in.csv").open("ab") as file:
            file.write(b"5\n")
        _, report = padded("out.csv", resume=True, allow_growth=True)
        assert report.records_padded == 3 + number
    assert report.warnings[0].startswith("in.csv: 5 records had fewer cells")


def test_padded_cells_are_made_a_few_at_a_time() -> None:
    width = 200_000
    columns = tuple(Column(f"c{index}") for index in range(width))
    picks = (Pick(0, "c0"), Pick(1, "c1"))
    layout = Layout(CsvFormat(), CsvFormat(), columns, picks, pads_short_records=True)
    parts = list(reference.convert(b"1\n" * 50, layout))
    assert b"".join(map(bytes, parts)) == b"1,\n" * 50
    assert len(parts) == 50


@pytest.mark.skipif(CODEC_NAME != "native", reason="the reference pads everything itself")
@pytest.mark.parametrize("output", ["out.jsonl", "out.csv"])
def test_the_kernel_pads_records_without_the_reference(
    output: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = padded(output)[0]

    def fail(*_: object) -> None:
        raise AssertionError("the reference was asked")

    monkeypatch.setattr("streamx.codec.reference.conversion.convert", fail)
    output_bytes, report = padded(output)
    assert (output_bytes, report.records_padded) == (expected, 3)
