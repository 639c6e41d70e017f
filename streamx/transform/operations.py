"""Column operations: select, drop, rename and limit, as a chain in the order written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from streamx.codec.layout import Pick
from streamx.errors import UsageError


@dataclass(frozen=True, slots=True)
class Select:
    """Keep these columns, in this order, and no others."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Drop:
    """Leave these columns out."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rename:
    """Give the column `old` the name `new`."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Limit:
    """Take the first `records` records and stop reading."""

    records: int


Operation = Select | Drop | Rename | Limit


def apply_operations(operations: Sequence[Operation], names: Sequence[str]) -> list[Pick]:
    """Return the output's columns after a chain; each operation sees what the one before left.

    Args:
        operations: the chain; a Limit leaves the columns as they are.
        names: the input's columns.

    Raises:
        UsageError: an operation names a column that is not there, or makes two of one name.

    >>> apply_operations([Rename("b", "c"), Select(("c",))], ["a", "b"])
    [Pick(index=1, name='c')]
    """
    picks = [Pick(index, name) for index, name in enumerate(names)]
    for operation in operations:
        if isinstance(operation, Select):
            picks = [_find(picks, name, "--select") for name in operation.names]
            _refuse_twice([pick.name for pick in picks], "--select")
        elif isinstance(operation, Drop):
            dropped = [_find(picks, name, "--drop") for name in operation.names]
            picks = [pick for pick in picks if pick not in dropped]
        elif isinstance(operation, Rename):
            renamed = _find(picks, operation.old, "--rename")
            new = Pick(renamed.index, operation.new)
            picks = [new if pick is renamed else pick for pick in picks]
            _refuse_twice([pick.name for pick in picks], "--rename")
    if names and not picks:
        raise UsageError("--drop leaves no column; leave at least one")
    return picks


def find_column(names: Sequence[str], name: str, option: str) -> int:
    """Return a column's index.

    Raises:
        UsageError: there is none of that name; the message lists the columns and the nearest.
    """
    if name in names:
        return list(names).index(name)
    from difflib import get_close_matches

    nearest = get_close_matches(name, names, n=1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else "."
    raise UsageError(f"{option}: no column {name!r}{hint} The columns are: {', '.join(names)}")


def limit_of(operations: Sequence[Operation]) -> int | None:
    """Return the smallest limit of a chain, or None; no operation here changes the count."""
    limits = [operation.records for operation in operations if isinstance(operation, Limit)]
    return min(limits, default=None)


def _find(picks: list[Pick], name: str, option: str) -> Pick:
    return picks[find_column([pick.name for pick in picks], name, option)]


def _refuse_twice(names: list[str], option: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{option}: two columns of the output would be named {name!r}")
