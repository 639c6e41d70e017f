"""Encodes results of user code as JSONL."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from streamx.codec.fields import Fields
from streamx.codec.json_values import EncodeError, json_of
from streamx.codec.layout import Tally, excerpt
from streamx.codec.record import Record
from streamx.codec.reference.emit import json_lines, json_string
from streamx.codec.reference.from_csv import json_column, misfit
from streamx.codec.reference.json_records import raw_keys
from streamx.codec.uniform import Result, uniform, unquoted

_MOST_LABELS = 1_000  # names may be data


class JsonlEncoder:
    """Writes one JSON object a line; see Encoder."""

    def __init__(self, strict_types: bool) -> None:
        self._strict_types = strict_types
        self._labels: dict[str, bytes] = {}

    def by_columns(self, results: Sequence[Result], tally: Tally) -> bytes | None:
        """Encode records of CSV of which nothing is to be said; None if they are not that."""
        if results and isinstance(results[0][0], Record) and results[0][0]._line:
            return None  # a line of JSON mostly needs no encoding
        batch = uniform(results)
        if batch is None or not batch.names:
            return None
        write = partial(_json_column, batch.fields)
        columns: list[Sequence[bytes]] = []
        try:
            for name in batch.names:
                column = batch.column(name, write, json_of, b"")
                if column is None:
                    return None  # a misfit
                columns.append(column)
            output = json_lines(batch.names, columns)
        except ValueError:  # of a value, or of a name that is no Unicode
            return None
        tally.records_out += len(results)
        return output

    def one_by_one(self, results: Sequence[Result], tally: Tally) -> bytes:
        """Encode any results, up to the first that cannot be."""
        lines: list[bytes] = []
        for result, position in results:
            try:
                if isinstance(result, Record):
                    lines.append(self._of_record(result, position, tally))
                else:
                    lines.append(json_of(result))
            except EncodeError as error:
                tally.bad = error.bad(position)
                break
        tally.records_out += len(lines)
        return b"\n".join([*lines, b""])

    def _of_record(self, record: Record, position: int, tally: Tally) -> bytes:
        if not record._line:
            return self._of_cells(record, position, tally)
        record._settle()
        if record._changes is None and record._fields.is_unchanged:
            return record._line
        return self._of_values(record)

    def _of_values(self, record: Record) -> bytes:
        """Return the line of a JSONL record in which something is other than in the input."""
        fields, cells, values = record._fields, record._cells, record._values
        labels = fields.labels
        if b"\\" in record._line and fields.is_unchanged:
            keys = [key + b":" for key in raw_keys(record._line)]
            labels = dict(zip(fields.names, keys, strict=True))
        pairs = [
            labels[name] + cells[fields.cell_of[name]]
            if is_untouched
            else (labels.get(name) or self._label(name)) + json_of(values[name], name)
            for name, is_untouched in record._names.items()
        ]
        return b"{%b}" % b",".join(pairs)

    def _of_cells(self, record: Record, position: int, tally: Tally) -> bytes:
        """Return the line of a CSV record; count cells that do not fit, and write them as text."""
        fields, values = record._fields, record._values
        pairs: list[bytes] = []
        misfits: list[str] = []
        for name, is_untouched in record._names.items():
            if is_untouched:
                index, write = fields.json_writers[name]
                raw = write(record._cells[index])
                if raw is None:
                    misfits.append(name)
                    raw = json_string(fields.text(name, record._cells))
            else:
                raw = json_of(values[name], name)
            pairs.append(self._label(name) + raw)
        for name in misfits:
            self._note_misfit(name, record, position, tally)
        return b"{%b}" % b",".join(pairs)

    def _note_misfit(self, name: str, record: Record, position: int, tally: Tally) -> None:
        column, text = record._fields.column_of[name], record._fields.text(name, record._cells)
        if self._strict_types:
            raise EncodeError(*misfit(column, text), kind="type")
        tally.note_misfits(column.name, 1, position, excerpt(text))

    def _label(self, name: str) -> bytes:
        label = self._labels.get(name)
        if label is None:
            label = json_of(name, name) + b":"
            if len(self._labels) < _MOST_LABELS:
                self._labels[name] = label
        return label


def _json_column(fields: Fields, name: str, cells: Sequence[bytes]) -> Sequence[bytes] | None:
    return json_column(fields.column_of[name], unquoted(cells, fields.source), fields.nulls)
