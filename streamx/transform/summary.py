"""Summary: what a sample of an input says about each of its columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from streamx.codec import records
from streamx.codec.layout import CsvFormat, Layout
from streamx.codec.record import Record

MOST_EXAMPLES = 3
_LONGEST_EXAMPLE = 24
_KINDS = {bool: "boolean", int: "integer", float: "number", str: "string", dict: "object"}


@dataclass(slots=True)
class ColumnSummary:
    """A column, as a sample shows it.

    Attributes:
        name: the column's.
        type: what it is written as in JSON; for JSONL, what its values are, several joined by `|`.
        nulls: how many records of the sample have null there, or do not have the key at all.
        examples: the first values that differ, as text, long ones shortened.
    """

    name: str
    type: str
    nulls: int = 0
    examples: list[str] = field(default_factory=list)


def summarise(layout: Layout, sample: bytes) -> tuple[int, list[ColumnSummary]]:
    """Look at the records of a sample.

    Args:
        layout: with the columns, and their types for CSV.
        sample: whole records. A bad one ends it.

    Returns:
        How many records there were, and a summary for each column.

    >>> from streamx.codec.layout import Column, JsonlFormat
    >>> layout = Layout(JsonlFormat(), JsonlFormat(), (Column("a"),))
    >>> summarise(layout, b'{"a":1}\\n{"a":null}\\n{}\\n')
    (3, [ColumnSummary(name='a', type='integer', nulls=2, examples=['1'])])
    """
    found = [record for batch in records(sample, _whole(layout)) for record, _ in batch]
    return len(found), [
        _summary(column.name, str(column.type), layout, found) for column in layout.columns
    ]


def _whole(layout: Layout) -> Layout:
    """Return a layout that shows all columns under their own names."""
    return replace(layout, picks=(), is_unchanged=True)


def _summary(name: str, type: str, layout: Layout, found: Iterable[Record]) -> ColumnSummary:
    summary = ColumnSummary(name, type)
    kinds: dict[str, None] = {}
    for record in found:
        value = record.get(name)
        if value is None:
            summary.nulls += 1
            continue
        kinds[_KINDS.get(value.__class__, "array")] = None
        if len(summary.examples) < MOST_EXAMPLES:
            example = _example(value)
            if example not in summary.examples:
                summary.examples.append(example)
    if not isinstance(layout.source, CsvFormat):
        summary.type = "|".join(kinds) or "null"
    return summary


def _example(value: Any) -> str:
    from streamx.codec.json_values import json_of

    text = value if isinstance(value, str) else json_of(value).decode()
    return text if len(text) <= _LONGEST_EXAMPLE else text[: _LONGEST_EXAMPLE - 3] + "..."
