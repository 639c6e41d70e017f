"""Encodes results of user code as CSV under a header that is already fixed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal

from streamx.codec.json_values import EncodeError, json_of
from streamx.codec.layout import MOST_NAMED_KEYS, CsvFormat, Format, Tally, excerpt
from streamx.codec.record import Record
from streamx.codec.reference.emit import CsvWriter
from streamx.codec.reference.from_jsonl import extra_key
from streamx.codec.reference.json_columns import cell_values
from streamx.codec.reference.json_records import cell_value
from streamx.codec.uniform import Result, uniform, unquoted

Writer = Callable[[Sequence[bytes]], Sequence[bytes]]


class CsvEncoder:
    """Writes one CSV record for each result; see Encoder."""

    def __init__(
        self,
        target: CsvFormat,
        columns: tuple[str, ...],
        extra_keys: Literal["error", "drop", "ignore"],
    ) -> None:
        self._target = target
        self._writer = CsvWriter(target)
        self._columns = columns
        self._known = frozenset(columns)
        self._extra_keys = extra_keys

    def by_columns(self, results: Sequence[Result], tally: Tally) -> bytes | None:
        """Encode results of which nothing is to be said; None if they are not that."""
        try:
            columns = self._columns_of_records(results) or self._columns_of_dicts(results)
        except ValueError:  # of a value
            return None
        if not columns:
            return None
        tally.records_out += len(results)
        return self._records(columns)

    def _columns_of_records(self, results: Sequence[Result]) -> list[Sequence[bytes]] | None:
        batch = uniform(results)
        if batch is None or self._has_extra(batch.names):
            return None
        write, null = self._columns_from(batch.fields.source), b""
        if not isinstance(batch.fields.source, CsvFormat):
            null = b"null"
        names = frozenset(batch.names)
        return [
            batch.column(name, lambda _, cells: write(cells), self._cell, null) or []
            if name in names
            else [b""] * len(results)
            for name in self._columns
        ]

    def _columns_of_dicts(self, results: Sequence[Result]) -> list[Sequence[bytes]] | None:
        for result, _ in results:
            if type(result) is not dict or self._has_extra(result):
                return None
        return [
            self._writer.cells([self._text(result.get(name), name) for result, _ in results])
            for name in self._columns
            if results
        ]

    def one_by_one(self, results: Sequence[Result], tally: Tally) -> bytes:
        """Encode any results, up to the first that cannot be."""
        rows: list[list[bytes]] = []
        for result, position in results:
            try:
                names = result._names if isinstance(result, Record) else result.keys()
                if self._has_extra(names):
                    self._judge_extra(result, position, tally)
                if not self._columns:
                    raise EncodeError("a record, but no columns", "columns; name some (--columns)")
                if isinstance(result, Record):
                    rows.append(self._of_record(result))
                else:
                    rows.append(self._of_mapping(result))
            except EncodeError as error:
                tally.bad = error.bad(position)
                break
        tally.records_out += len(rows)
        return self._records(list(zip(*rows, strict=True))) if rows else b""

    def _records(self, columns: list[Sequence[bytes]]) -> bytes:
        columns[0] = [self._writer.safe_first(cell) for cell in columns[0]]
        return self._writer.records(columns)

    def _of_record(self, record: Record) -> list[bytes]:
        if record._line:
            record._settle()
        fields, states = record._fields, record._names
        write = self._columns_from(fields.source)
        row: list[bytes] = []
        for name in self._columns:
            state = states.get(name)
            if state is None:
                row.append(b"")
            elif state:
                row += write([record._cells[fields.cell_of[name]]])
            else:
                row.append(self._cell(record._values[name], name))
        return row

    def _of_mapping(self, result: Mapping[str, Any]) -> list[bytes]:
        return [self._cell(result[name], name) if name in result else b"" for name in self._columns]

    def _columns_from(self, source: Format) -> Writer:
        """Return what makes cells of the output of untouched ones of a format."""
        if not isinstance(source, CsvFormat):
            return lambda raws: self._writer.cells(cell_values(raws))
        if source.has_cells_of(self._target):
            return _same
        return lambda cells: self._writer.cells(unquoted(cells, source))

    def _cell(self, value: object, name: str) -> bytes:
        return self._writer.cell(self._text(value, name))

    def _text(self, value: object, name: str) -> bytes:
        """Return the text of a value, as its JSON would become it."""
        if type(value) is int:
            return json_of(value)
        if type(value) is str and value.isascii():
            return value.encode()
        return cell_value(json_of(value, name))

    def _has_extra(self, names: Collection[str]) -> bool:
        return self._extra_keys != "ignore" and not self._known.issuperset(names)

    def _judge_extra(self, result: Mapping[str, Any], position: int, tally: Tally) -> None:
        """Count the fields that are no columns, or refuse them."""
        extra = [key for key in result if key not in self._known]
        if self._extra_keys == "error":
            line = result._line if isinstance(result, Record) else b""
            where = excerpt(line) if line else "the function's result"
            raise EncodeError(*extra_key(extra[0], where), kind="extra key")
        tally.dropped_values += len(extra)
        for key in extra:
            if len(tally.dropped_keys) <= MOST_NAMED_KEYS:
                tally.dropped_keys.setdefault(key, position)


def _same(cells: Sequence[bytes]) -> Sequence[bytes]:
    return cells
