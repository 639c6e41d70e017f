"""The records of a slice of CSV as a table, up to the first bad one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from streamx.codec.layout import Bad, Layout, excerpt
from streamx.codec.reference.csv_records import CsvScanner
from streamx.codec.reference.slices import blank_lines_before

# As in emit.py: a byte that text seldom holds, to encode a column in one call.
_SEPARATOR = "\x7f"


class CsvTable:
    """The records of a slice as lists of cells, up to the first bad one.

    Attributes:
        records: the cells of each record as they stand, quotes included.
        bad: the first record that cannot be split, or has too many or too few cells.
    """

    def __init__(self, data: bytes, scanner: CsvScanner, layout: Layout, limit: int | None) -> None:
        width = len(layout.columns)
        self._data = data
        self._scanner = scanner
        self._limit = limit
        records = scanner.records(data)
        self._all: Sequence[Sequence[object]] = records
        if b"" in records:
            records = [record for record in records if record]
        self._has_blank_lines = len(records) < len(self._all)
        self._raw_records = records if limit is None else records[:limit]
        split = [scanner.cells(record) for record in self._raw_records]
        self.bad: Bad | None = None
        self.records: list[list[bytes]] = []
        for index, cells in enumerate(split):
            if cells is None or len(cells) != width:
                self.bad = self._diagnose(index, cells, width, layout.max_record_bytes)
                break
            self.records.append(cells)

    @property
    def blank_lines(self) -> int:
        """Blank lines before the bad record or the last one wanted, or in the whole slice."""
        if not self._has_blank_lines:
            return 0
        last = None if self._limit is None else self._limit - 1
        return blank_lines_before(self._all, len(self.records) if self.bad else last, is_empty)

    def columns(self, indexes: Sequence[int]) -> list[Sequence[bytes]]:
        """Return the chosen columns as they stand."""
        columns = list(zip(*self.records, strict=True))
        return [columns[index] for index in indexes]

    def values(self, indexes: Sequence[int]) -> list[Sequence[bytes]]:
        """Return the texts of the chosen columns, without quotes."""
        columns = self.columns(indexes)
        if self._scanner.quote not in self._data:
            return columns
        return [[self._scanner.value(cell) for cell in cells] for cells in columns]

    def position(self, index: int) -> int:
        """Return where a record starts in the slice."""
        return self._starts[index]

    @cached_property
    def _starts(self) -> list[int]:
        return list(self._scanner.starts(self._data))

    def _diagnose(
        self, index: int, cells: list[bytes] | None, width: int, max_record_bytes: int
    ) -> Bad:
        position, record = self.position(index), self._raw_records[index]
        if cells is None:
            return self._scanner.diagnose(record, position, max_record_bytes)
        return Bad(
            position,
            f"{_cells(len(cells))} in {excerpt(record)}",
            f"{_cells(width)}, as many as the header has; "
            "--delimiter and --quote say how cells are told apart",
        )


class CsvTexts(CsvTable):
    """The same for records that Python's csv module has taken apart, which is faster with quotes.

    It has only texts, no cells as they stand.
    """

    def __init__(
        self, data: bytes, scanner: CsvScanner, texts: list[list[str]], limit: int | None
    ) -> None:
        self._data = data
        self._scanner = scanner
        self._limit = limit
        self._all = texts
        filled = [record for record in texts if record]
        self._has_blank_lines = len(filled) < len(texts)
        self._texts = filled if limit is None else filled[:limit]
        self.bad = None
        self.records = [[] for _ in self._texts]

    def values(self, indexes: Sequence[int]) -> list[Sequence[bytes]]:
        columns = list(zip(*self._texts[: len(self.records)], strict=True))
        return [_encoded(columns[index]) for index in indexes]


def read_values(data: bytes, scanner: CsvScanner, layout: Layout, limit: int | None) -> CsvTable:
    """Read records of which only the texts are wanted, by the quickest way that can judge them."""
    texts = scanner.texts(data) if scanner.quote in data else None
    if texts is not None and {len(record) for record in texts} <= {0, len(layout.columns)}:
        return CsvTexts(data, scanner, texts, limit)
    return CsvTable(data, scanner, layout, limit)


def _encoded(texts: Sequence[str]) -> Sequence[bytes]:
    encoded = _SEPARATOR.join(texts).encode().split(_SEPARATOR.encode())
    return encoded if len(encoded) == len(texts) else [text.encode() for text in texts]


def is_empty(record: Sequence[object]) -> bool:
    """Tell whether a record is a blank line."""
    return not record


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"
