"""Encoder: records and dicts, as user code returns them, as bytes of the output's format."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from streamx.codec.fields import Fields
from streamx.codec.json_values import EncodeError, json_of
from streamx.codec.layout import (
    MOST_NAMED_KEYS,
    Bad,
    Column,
    CsvFormat,
    Format,
    Tally,
    excerpt,
)
from streamx.codec.record import Record
from streamx.codec.reference.csv_records import csv_scanner
from streamx.codec.reference.emit import CsvWriter, json_string
from streamx.codec.reference.json_records import cell_value, raw_keys

__all__ = ["EncodeError", "Encoder"]

ExtraKeys = Literal["error", "drop", "ignore"]
Result = tuple[Mapping[str, Any], int]


class Encoder:
    """Writes results of user code: Records, of which only set fields are encoded, and Mappings.

    Args:
        target: the output's format.
        columns: the output's header, where it is CSV; a field that is missing is an empty cell.
        extra_keys: what a field beyond the columns means: a bad record, a value that is left out
            and counted, or (after a selection) one that is left out.
        strict_types: to JSONL, an untouched cell that does not fit its column makes a bad record.

    >>> from streamx.codec.layout import JsonlFormat
    >>> Encoder(CsvFormat(), ("a", "b")).encode([({"b": True, "a": '5" pipe'}, 0)], Tally())
    b'"5"" pipe",true\\n'
    >>> tally = Tally()
    >>> Encoder(JsonlFormat()).encode([({"a": 1}, 0), ({"a": float("nan")}, 9)], tally)
    b'{"a":1}\\n'
    >>> tally.bad.found
    "nan in field 'a'"
    """

    def __init__(
        self,
        target: Format,
        columns: tuple[str, ...] = (),
        *,
        extra_keys: ExtraKeys = "error",
        strict_types: bool = False,
    ) -> None:
        write: Callable[[Iterable[Result], Tally], bytes]
        if isinstance(target, CsvFormat):
            write = _CsvEncoder(target, columns, extra_keys).encode
        else:
            write = _JsonlEncoder(strict_types).encode
        self._write = write

    def encode(self, results: Iterable[Result], tally: Tally) -> bytes:
        """Return results as output, whole records.

        Args:
            results: each with the byte position of the record that it came from.
            tally: `records_out`, `misfits` and the dropped values and keys are added to; if a
                result cannot be written, `bad` is set, and what is returned ends before it.
        """
        return self._write(results, tally)


class _JsonlEncoder:
    def __init__(self, strict_types: bool) -> None:
        self._strict_types = strict_types
        self._labels: dict[str, bytes] = {}

    def encode(self, results: Iterable[Result], tally: Tally) -> bytes:
        lines: list[bytes] = []
        for result, position in results:
            try:
                if isinstance(result, Record):
                    lines.append(self._of_record(result, position, tally))
                else:
                    lines.append(json_of(result))
            except EncodeError as error:
                tally.bad = Bad(position, error.found, error.expected)
                break
        tally.records_out += len(lines)
        return b"\n".join([*lines, b""])

    def _of_record(self, record: Record, position: int, tally: Tally) -> bytes:
        fields, cells, line, values = record._fields, record._cells, record._line, record._values
        if line:
            record._settle()
            if record._changes is None and fields.is_unchanged:
                return line
        labels, writers = fields.labels, fields.json_writers
        if b"\\" in line and fields.is_unchanged:
            keys = [key + b":" for key in raw_keys(line)]
            labels = dict(zip(fields.names, keys, strict=True))
        pairs: list[bytes] = []
        misfits: list[str] = []
        for name, is_untouched in record._names.items():
            if is_untouched:
                index, write = writers[name]
                raw = write(cells[index])
                if raw is None:
                    misfits.append(name)
                    raw = json_string(_text(fields, cells[index]))
            else:
                raw = json_of(values[name], name)
            pairs.append((labels[name] if name in labels else self._label(name)) + raw)
        if misfits:
            self._note(misfits, record, position, tally)
        return b"{%b}" % b",".join(pairs)

    def _label(self, name: str) -> bytes:
        label = self._labels.get(name)
        if label is None:
            label = json_of(name, name) + b":"
            if len(self._labels) < 1000:  # names may be data
                self._labels[name] = label
        return label

    def _note(self, names: Sequence[str], record: Record, position: int, tally: Tally) -> None:
        fields = record._fields
        for name in names:
            column = fields.column_of[name]
            text = _text(fields, record._cells[fields.cell_of[name]])
            if self._strict_types:
                raise misfit_error(column, text)
            tally.note_misfits(column.name, 1, position, excerpt(text))


class _CsvEncoder:
    def __init__(self, target: CsvFormat, columns: tuple[str, ...], extra_keys: ExtraKeys) -> None:
        self._target = target
        self._writer = CsvWriter(target)
        self._columns = columns
        self._known = frozenset(columns)
        self._extra_keys = extra_keys

    def encode(self, results: Iterable[Result], tally: Tally) -> bytes:
        rows: list[list[bytes]] = []
        for result, position in results:
            try:
                if not result.keys() <= self._known and self._extra_keys != "ignore":
                    self._judge_extra(result, position, tally)
                if isinstance(result, Record):
                    rows.append(self._of_record(result))
                else:
                    rows.append(self._of_mapping(result))
            except EncodeError as error:
                tally.bad = Bad(position, error.found, error.expected)
                break
        if not rows:
            return b""
        tally.records_out += len(rows)
        columns: list[Sequence[bytes]] = list(zip(*rows, strict=True))
        columns[0] = [self._writer.safe_first(cell) for cell in columns[0]]
        return self._writer.records(columns)

    def _of_record(self, record: Record) -> list[bytes]:
        fields, cells, values = record._fields, record._cells, record._values
        names, cell_of = record._names, fields.cell_of
        write = self._writer_of(fields.source)
        if record._line:
            record._settle()
            names = record._names
        row = []
        for name in self._columns:
            state = names.get(name)
            if state:
                row.append(write(cells[cell_of[name]]))
            elif state is None:
                row.append(b"")
            else:
                row.append(self._cell(values[name], name))
        return row

    def _writer_of(self, source: Format) -> Callable[[bytes], bytes]:
        """Return what makes a cell of the output of an untouched one."""
        if not isinstance(source, CsvFormat):
            return lambda raw: self._writer.cell(cell_value(raw))
        if source.has_cells_of(self._target):
            return _same
        unquoted = csv_scanner(source).value
        return lambda cell: self._writer.cell(unquoted(cell))

    def _of_mapping(self, result: Mapping[str, Any]) -> list[bytes]:
        return [self._cell(result[name], name) if name in result else b"" for name in self._columns]

    def _cell(self, value: object, name: str) -> bytes:
        return self._writer.cell(cell_value(json_of(value, name)))

    def _judge_extra(self, result: Mapping[str, Any], position: int, tally: Tally) -> None:
        extra = [key for key in result if key not in self._known]
        if self._extra_keys == "error":
            line = result._line if isinstance(result, Record) else b""
            where = excerpt(line) if line else "the function's result"
            raise EncodeError(
                f"the key {extra[0]!r}, which the header lacks, in {where}",
                "only keys of the header; name all columns with --columns, "
                "or leave others out with --extra-keys drop",
            )
        tally.dropped_values += len(extra)
        for key in extra:
            if len(tally.dropped_keys) <= MOST_NAMED_KEYS:
                tally.dropped_keys.setdefault(key, position)


def misfit_error(column: Column, text: bytes) -> EncodeError:
    """Say that a cell does not fit its column, where types are strict."""
    pinned = shlex.quote(f"{column.name}=string")
    return EncodeError(
        f"{excerpt(text)} in column {column.name}, which is of type {column.type}",
        f"a cell that fits (--strict-types); --type {pinned} takes any, "
        "--null names cells that stand for null",
    )


def _same(cell: bytes) -> bytes:
    return cell


def _text(fields: Fields, cell: bytes) -> bytes:
    assert isinstance(fields.source, CsvFormat)
    return csv_scanner(fields.source).value(cell)
