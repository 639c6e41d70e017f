"""Uniform: results that are records of the same fields, to encode a column at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from streamx.codec.fields import Fields
from streamx.codec.layout import CsvFormat, Format
from streamx.codec.record import Record
from streamx.codec.reference.csv_records import csv_scanner

# What user code made of a record, and the byte position of that record.
Result = tuple[Mapping[str, Any], int]
# What stands in the output for a field's cells as they came, or None where that cannot be told
# of all of them at once; and for a value that was set, in a field of a name.
ColumnWriter = Callable[[str, Sequence[bytes]], Sequence[bytes] | None]
ValueWriter = Callable[[object, str], bytes]


class Uniform:
    """Records of the same fields in the same order, whichever of them were set.

    Args:
        records, fields, names: as `uniform` has found them.
    """

    def __init__(self, records: Sequence[Record], fields: Fields, names: tuple[str, ...]) -> None:
        self.fields = fields
        self.names = names
        self._records = records
        self._set: dict[str, list[int]] = {}
        for number, record in enumerate(records):
            if record._changes is not None:
                for name in [name for name, is_same in record._changes.items() if not is_same]:
                    self._set.setdefault(name, []).append(number)

    def column(
        self, name: str, write: ColumnWriter, write_value: ValueWriter, null: bytes
    ) -> Sequence[bytes] | None:
        """Return what a field becomes in each record, or None where `write` does.

        Args:
            name: one of `names`.
            write, write_value: for cells as they came, and for values.
            null: a cell that `write` takes, to stand where a value was set.
        """
        numbers = self._set.get(name, ())
        if len(numbers) == len(self._records):
            return [write_value(record._values[name], name) for record in self._records]
        index = self.fields.cell_of[name]
        cells = [record._cells[index] for record in self._records]
        for number in numbers:
            cells[number] = null
        written = write(name, cells)
        if written is None or not numbers:
            return written
        merged = list(written)
        for number in numbers:
            merged[number] = write_value(self._records[number]._values[name], name)
        return merged


def reference_of(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a native record as the reference's, and other results as they are."""
    return result.as_reference() if isinstance(result, Record) else result


def uniform(results: Sequence[Result]) -> Uniform | None:
    """Return results as uniform records, or None if they are not that."""
    first = results[0][0] if results else None
    if not isinstance(first, Record):
        return None
    fields, names = first._fields, tuple(first._names)
    records: list[Record] = []
    for record, _ in results:
        if not isinstance(record, Record) or record._fields is not fields:
            return None
        if record._line:
            record._settle()
        if tuple(record._names) != names:
            return None
        records.append(record)
    return Uniform(records, fields, names)


def unquoted(cells: Sequence[bytes], format: Format) -> Sequence[bytes]:
    """Return the texts of CSV cells."""
    assert isinstance(format, CsvFormat)
    scanner = csv_scanner(format)
    if scanner.quote not in b"".join(cells):
        return cells
    return [scanner.value(cell) for cell in cells]
