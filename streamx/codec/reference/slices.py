"""Cuts data into slices of whole records, and keeps out what no conversion can take."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from functools import cached_property
from typing import Generic, TypeVar

from streamx.codec.layout import Bad, CsvFormat, Format, Layout, Tally, excerpt
from streamx.codec.reference.csv_records import CsvScanner, csv_scanner
from streamx.codec.reference.json_lines import JsonlScanner

# Python objects take many times the room of the bytes they stand for; a slice bounds how many
# there are at a time, whatever the size of the chunk.
SLICE_BYTES = 32 * 1024
# The same for cells that the bytes do not hold, where short records are padded.
_MOST_PADDED_CELLS = 256 * 1024
_SHORTEST_RECORD_BYTES = 2
_SHOWN_BYTES = 8

Scanner = CsvScanner | JsonlScanner
T = TypeVar("T")


def scanner_of(format: Format) -> Scanner:
    """Return what finds the records of a format."""
    return csv_scanner(format) if isinstance(format, CsvFormat) else JsonlScanner()


def slices(
    data: bytes, scanner: Scanner, slice_bytes: int = SLICE_BYTES
) -> Iterator[tuple[int, int]]:
    """Yield the bounds of slices: about so many bytes each, or one longer record."""
    start = 0
    while start < len(data):
        end = scanner.last_boundary(data, start, min(start + slice_bytes, len(data)))
        if end == start:
            end = scanner.next_boundary(data, start)
        yield start, end
        start = end


def by_slices(
    data: bytes,
    layout: Layout,
    limit: int | None,
    work: Callable[[bytes, int, int | None, Tally], T],
) -> Generator[T, None, Tally]:
    """Yield what work makes of each slice of whole records, and return the tally of all.

    Args:
        data: whole records of `layout.source`.
        layout: the formats, and how long a record may be.
        limit: most records to take, or None.
        work: called with a slice, all of it valid UTF-8, where it starts, the most records to take
            of it, and a tally to add to, whose positions are the slice's.
    """
    scanner = scanner_of(layout.source)
    total = Tally()
    for start, end in slices(data, scanner, _slice_bytes(layout)):
        remaining = None if limit is None else limit - total.records_in
        if remaining == 0:
            break
        tally = Tally()
        piece, bad = usable(data[start:end], scanner, layout.max_record_bytes)
        result = work(piece, start, remaining, tally)
        if tally.bad is None and (remaining is None or tally.records_in < remaining):
            tally.bad = bad
        total.add(tally, start)
        if result:
            yield result
        if total.bad is not None:
            break
    return total


def _slice_bytes(layout: Layout) -> int:
    if not layout.pads_short_records:
        return SLICE_BYTES
    most_records = max(_MOST_PADDED_CELLS // max(len(layout.columns), 1), 1)
    return min(SLICE_BYTES, _SHORTEST_RECORD_BYTES * most_records)


def usable(data: bytes, scanner: Scanner, max_record_bytes: int) -> tuple[bytes, Bad | None]:
    """Return the records before the first that is too long or not UTF-8, and that one."""
    data, bad = _short_enough(data, scanner, max_record_bytes)
    try:
        if not data.isascii():
            data.decode()
    except UnicodeDecodeError as error:
        start = scanner.last_boundary(data, 0, error.start)
        # One byte more, since a line end may begin with the last that is shown.
        found, line_end, _ = data[error.start : error.start + _SHOWN_BYTES + 1].partition(b"\n")
        found = (found.removesuffix(b"\r") if line_end else found)[:_SHOWN_BYTES]
        bad = Bad(
            error.start,
            f"bytes that are not UTF-8: {excerpt(found)}",
            "UTF-8, or the input's encoding named with --encoding (such as latin-1)",
            kind="encoding",
        )
        data = data[:start]
    return data, bad


def _short_enough(data: bytes, scanner: Scanner, max_record_bytes: int) -> tuple[bytes, Bad | None]:
    if len(data) <= max_record_bytes:
        return data, None
    start = 0
    while start < len(data):
        end = scanner.next_boundary(data, start)
        if end - start > max_record_bytes:  # be it blank: a cut in it could not be told from one
            return data[:start], too_long(data, start, scanner, max_record_bytes)
        start = end
    return data, None


def too_long(data: bytes, start: int, scanner: Scanner, max_record_bytes: int) -> Bad:
    """Say that the record at `start` is longer than allowed.

    The answer depends on its first bytes only, up to one more than allowed (which tells a closing
    quote from a doubled one), so it is the same however much of the record is there.
    """
    record = data[start : start + max_record_bytes + 1]
    if isinstance(scanner, CsvScanner):
        unclosed = scanner.unclosed_quote(record, start, max_record_bytes)
        if unclosed is not None:
            return unclosed
    return Bad(
        start,
        f"a record of more than {max_record_bytes} bytes: {excerpt(record)}",
        f"at most {max_record_bytes} bytes, or a higher --max-record-bytes",
        kind="too long",
    )


class Filled(Generic[T]):
    """The records of a slice that are not blank, up to a limit, and where they stand.

    Args:
        data, scanner: the slice, and what finds records in it.
        records: all of its records, in any form that `is_blank` can judge.
        limit: how many that are not blank are wanted, or None.
    """

    def __init__(
        self,
        data: bytes,
        scanner: Scanner,
        records: Sequence[T],
        is_blank: Callable[[T], bool],
        limit: int | None,
    ) -> None:
        self._data = data
        self._scanner = scanner
        self._all = records
        self._is_blank = is_blank
        self._limit = limit
        filled = [record for record in records if not is_blank(record)]
        self._has_blank_lines = len(filled) < len(records)
        self.records = filled if limit is None else filled[:limit]

    def position(self, index: int) -> int:
        """Return where a record that is not blank starts."""
        return self._starts[index]

    def positions(self: Filled[bytes]) -> list[int]:
        """Return where all records that are not blank start, for records as a scanner gives them.

        What stands behind such a record is a line feed, or the whole of a CRLF.
        """
        positions, position, data = [], 0, self._data
        for record in self._all:
            if not self._is_blank(record):
                positions.append(position)
            position += len(record)
            position += 2 if data[position : position + 1] == b"\r" else 1
        return positions

    def blank_lines(self, bad_index: int | None) -> int:
        """Count blank lines before the bad record or the last one wanted, or all of them."""
        if not self._has_blank_lines:
            return 0
        last = None if self._limit is None else self._limit - 1
        stop = last if bad_index is None else bad_index
        seen = skipped = 0
        for record in self._all:
            if self._is_blank(record):
                skipped += 1
            elif seen == stop:
                break
            else:
                seen += 1
        return skipped

    @cached_property
    def _starts(self) -> list[int]:
        return list(self._scanner.starts(self._data))
