"""Converts whole records from one format to another, a bounded slice at a time."""

from __future__ import annotations

from collections.abc import Generator
from functools import lru_cache
from typing import Protocol

from streamx.codec.layout import CsvFormat, Format, Layout, Part, TakeBad, Tally
from streamx.codec.reference.from_csv import CsvToCsv, CsvToJsonl
from streamx.codec.reference.from_jsonl import JsonlToCsv, JsonlToJsonl
from streamx.codec.reference.slices import by_slices, scanner_of


class SliceConverter(Protocol):
    """One direction: converts a slice of whole records, all of it valid UTF-8."""

    def __call__(self, data: bytes, limit: int | None, tally: Tally) -> bytes:
        """Return the output and add to the tally, positions relative to the slice.

        On a bad record the output holds what came before it, and `tally.bad` is set.
        """
        ...


def last_boundary(data: bytes | memoryview, format: Format) -> int:
    """Return the end of the last whole record in data that starts at a record; 0 without one."""
    return scanner_of(format).last_boundary(bytes(data))


def count_lines(data: bytes | memoryview, end: int) -> int:
    """Count the line feeds before a position."""
    return bytes(data[:end]).count(b"\n")


def convert(
    data: bytes | memoryview,
    layout: Layout,
    limit: int | None = None,
    output_limit: int | None = None,
    take: TakeBad | None = None,
) -> Generator[Part, None, Tally]:
    """Convert whole records; the reference that every faster codec must match byte for byte.

    Args:
        data: whole records of `layout.source`; only the last may lack its line end.
        layout: what to convert to, and how.
        limit: most records to read, or None.
        output_limit: most records to write, or None; only for a layout with a program.
        take: told of each bad record, behind which the conversion goes on; None to stop there.

    Yields:
        Parts of the output, whole records each, none much larger than a slice's output; an empty
        one after each bad record that was taken.

    Returns:
        The tally. A bad record that stops the conversion is in the tally, and all records before
        it have been yielded.

    >>> from streamx.codec.layout import Column, JsonlFormat, Pick
    >>> layout = Layout(CsvFormat(), JsonlFormat(), (Column("a"),), (Pick(0, "b"),))
    >>> list(convert(b"1\\n2\\n", layout))
    [b'{"b":"1"}\\n{"b":"2"}\\n']
    """
    if take is not None:
        return (yield from _convert_good(data, layout, limit, output_limit, take))
    if layout.program is not None:
        return (yield from layout.program.fallback(bytes(data), limit, output_limit))
    convert_slice = _slice_converter(layout)

    def work(slice: bytes, _start: int, limit: int | None, tally: Tally) -> bytes:
        return convert_slice(slice, limit, tally)

    return (yield from by_slices(bytes(data), layout, limit, work))


def _convert_good(
    data: bytes | memoryview,
    layout: Layout,
    limit: int | None,
    output_limit: int | None,
    take: TakeBad,
) -> Generator[Part, None, Tally]:
    from streamx.codec.reference.going_on import going_on  # needs the codec itself

    def read(_: int, piece: memoryview, before: Tally) -> Generator[Part, None, Tally]:
        left = None if limit is None else limit - before.records_in
        output_left = None if output_limit is None else output_limit - before.records_out
        return convert(piece, layout, left, output_left)

    pause: Part = b""
    return (yield from going_on(read, memoryview(data), layout.source, take, pause))


@lru_cache(maxsize=16)
def _slice_converter(layout: Layout) -> SliceConverter:
    from_csv = isinstance(layout.source, CsvFormat)
    if isinstance(layout.target, CsvFormat):
        return CsvToCsv(layout) if from_csv else JsonlToCsv(layout)
    return CsvToJsonl(layout) if from_csv else JsonlToJsonl(layout)
