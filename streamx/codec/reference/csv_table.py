"""The records of a slice of CSV as a table, up to the first bad one."""

from __future__ import annotations

import operator
from bisect import bisect_left
from collections.abc import Sequence
from typing import Generic, TypeVar

from streamx.codec.layout import Bad, Layout, Tally, excerpt
from streamx.codec.reference.csv_records import CsvScanner
from streamx.codec.reference.slices import Filled

# As in emit.py: a byte that text seldom holds, to encode a column in one call.
_SEPARATOR = "\x7f"

T = TypeVar("T", bytes, list[str])


class _Table(Generic[T]):
    """What a table of records knows, whichever way they were taken apart.

    Attributes:
        record_count: how many records come before the bad one, or in all.
        bad: the first record that cannot be taken for what its format and columns say, or None.
        padded: which of the records, bad ones aside, got empty cells to be as long as the others.
    """

    record_count: int
    bad: Bad | None = None
    padded: Sequence[int] = ()
    _filled: Filled[T]

    @property
    def blank_lines(self) -> int:
        """Blank lines before the bad record or the last one wanted, or in the whole slice."""
        return self._filled.blank_lines(self.record_count if self.bad else None)

    def position(self, index: int) -> int:
        """Return where a record starts in the slice."""
        return self._filled.position(index)

    def stop_at(self, index: int, bad: Bad) -> None:
        """Make a record the bad one, and leave out what comes after it."""
        self.record_count, self.bad = index, bad

    def account(self, tally: Tally) -> None:
        """Add to a tally what was read."""
        tally.records_in = self.record_count
        tally.blank_lines = self.blank_lines
        tally.bad = self.bad
        padded = bisect_left(self.padded, self.record_count)
        if padded:
            tally.note_padded(padded, self.position(self.padded[0]))


class CsvTable(_Table[bytes]):
    """The records of a slice as lists of cells, up to the first that cannot be split or has too
    many or, unless the layout pads them, too few cells.
    """

    def __init__(self, data: bytes, scanner: CsvScanner, layout: Layout, limit: int | None) -> None:
        self._has_quotes = scanner.quote in data
        self._scanner = scanner
        self._filled = Filled(data, scanner, scanner.records(data), operator.not_, limit)
        self._records: list[list[bytes]] = []
        self._take_apart(layout)
        self.record_count = len(self._records)

    def _take_apart(self, layout: Layout) -> None:
        self.padded = padded = []
        scanner, width = self._scanner, len(layout.columns)
        for index, record in enumerate(self._filled.records):
            cells = scanner.cells(record)
            if layout.pads_short_records and cells is not None and len(cells) < width:
                cells += [b""] * (width - len(cells))
                padded.append(index)
            if cells is None or len(cells) != width:
                self.bad = self._diagnose(index, cells, width, layout.max_record_bytes)
                break
            self._records.append(cells)

    @property
    def records(self) -> list[list[bytes]]:
        """The records' cells as they stand."""
        return self._records[: self.record_count]

    def position(self, index: int) -> int:
        """Return where a record starts in the slice; quicker than where records are texts."""
        return self._filled.positions()[index]

    def positions(self) -> list[int]:
        """Return where these records start in the slice."""
        return self._filled.positions()[: self.record_count]

    def columns(self, indexes: Sequence[int]) -> list[Sequence[bytes]]:
        """Return the chosen columns as they stand."""
        columns = list(zip(*self.records, strict=True))
        return [columns[index] for index in indexes]

    def values(self, indexes: Sequence[int]) -> list[Sequence[bytes]]:
        """Return the texts of the chosen columns, without quotes."""
        columns = self.columns(indexes)
        if not self._has_quotes:
            return columns
        return [[self._scanner.value(cell) for cell in cells] for cells in columns]

    def _diagnose(
        self, index: int, cells: list[bytes] | None, width: int, max_record_bytes: int
    ) -> Bad:
        position, record = self.position(index), self._filled.records[index]
        if cells is None:
            return self._scanner.diagnose(record, position, max_record_bytes)
        return Bad(
            position,
            f"{_cells(len(cells))} in {excerpt(record)}",
            f"{_cells(width)}, as many as the header has; "
            "--delimiter and --quote say how cells are told apart"
            + (", --ragged pad fills short records" if len(cells) < width else ""),
            kind="number of cells",
        )


class CsvTexts(_Table[list[str]]):
    """The same for records that Python's csv module has taken apart, which is faster with quotes.

    It has only texts, no cells as they stand.
    """

    def __init__(
        self, data: bytes, scanner: CsvScanner, texts: list[list[str]], limit: int | None
    ) -> None:
        self._filled = Filled(data, scanner, texts, operator.not_, limit)
        self.record_count = len(self._filled.records)

    def values(self, indexes: Sequence[int]) -> list[Sequence[bytes]]:
        """Return the texts of the chosen columns."""
        columns = list(zip(*self._filled.records[: self.record_count], strict=True))
        return [_encoded(columns[index]) for index in indexes]


def _encoded(texts: Sequence[str]) -> Sequence[bytes]:
    encoded = _SEPARATOR.join(texts).encode().split(_SEPARATOR.encode())
    return encoded if len(encoded) == len(texts) else [text.encode() for text in texts]


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"
