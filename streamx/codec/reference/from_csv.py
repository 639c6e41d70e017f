"""Converts slices of CSV records to JSONL and to CSV, column by column."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from streamx.codec.layout import Bad, Column, ColumnType, CsvFormat, Layout, Tally, excerpt
from streamx.codec.reference.csv_records import csv_scanner
from streamx.codec.reference.csv_table import CsvTable, CsvTexts
from streamx.codec.reference.emit import CsvWriter, json_lines, json_strings
from streamx.codec.reference.tables import read_cells, read_values
from streamx.codec.types import all_fit, fits

_BOOLEANS = {
    word: word.lower() for word in (b"true", b"True", b"TRUE", b"false", b"False", b"FALSE")
}


class CsvToJsonl:
    """CSV records to JSON objects, each column written as its type."""

    def __init__(self, layout: Layout) -> None:
        assert isinstance(layout.source, CsvFormat)
        self._layout = layout
        self._scanner = csv_scanner(layout.source)
        self._names = [pick.name for pick in layout.picks]
        self._indexes = [pick.index for pick in layout.picks]

    def __call__(self, data: bytes, limit: int | None, tally: Tally) -> bytes:
        layout = self._layout
        table = read_values(data, self._scanner, layout, limit)
        if layout.strict_types:
            self._stop_at_misfit(table)
        table.account(tally)
        tally.records_out = table.record_count
        if not table.record_count:
            return b""
        columns = [
            self._json_values(layout.columns[index], texts, table, tally)
            for index, texts in zip(self._indexes, table.values(self._indexes), strict=True)
        ]
        return json_lines(self._names, columns)

    def _json_values(
        self, column: Column, texts: Sequence[bytes], table: CsvTable | CsvTexts, tally: Tally
    ) -> Sequence[bytes]:
        nulls = self._layout.nulls
        values = json_column(column, texts, nulls)
        if values is not None:
            return values
        return self._with_misfits(column, without_nulls(texts, nulls), table, tally)

    def _with_misfits(
        self, column: Column, texts: Sequence[bytes], table: CsvTable | CsvTexts, tally: Tally
    ) -> Sequence[bytes]:
        strings = json_strings(texts)
        indexes = _misfits(column, texts)
        is_known = column.name in tally.misfits
        position = 0 if is_known else table.position(indexes[0])
        tally.note_misfits(column.name, len(indexes), position, excerpt(texts[indexes[0]]))
        misfits = set(indexes)
        return [
            strings[index] if index in misfits else _BOOLEANS.get(text, text) or b"null"
            for index, text in enumerate(texts)
        ]

    def _stop_at_misfit(self, table: CsvTable | CsvTexts) -> None:
        """Make the first record with a misfit the bad one, and drop what comes after it."""
        if not table.record_count:
            return
        nulls = self._layout.nulls
        first: tuple[int, Column, bytes] | None = None
        for column_index, values in zip(self._indexes, table.values(self._indexes), strict=True):
            column = self._layout.columns[column_index]
            if column.type is ColumnType.STRING:
                continue
            texts = without_nulls(values, nulls)
            if all_fit(texts, column.type, column.is_pinned):
                continue
            index = _misfits(column, texts)[0]
            if first is None or index < first[0]:
                first = index, column, texts[index]
        if first is not None:
            index, column, text = first
            bad = Bad(table.position(index), *misfit(column, text), kind="type")
            table.stop_at(index, bad)


class CsvToCsv:
    """CSV records to CSV records; a cell keeps its bytes unless the dialect changes."""

    def __init__(self, layout: Layout) -> None:
        assert isinstance(layout.source, CsvFormat)
        assert isinstance(layout.target, CsvFormat)
        self._layout = layout
        self._scanner = csv_scanner(layout.source)
        self._writer = CsvWriter(layout.target)
        self._indexes = [pick.index for pick in layout.picks]
        self._keeps_cells = layout.source.has_cells_of(layout.target)

    def __call__(self, data: bytes, limit: int | None, tally: Tally) -> bytes:
        layout = self._layout
        read = read_cells if self._keeps_cells else read_values
        table = read(data, self._scanner, layout, limit)
        table.account(tally)
        tally.records_out = table.record_count
        if not table.record_count:
            return b""
        if not isinstance(table, CsvTable) or not self._keeps_cells:
            texts = table.values(self._indexes)
            return self._writer.records([self._writer.cells(each) for each in texts])
        columns = table.columns(self._indexes)
        if not data.isascii():
            columns[0] = [self._writer.safe_first(cell) for cell in columns[0]]
        return self._writer.records(columns)


def json_column(
    column: Column, texts: Sequence[bytes], nulls: frozenset[bytes]
) -> Sequence[bytes] | None:
    """Return the JSON values of a column's texts, or None if one does not fit its type.

    >>> json_column(Column("a"), [b"x", b"NA"], frozenset([b"NA"]))
    [b'"x"', b'null']
    """
    if column.type is ColumnType.STRING:
        strings = json_strings(texts)
        if not nulls or nulls.isdisjoint(texts):
            return strings
        pairs = zip(texts, strings, strict=True)
        return [b"null" if text in nulls else string for text, string in pairs]
    texts = without_nulls(texts, nulls)
    if not all_fit(texts, column.type, column.is_pinned):
        return None
    if column.type is ColumnType.BOOLEAN:
        return [_BOOLEANS.get(text, b"null") for text in texts]
    return [text or b"null" for text in texts] if b"" in texts else texts


def misfit(column: Column, text: bytes) -> tuple[str, str]:
    """Say what was found and expected where a text does not fit its column and types are strict."""
    pinned = shlex.quote(f"{column.name}=string")
    return (
        f"{excerpt(text)} in column {column.name}, which is of type {column.type}",
        f"a cell that fits (--strict-types); --type {pinned} takes any, "
        "--null names cells that stand for null",
    )


def without_nulls(texts: Sequence[bytes], nulls: frozenset[bytes]) -> Sequence[bytes]:
    """Return the texts of a typed column with every null token made empty."""
    if not nulls or nulls.isdisjoint(texts):
        return texts
    return [b"" if text in nulls else text for text in texts]


def _misfits(column: Column, texts: Sequence[bytes]) -> list[int]:
    return [
        index
        for index, text in enumerate(texts)
        if text and not fits(text, column.type, column.is_pinned)
    ]
