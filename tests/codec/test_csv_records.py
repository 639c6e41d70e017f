"""What a CSV record is, held against a naive parser that goes through the text byte by byte."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from codec.conversions import CSV, JSONL, TSV, converted, layout_of
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamx.codec import last_boundary
from streamx.codec.layout import BYTE_ORDER_MARK, CsvFormat

DIALECTS = [CSV, TSV, CsvFormat(b";", b"'"), CsvFormat(b"|", b"^"), CsvFormat(b" ", b"]")]


@dataclass
class Record:
    """What the naive parser found: raw cells and values, and whether they are a record at all."""

    start: int
    end: int
    raw: list[bytes] = field(default_factory=list)
    values: list[bytes] = field(default_factory=list)
    has_line_end: bool = False
    bad_position: int | None = None


class NaiveParser:
    """Parses by the letter of the rule: one byte, one state, no regular expression."""

    def __init__(self, data: bytes, format: CsvFormat) -> None:
        self.data = data
        self.delimiter = format.delimiter
        self.quote = format.quote
        self.at = 0

    def records(self) -> Iterator[Record]:
        while self.at < len(self.data):
            record = Record(self.at, self.at)
            while self.add_cell(record):
                self.at += 1
            if record.bad_position is None or self.at < len(self.data):
                record.has_line_end = self.at < len(self.data)
                self.at += 2 if self.sees(b"\r\n") else 1
            record.end = min(self.at, len(self.data))
            yield record

    def add_cell(self, record: Record) -> bool:
        """Read one cell; return whether a delimiter follows."""
        start = self.at
        value: bytes | None
        if self.sees(self.quote):
            value = self.quoted()
            if value is None:
                record.bad_position = start
                return False
            if self.unquoted():
                record.bad_position = record.start
        else:
            value = self.unquoted()
        record.raw.append(self.data[start : self.at])
        record.values.append(value)
        return self.sees(self.delimiter)

    def unquoted(self) -> bytes:
        start = self.at
        while self.at < len(self.data) and not any(
            map(self.sees, (self.delimiter, b"\n", b"\r\n"))
        ):
            self.at += 1
        return self.data[start : self.at]

    def quoted(self) -> bytes | None:
        """Return what stands between quotes, or None if the closing one is missing."""
        value = b""
        self.at += 1
        while self.at < len(self.data):
            is_doubled = self.sees(self.quote * 2)
            if self.sees(self.quote) and not is_doubled:
                self.at += 1
                return value
            value += self.data[self.at : self.at + 1]
            self.at += 2 if is_doubled else 1
        return None

    def sees(self, token: bytes) -> bool:
        return self.data.startswith(token, self.at)


@dataclass
class Table:
    """The raw cells and the values of the records before the first bad one."""

    raw: list[list[bytes]] = field(default_factory=list)
    values: list[list[bytes]] = field(default_factory=list)
    blank_lines: int = 0
    bad_position: int | None = None


def naive_table(data: bytes, format: CsvFormat, width: int) -> Table:
    table = Table()
    for record in NaiveParser(data, format).records():
        if record.raw == [b""] and record.bad_position is None:
            table.blank_lines += 1
        elif record.bad_position is not None or len(record.raw) != width:
            at = record.bad_position
            table.bad_position = record.start if at is None else at
            break
        else:
            table.raw.append(record.raw)
            table.values.append(record.values)
    return table


def names_of(width: int) -> list[str]:
    return [f"c{number}" for number in range(width)]


def naive_jsonl(values: list[list[bytes]]) -> bytes:
    return b"".join(
        json.dumps(
            {f"c{number}": value.decode() for number, value in enumerate(row)},
            ensure_ascii=False,
            separators=(",", ":"),
        ).encode()
        + b"\n"
        for row in values
    )


def naive_same_csv(raw: list[list[bytes]], format: CsvFormat) -> bytes:
    """The cells as they stood, but for the two that would not read back at a record's end."""
    lines = []
    for *cells, last in raw:
        if last.endswith(b"\r") or (not cells and not last):
            last = format.quote + last.replace(format.quote, format.quote * 2) + format.quote
        lines.append(format.delimiter.join([*cells, last]) + b"\n")
    return b"".join(lines)


def needs_quotes(text: bytes, format: CsvFormat) -> bool:
    special = (format.delimiter, format.quote, b"\r", b"\n", BYTE_ORDER_MARK)
    return any(part in text for part in special)


