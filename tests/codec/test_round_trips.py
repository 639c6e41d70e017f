"""Tables that go out and come back: through streamx, and through Python's own csv and json."""

from __future__ import annotations

import csv
import io
import json
from typing import Literal

import pytest
from codec.conversions import CSV, JSONL, TSV, run_recipe
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamx.codec.layout import CsvFormat, Format
from streamx.codec.reference.emit import CsvWriter, json_strings
from streamx.transform.plan import Recipe

TEXTS = st.one_of(
    st.text(st.sampled_from(list("a,;\"'\n\r\t \x00\x0b\x7f\x85é€𝄞\ufeff\u2028\\")), max_size=5),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
)
DIALECTS = [CSV, TSV, CsvFormat(b";", b"'"), CsvFormat(b",", b'"', b"\r\n"), CsvFormat(b"|", b"\\")]


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    width = draw(st.integers(1, 4))
    return draw(st.lists(st.lists(TEXTS, min_size=width, max_size=width), min_size=1, max_size=6))


def read_by_python(data: bytes, format: CsvFormat = CSV) -> list[list[str]]:
    return list(
        csv.reader(
            io.StringIO(data.decode(), newline=""),
            delimiter=format.delimiter.decode(),
            quotechar=format.quote.decode(),
            strict=True,
        )
    )


def names_of(rows: list[list[str]]) -> list[str]:
    return [f"c{number}" for number in range(len(rows[0]))]


def written(rows: list[list[str]], format: CsvFormat) -> bytes:
    """What the writer makes of a table under a header of plain names."""
    writer = CsvWriter(format)
    columns = [
        list(writer.cells([text.encode() for text in column]))
        for column in zip(names_of(rows), *rows, strict=True)
    ]
    return writer.records(columns)


def through(data: bytes, source: Format, target: Format) -> bytes:
    outcome = run_recipe(Recipe(source, target, infers_types=False), data)
    assert outcome.failure is None
    return outcome.output


@settings(max_examples=200, deadline=None)
@given(tables(), st.sampled_from(DIALECTS))
@example([["\r", "\r"]], CSV)
@example([[""]], CSV)
@example([["\ufeffa"]], CSV)
def test_python_reads_what_the_writer_wrote(rows: list[list[str]], format: CsvFormat) -> None:
    assert read_by_python(written(rows, format), format) == [names_of(rows), *rows]


@settings(max_examples=150, deadline=None)
@given(tables(), st.sampled_from(["\n", "\r\n"]))
def test_values_that_python_wrote_come_through_every_conversion(
    rows: list[list[str]], line_end: str
) -> None:
    text = io.StringIO(newline="")
    # With LF alone, Python would leave a cell that ends with CR without its quotes.
    quoting: Literal[0, 1] = csv.QUOTE_ALL if line_end == "\n" else csv.QUOTE_MINIMAL
    writer = csv.writer(text, quoting=quoting, lineterminator=line_end)
    writer.writerows([names_of(rows), *rows])
    data = text.getvalue().encode()
    lines = through(data, CSV, JSONL)
    records = [json.loads(line) for line in lines.split(b"\n")[:-1]]
    assert records == [dict(zip(names_of(rows), row, strict=True)) for row in rows]
    back = through(lines, JSONL, CSV)
    assert read_by_python(back) == [names_of(rows), *rows]
    assert through(back, CSV, JSONL) == lines


@settings(max_examples=150, deadline=None)
@given(tables(), st.sampled_from(DIALECTS), st.sampled_from(DIALECTS))
def test_dialects_turn_into_each_other_and_back(
    rows: list[list[str]], first: CsvFormat, second: CsvFormat
) -> None:
    data = written(rows, first)
    other = through(data, first, second)
    assert other == written(rows, second)
    assert through(other, second, first) == data


@settings(max_examples=100, deadline=None)
@given(tables(), st.sampled_from(DIALECTS))
def test_an_output_turned_into_itself_is_unchanged(
    rows: list[list[str]], format: CsvFormat
) -> None:
    data = written(rows, format)
    assert through(data, format, format) == data


@settings(max_examples=100, deadline=None)
@given(tables())
def test_a_table_without_a_header_keeps_its_first_record(rows: list[list[str]]) -> None:
    body = written(rows, CSV).partition(b"\n")[2]
    outcome = run_recipe(Recipe(CSV, CSV, has_header=False), body)
    assert outcome.output == body
    assert outcome.records_in == len(rows)


@settings(max_examples=150, deadline=None)
@given(st.lists(TEXTS, max_size=5))
def test_json_strings_are_those_of_python(texts: list[str]) -> None:
    strings = json_strings([text.encode() for text in texts])
    assert [s.decode() for s in strings] == [json.dumps(t, ensure_ascii=False) for t in texts]


@pytest.mark.parametrize("source", [CSV, JSONL])
@pytest.mark.parametrize("target", [CSV, JSONL])
def test_nothing_becomes_nothing(source: Format, target: Format) -> None:
    for data in (b"", b"\xef\xbb\xbf", b"\n\r\n"):
        assert run_recipe(Recipe(source, target), data).output == b""


def test_a_header_alone_comes_through() -> None:
    assert through(b"a,b", CSV, TSV) == b"a\tb\n"
    assert through(b"a,b\r\n", CSV, JSONL) == b""
