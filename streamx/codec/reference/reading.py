"""Takes whole records apart for user code, a bounded slice at a time."""

from __future__ import annotations

from collections.abc import Generator
from functools import lru_cache
from typing import Protocol

from streamx.codec.fields import Fields, csv_fields, jsonl_fields
from streamx.codec.layout import CsvFormat, Layout, TakeBad, Tally
from streamx.codec.record import Record
from streamx.codec.reference.csv_records import csv_scanner
from streamx.codec.reference.from_jsonl import bad_line, filled_lines, object_at
from streamx.codec.reference.json_columns import Shapes, uniform_records
from streamx.codec.reference.slices import by_slices
from streamx.codec.reference.tables import read_cells

# Records, each with the byte position in the data where it starts.
Batch = list[tuple[Record, int]]


class SliceReader(Protocol):
    """One format: makes records of a slice, all of it valid UTF-8, which starts at `start`."""

    def __call__(self, data: bytes, start: int, limit: int | None, tally: Tally) -> Batch:
        """Return the records before the first bad one, and set `tally.bad`."""
        ...


def records(
    data: bytes | memoryview,
    layout: Layout,
    limit: int | None = None,
    take: TakeBad | None = None,
) -> Generator[Batch, None, Tally]:
    """Take whole records apart, as `convert` does, without encoding them again.

    What is a record and what a bad one does not depend on `layout.target`. Keys beyond the columns
    and cells that do not fit their column are no business of this but of the encoder's.

    Args:
        data: whole records of `layout.source`; only the last may lack its line end.
        layout: what the records look like, and which of their fields to show as what.
        limit: most records to take, or None.
        take: told of each bad record, behind which reading goes on; None to stop there.

    Yields:
        The records of a slice (32 KiB) with their byte positions in `data`; nothing, in an empty
        list, after each bad record that was taken.

    Returns:
        The tally, with `records_in`, `blank_lines` and `bad`: the bad record that reading stopped
        at, before which all have been yielded.

    >>> from streamx.codec.layout import Column
    >>> list(records(b"1\\n2\\n", Layout(CsvFormat(), CsvFormat(), (Column("a"),))))
    [[({'a': '1'}, 0), ({'a': '2'}, 2)]]
    """
    if take is not None:
        return (yield from _good_records(data, layout, limit, take))
    return (yield from by_slices(bytes(data), layout, limit, _slice_reader(layout)))


def _good_records(
    data: bytes | memoryview, layout: Layout, limit: int | None, take: TakeBad
) -> Generator[Batch, None, Tally]:
    from streamx.codec.reference.going_on import going_on  # needs the codec itself

    def read(start: int, piece: memoryview, before: Tally) -> Generator[Batch, None, Tally]:
        left = None if limit is None else limit - before.records_in
        return moved(records(piece, layout, left), start)

    pause: Batch = []
    return (yield from going_on(read, memoryview(data), layout.source, take, pause))


def moved(reading: Generator[Batch, None, Tally], start: int) -> Generator[Batch, None, Tally]:
    """Yield what is read from within data, with the positions that it has there."""
    while True:
        try:
            batch = next(reading)
        except StopIteration as stop:
            tally: Tally = stop.value
            return tally
        yield [(record, start + position) for record, position in batch]


@lru_cache(maxsize=16)
def _slice_reader(layout: Layout) -> SliceReader:
    return CsvRecords(layout) if isinstance(layout.source, CsvFormat) else JsonlRecords(layout)


class CsvRecords:
    """Records of CSV: cells under the columns' names."""

    def __init__(self, layout: Layout) -> None:
        assert isinstance(layout.source, CsvFormat)
        self._layout = layout
        self._scanner = csv_scanner(layout.source)
        self._fields = csv_fields(layout)

    def __call__(self, data: bytes, start: int, limit: int | None, tally: Tally) -> Batch:
        table = read_cells(data, self._scanner, self._layout, limit)
        table.account(tally)
        fields = self._fields
        return [
            (Record(fields, cells), start + position)
            for cells, position in zip(table.records, table.positions(), strict=True)
        ]


class JsonlRecords:
    """Records of JSONL: objects, each key once."""

    def __init__(self, layout: Layout) -> None:
        self._shapes = Shapes()
        # Keys are data: forget the fields of those that have not come for long.
        self._fields_of = lru_cache(maxsize=256)(lambda keys: jsonl_fields(layout, keys))

    def __call__(self, data: bytes, start: int, limit: int | None, tally: Tally) -> Batch:
        slice = filled_lines(data, limit)
        lines = slice.records
        found: list[Record] = []
        try:
            found += self._uniform(lines)
            for line in lines[len(found) :]:
                found.append(self._record(line))
        except ValueError as error:
            index = len(found)
            tally.bad = bad_line(slice.position(index), lines[index], error)
        tally.records_in = len(found)
        tally.blank_lines = slice.blank_lines(None if tally.bad is None else len(found))
        positions = slice.positions()[: len(found)]
        return [
            (record, start + position) for record, position in zip(found, positions, strict=True)
        ]

    def _uniform(self, lines: list[bytes]) -> list[Record]:
        """Return the records of lines that all have the same keys, or none."""
        same = uniform_records(lines)
        if same is None:
            return []
        fields: Fields = self._fields_of(same[0])
        return [Record(fields, values, line) for values, line in zip(same[1], lines, strict=True)]

    def _record(self, line: bytes) -> Record:
        pairs = self._shapes.pairs(object_at(line))
        return Record(self._fields_of(tuple(pairs)), list(pairs.values()), line)
