"""A lenient run reads any CSV, loses nothing of it in silence, and counts what it had to guess."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cluster.clusters import run_on_threads
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamx import Report, Where, retry, schema, transform
from streamx.codec import CODEC_NAME, convert, records, reference
from streamx.codec.layout import Column, CsvFormat, JsonlFormat, Layout, Pick, Tally
from streamx.errors import BadRecordError, UsageError

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]

ODD = b"""n,text,b
1,"x"y,true
2
3,a,false,,
4,"a","b",c
5,caf\xe9,true
6,plain,true
7,"two
lines "here" x",true
8,"9" nails,true
9,"open,true
10,12,true
11,"until
the end"""
CELLS = [
    ["1", "xy", "true"],
    ["2", "", ""],
    ["3", "a", "false"],
    ["4", "a", '"b",c'],
    ["5", "caf\ufffd", "true"],
    ["6", "plain", "true"],
    ["7", 'two\nlines here" x"', "true"],
    ["8", "9 nails", "true"],
    ["9", '"open', "true"],
    ["10", "12", "true"],
    ["11", '"until', ""],
    ["the end", "", ""],
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.csv").write_bytes(ODD)
    return tmp_path


def lenient(output: str, **options: Any) -> tuple[bytes, Report]:
    report = transform("in.csv", output, lenient=True, **options)
    return Path(output).read_bytes(), report


def cells_of(output: bytes) -> list[list[str]]:
    return [list(json.loads(line).values()) for line in output.splitlines()]


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_each_record_has_as_many_cells_as_the_header(delimiter: str) -> None:
    assert cells_of(lenient("out.jsonl", types="string")[0]) == CELLS
    text = lenient("out.csv", output_delimiter=delimiter)[0].decode()
    assert list(csv.reader(io.StringIO(text), delimiter=delimiter, strict=True))[1:] == CELLS


def test_what_was_guessed_is_told_by_kind_with_its_first_line(streamx: Run) -> None:
    result = streamx("transform", "in.csv", "out.csv", "--lenient", "--summary", "s.json")
    assert result.stderr.decode().replace("streamx: warning: in.csv: ", "").splitlines() == [
        "3 records had fewer cells than the header and got empty ones, first in line 3 (--lenient)",
        "3 records had text after a closing quote, which was joined to its cell, first in line 2 "
        "(--lenient)",
        "2 records had a quote that is not closed where it should be; it was taken for text in its "
        "line, or closed where the input ends, first in line 11 (--lenient)",
        "2 records had more cells than the header; empty ones were left out, others joined to the "
        "last, first in line 4 (--lenient)",
        "1 record had bytes that are not UTF-8, which became U+FFFD; --encoding may name others, "
        "first in line 6 (--lenient)",
    ]
    assert result.returncode == 3, "bytes are lost that are not UTF-8"
    summary = json.loads(Path("s.json").read_bytes())
    assert (summary["records_in"], summary["records_padded"]) == (12, 3)
    assert summary["guesses"] == {
        "text after a quote": 3,
        "extra cells": 2,
        "encoding": 1,
        "unclosed quote": 2,
    }


def test_nothing_but_bytes_that_are_no_utf_8_is_lost(here: Path) -> None:
    (here / "in.csv").write_bytes(ODD.replace(b"\xe9", b"e"))
    report = lenient("out.csv")[1]
    assert (report.exit_code, report.guesses["text after a quote"].first.line) == (0, 2)


def test_a_record_that_is_right_is_read_as_ever(here: Path) -> None:
    (here / "in.csv").write_bytes(b'a,b\n1,"x ""y""\nz"\n\n2,5" pipe\r\n')
    transform("in.csv", "strict.jsonl")
    output, report = lenient("out.jsonl")
    assert output == Path("strict.jsonl").read_bytes()
    assert (report.warnings, report.guesses, report.blank_lines) == ((), {}, 1)


def test_types_are_decided_by_guessed_cells_too(here: Path) -> None:
    (here / "in.csv").write_bytes(b'day,total\n"1",2,\n2,"3"5,\n')
    assert schema("in.csv", lenient=True) == {"day": "integer", "total": "integer"}
    assert lenient("out.jsonl")[0] == b'{"day":1,"total":2}\n{"day":2,"total":35}\n'


def test_functions_and_expressions_see_guessed_cells() -> None:
    seen: list[object] = []

    def look(record: dict[str, Any]) -> dict[str, Any]:
        seen.append(record["text"])
        return {"length": len(record["text"])}

    async def measure(record: dict[str, Any]) -> dict[str, Any]:
        return {"length": len(record["text"])}

    texts = [cells[1] for cells in CELLS]
    lengths = [[len(text)] for text in texts]
    options: dict[str, Any] = {"types": "string"}
    output, report = lenient("out.jsonl", operations=[look], **options)
    assert (seen, cells_of(output)) == (texts, lengths)
    assert cells_of(lenient("out.jsonl", operations=[measure], **options)[0]) == lengths
    assert lenient("out.jsonl", operations=[look], on_error="skip", **options)[1].warnings == (
        report.warnings
    )


def test_expressions_see_guessed_cells(streamx: Run) -> None:
    arguments = ("transform", "in.csv", "--to", "csv", "--lenient", "-q", "--types", "string")
    result = streamx(*arguments, "--where", "len(text) > 5", "--select", "n")
    assert result.stdout.split() == [b"n", b"7", b"8", b"11"]


@pytest.fixture
def swallowed(here: Path) -> bytes:
    """Three records that the grammar takes for one, between two others in a file."""
    records = b'2,"x\n3,y\n4,"z" z'
    (here / "in.csv").write_bytes(b"a,b\n1,w\n" + records + b"\n5,v\n")
    return records


def rejects() -> list[tuple[int, str]]:
    lines = Path("out.jsonl.rejects.jsonl").read_text().splitlines()
    return [(reject["line"], reject["raw"]) for reject in map(json.loads, lines)]


def test_one_of_the_records_that_a_quote_swallowed_is_rejected_alone(swallowed: bytes) -> None:
    def refuse(record: dict[str, Any]) -> dict[str, Any]:
        if record["b"] == "y":
            raise ValueError("refused")
        return record

    async def refuse_later(record: dict[str, Any]) -> dict[str, Any]:
        return refuse(record)

    for step in (refuse, refuse_later, Where("b != 'y' or int(b) > 0")):
        output, report = lenient("out.jsonl", on_error="reject", operations=[step])
        assert rejects() == [(4, "3,y")]
        assert cells_of(output) == [[1, "w"], [2, '"x'], [4, "z z"], [5, "v"]]
        assert (report.bad_record_count, len(report.guesses)) == (1, 2)


def test_records_that_a_quote_swallowed_are_rejected_together_if_a_cell_is_bad(
    swallowed: bytes,
) -> None:
    options: dict[str, Any] = {"pinned_types": {"b": "integer"}, "strict_types": True}
    output, report = lenient("out.jsonl", on_error="reject", nulls=["w", "v"], **options)
    assert rejects() == [(3, swallowed.decode())]
    assert cells_of(output) == [[1, None], [5, None]]
    assert (report.bad_record_count, report.guesses) == (1, {})


def test_a_quote_that_swallows_very_much_makes_a_bad_record(here: Path) -> None:
    (here / "in.csv").write_bytes(b'a,b\n1,2\n3,"x\n' + b"4,5\n" * 20_000)
    with pytest.raises(BadRecordError, match=r"line 3 .* within 65536 bytes, as far as --lenient"):
        lenient("out.jsonl")
    assert lenient("out.jsonl", on_error="skip")[0] == b'{"a":1,"b":2}\n'


def test_a_rejects_file_can_be_retried_leniently(here: Path) -> None:
    (here / "in.csv").write_bytes(b'a,b\n1,"x"y\n2\n3,z\n')
    transform("in.csv", "out.jsonl", on_error="reject")
    report = retry("out.jsonl.rejects.jsonl", "more.jsonl", lenient=True)
    assert cells_of(Path("more.jsonl").read_bytes()) == [[1, "xy"], [2, ""]]
    assert (report.records_padded, len(report.guesses)) == (1, 1)


def test_a_resumed_run_counts_what_was_guessed_before(here: Path) -> None:
    (here / "in.csv").write_bytes(b"a,b\n")
    for count in (1, 2):
        with (here / "in.csv").open("ab") as file:
            file.write(b'1,"x"y\n')
        report = lenient("out.csv", resume=True, allow_growth=True)[1]
        assert report.guesses["text after a quote"].count == count


def test_a_cluster_guesses_as_this_machine_does(tmp_path: Path) -> None:
    expected, report = lenient("out.jsonl")
    options: dict[str, Any] = {"lenient": True, "concat": True, "split_size_bytes": 30}
    split = run_on_threads("in.csv", tmp_path / "joined.jsonl", **options)
    assert (tmp_path / "joined.jsonl").read_bytes() == expected
    assert (split.guesses, split.warnings) == (report.guesses, report.warnings)


def test_only_csv_is_read_leniently() -> None:
    with pytest.raises(UsageError, match="--lenient needs CSV or TSV input"):
        transform("in.jsonl", "out.csv", lenient=True)
    with pytest.raises(UsageError, match="--lenient needs no --ragged error"):
        transform("in.csv", "out.csv", lenient=True, ragged="error")


ODD_TEXT = st.text('ab,"\n\r', max_size=60)
COLUMNS = tuple(map(Column, "xyz"))
SHOWN = tuple(Pick(index, name) for index, name in enumerate("xyz"))


def layouts() -> list[Layout]:
    targets = (CsvFormat(), CsvFormat(b";"), JsonlFormat())
    return [
        Layout(CsvFormat(), target, COLUMNS, SHOWN, pads_short_records=True, is_lenient=True)
        for target in targets
    ]


def all_of(data: bytes, layout: Layout, codec: Any = convert) -> tuple[bytes, Tally]:
    output = b""
    parts = codec(data, layout)
    while True:
        try:
            output += next(parts)
        except StopIteration as stop:
            return output, stop.value


def table_of(output: bytes, format: CsvFormat | JsonlFormat) -> list[list[str]]:
    """Read an output strictly."""
    if isinstance(format, CsvFormat):
        output, tally = all_of(output, Layout(format, JsonlFormat(), COLUMNS, SHOWN))
        assert tally.bad is None
    return cells_of(output)


@settings(max_examples=120, deadline=None)
@given(text=ODD_TEXT)
@example('a,"b\n,"a,b')
@example('"a""b')
@example('"a\r\nb')
def test_every_letter_of_any_text_is_in_the_output(text: str) -> None:
    for layout in layouts():
        output, tally = all_of(text.encode(), layout)
        assert tally.bad is None
        values = table_of(output, layout.target)
        assert all(len(each) == 3 for each in values)
        letters = [each for cells in values for cell in cells for each in cell if each in "ab"]
        assert letters == [each for each in text if each in "ab"]


@pytest.mark.skipif(CODEC_NAME != "native", reason="the reference is the only codec")
@settings(max_examples=120, deadline=None)
@given(
    data=ODD_TEXT.map(str.encode)
    | st.binary(max_size=20)
    | st.builds(lambda a, b: a.encode() + b"\xff" + b.encode(), ODD_TEXT, ODD_TEXT)
)
def test_both_codecs_guess_alike(data: bytes) -> None:
    for layout in layouts():
        assert all_of(data, layout) == all_of(data, layout, reference.convert)
    layout = layouts()[0]
    native = [(dict(r), at) for batch in records(data, layout) for r, at in batch]
    assert native == [(dict(r), at) for batch in reference.records(data, layout) for r, at in batch]


@settings(max_examples=25, deadline=None)
@given(text=ODD_TEXT, chunk_size_bytes=st.integers(1, 40))
def test_where_the_input_is_cut_makes_no_difference(text: str, chunk_size_bytes: int) -> None:
    Path("in.csv").write_text("x,y,z\n" + text, newline="")
    whole, report = lenient("whole.jsonl", types="string")
    output, cut = lenient("cut.jsonl", types="string", chunk_size_bytes=chunk_size_bytes)
    assert output == whole
    assert (cut.guesses, cut.warnings) == (report.guesses, report.warnings)
