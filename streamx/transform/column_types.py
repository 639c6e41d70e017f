"""ColumnTypes: the types of the columns of several CSV files, as their first records show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from streamx.codec import head as heads
from streamx.codec import record_start
from streamx.codec.counting import count_records
from streamx.codec.head import SAMPLE_BYTES, SAMPLE_RECORDS
from streamx.codec.layout import Column, ColumnType, CsvFormat
from streamx.transform.planning import is_open
from streamx.transform.resolve import infers_types, pinned
from streamx.transform.table import Table


@dataclass(slots=True)
class _Window:
    """The sample of some columns: how much of it is still to come."""

    names: set[str]
    records: int = SAMPLE_RECORDS
    size_bytes: int = SAMPLE_BYTES
    is_new: bool = True

    def taken_of(self, sample: bytes, format: CsvFormat) -> bytes:
        """Take what belongs to it of the sample of a file; that of the first one is no longer."""
        taken = sample
        if not self.is_new:
            taken = _first_of(sample, format, self.records, self.size_bytes)
        self.is_new = False
        self.records -= count_records(taken, format)
        self.size_bytes -= len(taken)
        if len(taken) < len(sample):
            self.records = 0
        return taken

    @property
    def is_open(self) -> bool:
        return self.records > 0 and self.size_bytes > 0


class ColumnTypes:
    """The types of a table's columns, as the first records of its files show them.

    The sample of a column begins with the first file that has it, and holds as many records of all
    files from there on as that of one file would. Nothing is kept of it but what it shows.

    Args:
        table: with the headers of all files.

    Attributes:
        has_records: one was seen.

    Raises:
        UsageError: an option names a column that is not there.
    """

    def __init__(self, table: Table) -> None:
        recipe = table.recipe
        self.has_records = False
        self._table = table
        self._infers = bool(table.kinds) and infers_types(
            recipe, pinned(recipe, table.header.names)
        )
        self._wants_records = is_open(recipe)
        self._types: dict[str, ColumnType] = {}
        self._known: set[str] = set()
        self._windows: list[_Window] = []

    def of(self, name: str) -> ColumnType:
        """Return the type of a column; one without any value is a string column."""
        return self._types.get(name, ColumnType.STRING)

    def wants(self, kind: int) -> bool:
        """Tell whether the sample of the next file is wanted, which is of that kind."""
        if not self._infers:
            return self._wants_records and not self.has_records
        new = set(self._table.kinds[kind].header.names) - self._known
        if new:
            self._known |= new
            self._windows.append(_Window(new))
        return bool(self._windows)

    def add(self, kind: int, sample: bytes) -> None:
        """Take in the sample of a file that was wanted."""
        self.has_records |= bool(sample)
        whole = self._types_in(kind, sample) if self._windows else {}
        for window in self._windows:
            taken = window.taken_of(sample, self._table.format)
            found = whole if len(taken) == len(sample) else self._types_in(kind, taken)
            for name in window.names & found.keys():
                known = self._types.get(name)
                self._types[name] = found[name] if known is None else _common(known, found[name])
        self._windows = [window for window in self._windows if window.is_open]

    def _types_in(self, kind: int, records: bytes) -> dict[str, ColumnType]:
        """Return the types of the columns that have values in some records."""
        if not records:
            return {}
        if not records.endswith(b"\n"):
            records += b"\n"
        names, format = self._table.kinds[kind].header.names, self._table.format
        nulls = self._table.recipe.nulls
        number = next(n for n in range(len(nulls) + 1) if b"%d" % n not in nulls)
        numbers = format.delimiter.join([b"%d" % number] * len(names)) + b"\n"
        # A number more makes a difference to what is no text only where there is no value.
        found, other = self._inferred(names, records), self._inferred(names, records + numbers)
        return {
            name: type
            for name, type, with_number in zip(names, found, other, strict=True)
            if type is not ColumnType.STRING or with_number is ColumnType.STRING
        }

    def _inferred(self, names: Sequence[str], records: bytes) -> list[ColumnType]:
        recipe = self._table.recipe
        columns = heads.infer_columns(
            records,
            self._table.format,
            tuple(map(Column, names)),
            recipe.nulls,
            pads_short_records=recipe.pads_short_records,
            is_lenient=recipe.is_lenient,
        )
        return [column.type for column in columns]


def _common(one: ColumnType, other: ColumnType) -> ColumnType:
    """Return the type that cells of two types have in common."""
    if one is other:
        return one
    numbers = {ColumnType.INTEGER, ColumnType.NUMBER}
    return ColumnType.NUMBER if {one, other} == numbers else ColumnType.STRING


def _first_of(sample: bytes, format: CsvFormat, records: int, size_bytes: int) -> bytes:
    """Return the first whole records of a sample, no more than so many and so many bytes."""
    end = record_start(sample, format, records)
    sample = sample if end is None else sample[:end]
    if len(sample) <= size_bytes:
        return sample
    return sample[: heads.whole_records_end(sample[:size_bytes], 0, format)]
