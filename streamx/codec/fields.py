"""Fields: what the records of a run have in common, so that none has to carry it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from streamx.codec.json_values import integer_of, number_of, value_of
from streamx.codec.layout import Column, ColumnType, CsvFormat, Format, Layout
from streamx.codec.reference.csv_records import csv_scanner
from streamx.codec.reference.emit import json_string
from streamx.codec.reference.json_records import RenameClashError
from streamx.codec.types import pattern_of

Reader = Callable[[bytes], Any]
# Gives None for a cell that does not fit its column.
JsonWriter = Callable[[bytes], bytes | None]

_MOST_PICKS = 16

_NUMBERS: dict[ColumnType, Reader] = {
    ColumnType.INTEGER: integer_of,
    ColumnType.NUMBER: number_of,
    ColumnType.BOOLEAN: lambda text: text.lower() == b"true",
}


@dataclass(frozen=True)
class Fields:
    """The names of fields, in order, and where and how a record's cells hold their values.

    A selection or new names are merely another description of the same cells.

    Attributes:
        source: the format of the cells: as they stand in CSV, or raw JSON values.
        names: the fields.
        indexes: which cell each shows.
        columns: for CSV, which column of the input each shows.
        nulls: for CSV, the texts that stand for null.
        is_unchanged: for JSONL, an object with these fields is written as its line.

    >>> fields = Fields(CsvFormat(), ("n",), (1,), (Column("b", ColumnType.INTEGER),))
    >>> index, read = fields.readers["n"]
    >>> read([b"x", b"7"][index])
    7
    """

    source: Format
    names: tuple[str, ...]
    indexes: tuple[int, ...]
    columns: tuple[Column, ...] = ()
    nulls: frozenset[bytes] = frozenset()
    is_unchanged: bool = True

    def __reduce__(self) -> tuple[object, ...]:
        # Without what is cached, which does not pickle.
        return Fields, (
            *(self.source, self.names, self.indexes),
            *(self.columns, self.nulls, self.is_unchanged),
        )

    def text(self, name: str, cells: Any) -> bytes:
        """Return the text that a field of a CSV has in some cells, without quotes."""
        assert isinstance(self.source, CsvFormat)
        return csv_scanner(self.source).value(cells[self.cell_of[name]])

    def picked(self, names: tuple[tuple[str, str], ...]) -> Fields:
        """Return the description of some of these fields, each under the name it is to have."""
        known = self._picked.get(names)
        if known is None:
            indexes = tuple(self.cell_of[old] for old, _ in names)
            columns = tuple(self.column_of[old] for old, _ in names) if self.columns else ()
            new_names = tuple(new for _, new in names)
            known = Fields(self.source, new_names, indexes, columns, self.nulls, False)
            if len(self._picked) < _MOST_PICKS:  # names may be data
                self._picked[names] = known
        return known

    @cached_property
    def _picked(self) -> dict[tuple[tuple[str, str], ...], Fields]:
        return {}

    @cached_property
    def untouched(self) -> dict[str, bool]:
        """For each field that a record leaves it as it came: what a record's changes start from."""
        return dict.fromkeys(self.names, True)

    @cached_property
    def cell_of(self) -> dict[str, int]:
        """Which cell a field shows."""
        return dict(zip(self.names, self.indexes, strict=True))

    @cached_property
    def column_of(self) -> dict[str, Column]:
        """Which column of a CSV a field shows."""
        return dict(zip(self.names, self.columns, strict=True))

    @cached_property
    def labels(self) -> dict[str, bytes]:
        """What stands before a field's value in JSON."""
        return {name: json_string(name.encode()) + b":" for name in self.names}

    @cached_property
    def readers(self) -> dict[str, tuple[int, Reader]]:
        """For each field its cell, and what makes a value of it."""
        if not isinstance(self.source, CsvFormat):
            return {name: (index, value_of) for name, index in self.cell_of.items()}
        return {
            name: (index, _reader(column, self.nulls, self.source))
            for name, index, column in zip(self.names, self.indexes, self.columns, strict=True)
        }

    @cached_property
    def json_writers(self) -> dict[str, tuple[int, JsonWriter]]:
        """For each field of a CSV its cell, and what makes JSON of it."""
        assert isinstance(self.source, CsvFormat)
        return {
            name: (index, _json_writer(column, self.nulls, self.source))
            for name, index, column in zip(self.names, self.indexes, self.columns, strict=True)
        }


def csv_fields(layout: Layout) -> Fields:
    """Return the fields that a CSV's records have: the layout's picks, or else all columns.

    >>> csv_fields(Layout(CsvFormat(), CsvFormat(), (Column("a"), Column("b")))).names
    ('a', 'b')
    """
    names = [pick.name for pick in layout.picks] or [column.name for column in layout.columns]
    indexes = [pick.index for pick in layout.picks] or range(len(layout.columns))
    columns = tuple(layout.columns[index] for index in indexes)
    return Fields(layout.source, tuple(names), tuple(indexes), columns, layout.nulls)


def jsonl_fields(layout: Layout, keys: tuple[bytes, ...]) -> Fields:
    """Return the fields that JSON objects of these keys have.

    Raises:
        RenameClashError: a key is the name that another is renamed to.

    >>> from streamx.codec.layout import JsonlFormat
    >>> jsonl_fields(Layout(JsonlFormat(), JsonlFormat()), (b"b", b"a")).names
    ('b', 'a')
    """
    texts = [key.decode() for key in keys]
    if layout.is_unchanged:
        return Fields(layout.source, tuple(texts), tuple(range(len(texts))))
    renames = {layout.columns[pick.index].name: pick.name for pick in layout.picks}
    if layout.passes_unknown_keys:
        known = {column.name for column in layout.columns}
        new_names = set(renames.values())
        for text in texts:
            if text not in known and text in new_names:
                raise RenameClashError(text)
        chosen = {renames.get(text, text): text for text in texts if text not in known - {*renames}}
    else:
        chosen = {new: old for old, new in renames.items() if old in texts}
    indexes = tuple(map(texts.index, chosen.values()))
    return Fields(layout.source, tuple(chosen), indexes, is_unchanged=False)


def _reader(column: Column, nulls: frozenset[bytes], format: CsvFormat) -> Reader:
    scanner = csv_scanner(format)
    quote, unquoted = scanner.quote, scanner.value
    if column.type is ColumnType.STRING:

        def read_text(cell: bytes) -> str | None:
            text = unquoted(cell) if cell[:1] == quote else cell
            return None if text in nulls else text.decode()

        return read_text
    fits, number = pattern_of(column.type, column.is_pinned).fullmatch, _NUMBERS[column.type]

    def read(cell: bytes) -> Any:
        text = unquoted(cell) if cell[:1] == quote else cell
        if not text or text in nulls:
            return None
        return number(text) if fits(text) else text.decode()

    return read


def _json_writer(column: Column, nulls: frozenset[bytes], format: CsvFormat) -> JsonWriter:
    value = csv_scanner(format).value
    if column.type is ColumnType.STRING:

        def write_text(cell: bytes) -> bytes:
            text = value(cell)
            return b"null" if text in nulls else json_string(text)

        return write_text
    fits = pattern_of(column.type, column.is_pinned).fullmatch
    is_boolean = column.type is ColumnType.BOOLEAN

    def write(cell: bytes) -> bytes | None:
        text = value(cell)
        if not text or text in nulls:
            return b"null"
        if not fits(text):
            return None
        return text.lower() if is_boolean else text

    return write