@st.composite
def documents(draw: st.DrawFn) -> tuple[bytes, CsvFormat, int]:
    """Any soup of the bytes that matter, or tables of whole cells, which get further."""
    format = draw(st.sampled_from(DIALECTS))
    delimiter, quote = format.delimiter.decode(), format.quote.decode()
    byte = st.sampled_from(["a", "é", delimiter, quote, "\n", "\r", "\t", "\x7f", "\x00"])
    cell = st.one_of(
        st.lists(st.sampled_from(["a", "é", "\r", "b" + quote]), max_size=3).map("".join),
        st.lists(byte, max_size=4).map(
            lambda parts: quote + "".join(parts).replace(quote, quote * 2) + quote
        ),
    )
    piece = st.one_of(cell, cell, st.just(delimiter), st.sampled_from(["\n", "\r\n"]), byte)
    width = draw(st.integers(1, 3))
    row = st.lists(cell, min_size=width, max_size=width).map(delimiter.join)
    rows = st.lists(st.tuples(row, st.sampled_from(["\n", "\r\n", "\n\n"])), max_size=4).map(
        lambda pairs: "".join(map("".join, pairs))
    )
    head = draw(rows)
    tail = draw(st.lists(piece, max_size=6).map("".join))
    return (head + tail).encode(), format, width


@settings(max_examples=300, deadline=None)
@given(documents())
@example((b'a,"b\n', CSV, 2))
@example((b'"a"x,b\n', CSV, 2))
@example((b'"a"x,"b', CSV, 2))
@example((b'1,5" pipe\n', CSV, 2))
@example((b'"a""\n', CSV, 1))
@example((b'a\n\r\n\r\r\n"a"\r', CSV, 1))
def test_records_are_those_of_the_naive_parser(document: tuple[bytes, CsvFormat, int]) -> None:
    data, format, width = document
    expected = naive_table(data, format, width)
    for target in (JSONL, format):
        output, tally = converted(data, layout_of(format, target, names_of(width)))
        if isinstance(target, CsvFormat):
            assert output == naive_same_csv(expected.raw, format)
        else:
            assert output == naive_jsonl(expected.values)
        assert tally.records_in == tally.records_out == len(expected.values)
        assert (tally.bad and tally.bad.position) == expected.bad_position


@settings(max_examples=150, deadline=None)
@given(documents())
def test_blank_lines_before_a_bad_record_are_counted(
    document: tuple[bytes, CsvFormat, int],
) -> None:
    data, format, width = document
    expected = naive_table(data, format, width)
    _, tally = converted(data, layout_of(format, JSONL, names_of(width)))
    assert tally.blank_lines == expected.blank_lines


@settings(max_examples=200, deadline=None)
@given(documents(), st.sampled_from([*DIALECTS, CsvFormat(b",", b'"', b"\r\n")]))
def test_another_dialect_holds_the_same_values_with_quotes_only_where_needed(
    document: tuple[bytes, CsvFormat, int], target: CsvFormat
) -> None:
    data, format, width = document
    if (format.delimiter, format.quote) == (target.delimiter, target.quote):
        return
    expected = naive_table(data, format, width)
    output, _ = converted(data, layout_of(format, target, names_of(width)))
    again = naive_table(output, target, width)
    assert again.values == expected.values
    assert again.bad_position is None
    assert output.count(target.line_end) >= len(expected.values)
    for raw, values in zip(again.raw, again.values, strict=True):
        for cell, value in zip(raw, values, strict=True):
            is_quoted = cell.startswith(target.quote)
            assert is_quoted == (needs_quotes(value, target) or values == [b""])


@settings(max_examples=150, deadline=None)
@given(documents())
def test_a_boundary_is_the_end_of_the_last_record_that_has_a_line_feed(
    document: tuple[bytes, CsvFormat, int],
) -> None:
    data, format, _ = document
    boundary = last_boundary(data, format)
    records = NaiveParser(data, format).records()
    assert boundary == max((record.end for record in records if record.has_line_end), default=0)


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_records_may_end_with_lf_or_crlf_and_the_last_with_nothing(line_end: bytes) -> None:
    data = line_end.join([b"1,2", b'"3","4"', b"5,6"])
    output, tally = converted(data, layout_of(CSV, TSV, "ab"))
    assert output == b"1\t2\n3\t4\n5\t6\n"
    assert tally.bad is None


def test_a_bad_record_far_inside_the_data_keeps_all_output_before_it() -> None:
    good = b'1,"x\n\n"\r\n\n' * 5000
    output, tally = converted(good + b'1,"x"y\n' + good, layout_of(CSV, CSV, "ab"))
    assert output == b'1,"x\n\n"\n' * 5000
    assert tally.bad is not None
    assert tally.bad.position == len(good)
    assert tally.blank_lines == 5000


@pytest.mark.parametrize(
    ("record", "found"),
    [
        (b"1\n", "1 cell in '1'"),
        (b"1,2,3\n", "3 cells in '1,2,3'"),
        (b'"1"2,3\n', "text after a closing quote in '\"1\"2,3'"),
        (b'1,"2\n3,4\n', "a quoted cell that opens here and is never closed: '\"2\\n3,4\\n'"),
    ],
)
def test_a_bad_record_says_what_was_found(record: bytes, found: str) -> None:
    _, tally = converted(b"a,b\n" + record, layout_of(CSV, JSONL, "ab"))
    assert tally.bad is not None
    assert tally.bad.found == found
