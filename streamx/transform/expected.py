"""What is known of an output's columns before a record is written, for files that have types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from streamx.transform.functions import Apply
from streamx.transform.operations import Drop, Operation, Rename, Select, Set

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is known of the columns.

    Attributes:
        types: of columns that each record has, by name and in their order: a ColumnType that the
            input's first records have shown, one of Arrow's that the input has, or None where only
            the records can tell.
        names: the only columns there may be; None for those of the first records.
        pinned: types by name that hold whatever the first records have.
        drops_extra_keys: what belongs to no column is left out.
    """

    types: Mapping[str, Any] = field(default_factory=dict)
    names: Sequence[str] | None = None
    pinned: Mapping[str, str] = field(default_factory=dict)
    drops_extra_keys: bool = False


def carried(known: Mapping[str, T], operations: Sequence[Operation]) -> dict[str, T | None]:
    """Return what is known of the columns that a chain leaves; None for what it computes.

    What a function returns is not known, so behind one nothing is.

    >>> carried({"a": 1, "b": 2}, [Rename("a", "c"), Set("b", "c + 1"), Set("d", "c")])
    {'c': 1, 'b': None, 'd': None}
    """
    columns: dict[str, T | None] = dict(known)
    for operation in operations:
        if isinstance(operation, Apply):
            return {}
        if isinstance(operation, Set):
            columns[operation.name] = None
        elif isinstance(operation, Select):
            columns = {name: columns[name] for name in operation.names if name in columns}
        elif isinstance(operation, Drop):
            columns = {name: each for name, each in columns.items() if name not in operation.names}
        elif isinstance(operation, Rename):
            columns = {
                operation.new if name == operation.old else name: each
                for name, each in columns.items()
            }
    return columns
