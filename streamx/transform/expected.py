"""What is known of an output's columns before a record is written, for files that have types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from streamx.codec.layout import Column, CsvFormat
from streamx.transform.functions import Apply
from streamx.transform.operations import Drop, Operation, Rename, Select, Set
from streamx.transform.plan import AnyPlan


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is known of the columns.

    Attributes:
        columns: those that each record has, in their order, with their types; none where only the
            records can tell.
        names: the only columns there may be; None for those of the first records.
        pinned: types by name that hold whatever the first records have.
        drops_extra_keys: what belongs to no column is left out.
    """

    columns: tuple[Column, ...] = ()
    names: tuple[str, ...] | None = None
    pinned: Mapping[str, str] = field(default_factory=dict)
    drops_extra_keys: bool = False


def columns_expected(plan: AnyPlan, operations: Sequence[Operation]) -> tuple[Column, ...]:
    """Return the columns that a plan gives to each record: those of a CSV, behind its operations.

    What a function returns is not known.
    """
    if not isinstance(plan.layout.source, CsvFormat):
        return ()
    columns = {column.name: column for column in plan.layout.columns}
    for operation in operations:
        if isinstance(operation, Apply | Set):
            return ()
        if isinstance(operation, Select):
            columns = {name: columns[name] for name in operation.names}
        elif isinstance(operation, Drop):
            columns = {name: each for name, each in columns.items() if name not in operation.names}
        elif isinstance(operation, Rename):
            columns = {
                operation.new if name == operation.old else name: each
                for name, each in columns.items()
            }
    return tuple(replace(column, name=name) for name, column in columns.items())
