"""Ends of records are found alike in whole data, from any byte of a record, and block by block."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamx.codec.boundaries import record_around, records_of
from streamx.codec.counting import count_records
from streamx.codec.layout import CsvFormat, Format, JsonlFormat
from streamx.codec.reference.slices import scanner_of
from streamx.codec.skipping import RecordSkip

FORMATS = st.sampled_from([CsvFormat(), CsvFormat(b"x", b"'"), JsonlFormat()])
SOUP = st.lists(st.sampled_from([*(bytes([byte]) for byte in b"\"'x,a\n"), b"\r\n", b'""'])).map(
    b"".join
)
LONG = st.tuples(SOUP, st.integers(0, 3_000), SOUP).map(lambda t: t[0] + b"a" * t[1] + t[2])


def bounds(data: bytes, format: Format) -> list[tuple[int, int]]:
    found, start = [], 0
    while start < len(data):
        end = scanner_of(format).next_boundary(data, start)
        found.append((start, end))
        start = end
    return found


@given(FORMATS, LONG)
def test_any_byte_of_a_record_leads_to_its_bounds(format: Format, data: bytes) -> None:
    for start, end in bounds(data, format):
        for position in {start, (start + end) // 2, end - 1}:
            assert record_around(memoryview(data), 0, position, format) == (start, end)


@given(FORMATS, LONG, st.integers(1, 50))
def test_a_piece_of_data_is_whole_records_and_one_at_least(
    format: Format, data: bytes, size_bytes: int
) -> None:
    ends = [end for _, end in bounds(data, format)]
    start = 0
    while start < len(data):
        end = records_of(memoryview(data), start, size_bytes, format)
        assert end in ends
        assert end > start
        start = end


@given(FORMATS, SOUP, st.lists(st.integers(1, 4), min_size=1))
def test_the_end_of_a_record_is_found_however_it_is_cut_into_blocks(
    format: Format, data: bytes, sizes: list[int]
) -> None:
    skip, start = RecordSkip(format), 0
    found = None
    for size in sizes * len(data):
        end = skip.end_in(data[start : start + size])
        if end is not None:
            found = start + end
            break
        start += size
    assert found == scanner_of(format).first_boundary(data)


@given(FORMATS, LONG | st.text("a \t\r\n").map(str.encode))
def test_records_are_counted_as_they_are_told_apart_without_blank_lines(
    format: Format, data: bytes
) -> None:
    assert count_records(data, format) == len(list(scanner_of(format).starts(data)))
