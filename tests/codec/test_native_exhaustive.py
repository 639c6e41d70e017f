"""The native codec gives what the reference gives for every short input over a few bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product

import pytest
from codec.conversions import CSV, JSONL, TSV, layout_of
from codec.test_json_records import FLAT, PICKED, UNCHANGED
from codec.test_native_json import DROPS, RENAMED
from codec.twins import Case, assert_each_same, assert_same_reading, dialect, native, using

from streamx.codec.layout import ColumnType, CsvFormat, Layout

STRING, INTEGER, NUMBER, BOOLEAN = ColumnType
CRLF = replace(CSV, line_end=b"\r\n")


def strings(alphabet: str, *lengths: int) -> Iterator[bytes]:
    """Yield all strings of some lengths."""
    for length in lengths:
        for chars in product(alphabet, repeat=length):
            yield "".join(chars).encode()


CSV_LAYOUTS = [
    pytest.param(layout_of(CSV, JSONL, "a"), id="one column to JSONL"),
    pytest.param(layout_of(CSV, JSONL, "ab", STRING, NUMBER), id="two columns to JSONL"),
    pytest.param(layout_of(CSV, CSV, "a"), id="one column to CSV"),
    pytest.param(layout_of(CSV, CRLF, "ab"), id="two columns to CSV with CRLF"),
    pytest.param(layout_of(CSV, dialect("a", '"'), "ab"), id="two columns to another dialect"),
]


@pytest.mark.parametrize("layout", CSV_LAYOUTS)
def test_every_short_csv_becomes_the_same(layout: Layout) -> None:
    cases = ((data, layout, None) for data in strings('a,"\n\r', *range(6)))
    assert_each_same(cases, by_turns=True)


def test_every_short_csv_without_carriage_returns_becomes_the_same() -> None:
    layout = layout_of(CSV, JSONL, "ab")
    cases = ((data, layout, None) for data in strings('a,"\n', 6, 7))
    assert_each_same(cases, by_turns=True)


@pytest.mark.parametrize("format", [TSV, dialect('"', ","), dialect("a", ",")])
def test_every_short_csv_of_any_dialect_is_read_the_same(format: CsvFormat) -> None:
    for data in strings('a,"\n\r', *range(5)):
        assert_same_reading(data, format)


def test_every_short_csv_is_read_the_same() -> None:
    for data in strings('1,"\n', *range(7)):
        assert_same_reading(data, CSV, 1 + len(data) % 2)
    for data in strings('1-",\n\r', *range(6)):
        assert_same_reading(data, CSV, 1, frozenset({b"-"}))


def test_every_short_csv_with_a_limit_and_a_longest_record_becomes_the_same() -> None:
    layout = layout_of(CSV, JSONL, "a", INTEGER, max_record_bytes=3, strict_types=True)
    texts = strings('1"\n', *range(8))
    cases = ((data, layout, len(data) % 4 or None) for data in texts)
    assert_each_same(cases, by_turns=True)


JSON_LAYOUTS = [UNCHANGED, PICKED, RENAMED, DROPS, layout_of(JSONL, dialect("1", "b"), "a")]


def cases_of(lines: Iterable[bytes]) -> Iterator[Case]:
    """Yield lines with layouts by turns: five, with which no 6 or 8 bytes keep step."""
    for number, line in enumerate(lines):
        yield line, JSON_LAYOUTS[number % len(JSON_LAYOUTS)], None


def test_every_short_text_of_bytes_that_matter_to_json_is_taken_the_same() -> None:
    assert_each_same(cases_of(strings('{}":,1\\ ', *range(5))), by_turns=True)


def test_every_short_string_is_taken_the_same() -> None:
    texts = strings('\\"u0d\n', *range(6))
    lines = (b'{"b":1,"a":"%b"}\n' % text for text in texts)
    assert_each_same(cases_of(lines), by_turns=True)


TOKENS = ["{", "}", '"a":', '"b":', "1", ",", "[", "]", " ", "\n"]


@pytest.mark.parametrize("layout", [RENAMED, DROPS, FLAT], ids=["renamed", "to CSV", "flattened"])
def test_every_object_of_few_tokens_is_taken_the_same(layout: Layout) -> None:
    texts = ["".join(tokens) for length in range(4) for tokens in product(TOKENS, repeat=length)]
    for form in ('{"a":1%s', '{"a":%s}'):
        cases = (((form % text).encode(), layout, None) for text in texts)
        assert_each_same(cases, by_turns=True)


def test_every_short_text_of_bytes_that_matter_to_json_is_read_the_same() -> None:
    for data in strings('{}":,1\\ \n', *range(4)):
        for sample in (data, b'{"a":1}\n{"b":%b}' % data, b'{"a":1,%b}\n{"\\u0062":1}' % data):
            assert_same_reading(sample, JSONL)


def test_lines_are_counted_up_to_every_place() -> None:
    data = b"\n" * 70 + b"x\n\r" * 70 + b"x" * 70 + b"\n"
    for name in native.instruction_sets():
        with using(name):
            for end in range(len(data) + 1):
                assert native.count_lines(data, end) == data.count(b"\n", 0, end)
