"""Converts whole records from one format to another, a bounded slice at a time."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Protocol

from streamx.codec.layout import Bad, CsvFormat, Format, Layout, Tally, excerpt
from streamx.codec.reference.csv_records import CsvScanner, csv_scanner
from streamx.codec.reference.json_records import JsonlScanner

# Python objects take many times the room of the bytes they stand for; a slice bounds how many
# there are at a time, whatever the size of the chunk.
SLICE_BYTES = 32 * 1024

Scanner = CsvScanner | JsonlScanner


class SliceConverter(Protocol):
    """One direction: converts a slice of whole records, all of it valid UTF-8."""

    def __call__(self, data: bytes, limit: int | None, tally: Tally) -> bytes:
        """Return the output and add to the tally, positions relative to the slice.

        On a bad record the output holds what came before it, and `tally.bad` is set.
        """
        ...


def scanner_of(format: Format) -> Scanner:
    """Return what finds the records of a format."""
    return csv_scanner(format) if isinstance(format, CsvFormat) else JsonlScanner()


def last_boundary(data: bytes, format: Format) -> int:
    """Return the end of the last whole record in data that starts at a record; 0 without one."""
    return scanner_of(format).last_boundary(data)


def convert(data: bytes, layout: Layout, limit: int | None = None) -> Generator[bytes, None, Tally]:
    """Convert whole records; the reference that every faster codec must match byte for byte.

    Args:
        data: whole records of `layout.source`; only the last may lack its line end.
        layout: what to convert to, and how.
        limit: most records to convert, or None.

    Yields:
        Parts of the output, whole records each, none much larger than a slice's output.

    Returns:
        The tally. A bad record stops the conversion: it is in the tally, and all records before
        it have been yielded.

    >>> from streamx.codec.layout import Column, JsonlFormat, Pick
    >>> layout = Layout(CsvFormat(), JsonlFormat(), (Column("a"),), (Pick(0, "b"),))
    >>> list(convert(b"1\\n2\\n", layout))
    [b'{"b":"1"}\\n{"b":"2"}\\n']
    """
    scanner = scanner_of(layout.source)
    convert_slice = _slice_converter(layout)
    total = Tally()
    for start, end in _slices(data, scanner):
        remaining = None if limit is None else limit - total.records_in
        if remaining == 0:
            break
        tally = Tally()
        piece, bad = _usable(data[start:end], scanner, layout.max_record_bytes)
        part = convert_slice(piece, remaining, tally)
        if tally.bad is None and (remaining is None or tally.records_in < remaining):
            tally.bad = bad
        _add(total, tally, start)
        if part:
            yield part
        if total.bad is not None:
            break
    return total


def _slices(data: bytes, scanner: Scanner) -> Iterator[tuple[int, int]]:
    start = 0
    while start < len(data):
        end = scanner.last_boundary(data, start, min(start + SLICE_BYTES, len(data)))
        if end == start:
            end = scanner.next_boundary(data, start)
        yield start, end
        start = end


def _usable(data: bytes, scanner: Scanner, max_record_bytes: int) -> tuple[bytes, Bad | None]:
    """Return the records before the first that is too long or not UTF-8, and that one."""
    bad = _too_long(data, scanner, max_record_bytes)
    if bad is not None:
        data = data[: bad.position]
    try:
        if not data.isascii():
            data.decode()
    except UnicodeDecodeError as error:
        start = scanner.last_boundary(data, 0, error.start)
        bad = Bad(
            error.start,
            f"bytes that are not UTF-8: {excerpt(data[error.start : error.start + 8])}",
            "UTF-8, or the input's encoding named with --encoding (such as latin-1)",
        )
        data = data[:start]
    return data, bad


def _too_long(data: bytes, scanner: Scanner, max_record_bytes: int) -> Bad | None:
    if len(data) <= max_record_bytes:
        return None
    for start in scanner.starts(data):
        if scanner.next_boundary(data, start) - start > max_record_bytes:
            return Bad(start, *_describe_too_long(data[start:], scanner, max_record_bytes))
    return None


def _describe_too_long(record: bytes, scanner: Scanner, most: int) -> tuple[str, str]:
    if isinstance(scanner, CsvScanner):
        bad = scanner.diagnose(record, 0, most)
        if "never closed" in bad.found:
            return bad.found, bad.expected
    return (
        f"a record of more than {most} bytes: {excerpt(record)}",
        f"at most {most} bytes, or a higher --max-record-bytes",
    )


def _add(total: Tally, tally: Tally, start: int) -> None:
    total.records_in += tally.records_in
    total.records_out += tally.records_out
    total.blank_lines += tally.blank_lines
    if tally.bad is not None:
        total.bad = replace(tally.bad, position=tally.bad.position + start)
    for into, remarks in (
        (total.misfits, tally.misfits),
        (total.dropped_keys, tally.dropped_keys),
    ):
        for key, remark in remarks.items():
            if key in into:
                into[key].count += remark.count
            else:
                remark.position += start
                into[key] = remark


@lru_cache(maxsize=16)
def _slice_converter(layout: Layout) -> SliceConverter:
    from streamx.codec.reference.from_csv import CsvToCsv, CsvToJsonl
    from streamx.codec.reference.from_jsonl import JsonlToCsv, JsonlToJsonl

    from_csv = isinstance(layout.source, CsvFormat)
    if isinstance(layout.target, CsvFormat):
        return CsvToCsv(layout) if from_csv else JsonlToCsv(layout)
    return CsvToJsonl(layout) if from_csv else JsonlToJsonl(layout)
