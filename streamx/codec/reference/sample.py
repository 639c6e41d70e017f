"""Reads samples: where their records start, which types and keys they have."""

from __future__ import annotations

from itertools import groupby

from streamx.codec.layout import Column, ColumnType, CsvFormat, Format, Layout
from streamx.codec.reference.csv_records import csv_scanner
from streamx.codec.reference.from_jsonl import filled_lines, object_at
from streamx.codec.reference.json_records import flat_pairs, raw_pairs
from streamx.codec.reference.slices import scanner_of, slices
from streamx.codec.reference.tables import read_cells
from streamx.codec.types import TypeInference


def record_start(data: bytes | memoryview, format: Format, number: int) -> int | None:
    """Return where the record with a number starts, from 0 and without blank lines, or None."""
    starts = enumerate(scanner_of(format).starts(bytes(data)))
    return next((start for index, start in starts if index == number), None)


def column_types(
    sample: bytes,
    format: CsvFormat,
    width: int,
    nulls: frozenset[bytes],
    *,
    pads_short_records: bool = False,
) -> list[ColumnType]:
    """Return the types of a CSV's columns, as TypeInference decides them.

    Args:
        sample: whole records; those of more or fewer cells than `width` decide nothing.
        nulls: cell texts that stand for null.
        pads_short_records: those of fewer cells decide as far as they go.
    """
    scanner = csv_scanner(format)
    inference = TypeInference(width, nulls)
    for start, end in slices(sample, scanner):
        split = [scanner.cells(record) for record in scanner.records(sample[start:end])]
        least = 1 if pads_short_records else width
        fitting = [cells for cells in split if cells is not None and least <= len(cells) <= width]
        # Cells that are not there decide nothing, so nobody needs to make them up.
        for _, alike in groupby(sorted(fitting, key=len), key=len):
            inference.add(
                [scanner.value(cell) for cell in cells] for cells in zip(*alike, strict=True)
            )
    return inference.types()


def guessed_types(
    sample: bytes, format: CsvFormat, width: int, nulls: frozenset[bytes]
) -> list[ColumnType]:
    """Return the types of a CSV's columns where records that are not right are guessed."""
    scanner = csv_scanner(format)
    layout = Layout(format, format, (Column(""),) * width, is_lenient=True)
    inference = TypeInference(width, nulls)
    for start, end in slices(sample, scanner):
        table = read_cells(sample[start:end], scanner, layout, None)
        if table.record_count:
            inference.add(table.values(range(width)))
    return inference.types()


def keys_of(sample: bytes, *, flattens: bool = False) -> list[str] | None:
    """Return the union of the keys in a sample of JSONL, in the order in which they first come.

    A line that is not a JSON object is passed over; converting it will say what is wrong. None
    means that there is no object.
    """
    pairs_of = flat_pairs if flattens else raw_pairs
    keys: dict[bytes, None] = {}
    has_objects = False
    for line in filled_lines(sample, None).records:
        try:
            keys.update(dict.fromkeys(pairs_of(object_at(line))))
        except ValueError:
            continue
        has_objects = True
    return [key.decode() for key in keys] if has_objects else None
