"""Operations on columns and records, as a chain in the order written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streamx.codec.layout import Pick
from streamx.errors import UsageError
from streamx.transform.functions import Apply

if TYPE_CHECKING:
    from streamx.transform.expressions import Expression


@dataclass(frozen=True, slots=True)
class Select:
    """Keep these columns, in this order, and no others.

    Attributes:
        names: of columns, a tuple; one that is not there is a UsageError of the run.
    """

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Drop:
    """Leave these columns out.

    Attributes:
        names: of columns, a tuple; one that is not there is a UsageError of the run.
    """

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rename:
    """Give a column another name, and leave it in its place.

    Attributes:
        old: the name it has.
        new: the name it gets, which no other column may have.
    """

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Limit:
    """Take the first records and stop reading.

    Attributes:
        records: how many; those that conditions and functions before this left.
    """

    records: int


@dataclass(frozen=True, slots=True)
class Where:
    """Keep the records for which a condition is true, and not null.

    Attributes:
        condition: an expression, such as `dep_delay > 60 and carrier in ("UA", "AA")`.
    """

    condition: str

    def expression(self) -> Expression:
        """Return the condition, read.

        Raises:
            UsageError: it is none.
        """
        from streamx.transform.expressions import parse

        return parse(self.condition, "--where", is_condition=True)


@dataclass(frozen=True, slots=True)
class Set:
    """Give a column the value of an expression.

    Attributes:
        name: the column's; a new one comes last.
        value: an expression, such as `dep_delay - arr_delay`.
    """

    name: str
    value: str

    def expression(self) -> Expression:
        """Return the value, read.

        Raises:
            UsageError: it is no expression.
        """
        from streamx.transform.expressions import parse

        return parse(self.value, f"--set {self.name}")


_MOST_LISTED = 30

Operation = Select | Drop | Rename | Limit | Where | Set | Apply


def apply_operations(
    operations: Sequence[Operation], names: Sequence[str], *, is_complete: bool = True
) -> list[Pick]:
    """Return the output's columns after a chain; each operation sees what the one before left.

    Args:
        operations: column operations; a Limit leaves the columns as they are.
        names: the input's columns.
        is_complete: the input has no others, so a chain that leaves none is a mistake.

    Raises:
        UsageError: an operation names a column that is not there, or makes two of one name.

    >>> apply_operations([Rename("b", "c"), Select(("c",))], ["a", "b"])
    [Pick(index=1, name='c', key=None, is_last=False)]
    """
    picks = {name: Pick(index, name) for index, name in enumerate(names)}
    for operation in operations:
        if isinstance(operation, Select):
            _refuse_twice(operation.names, "--select")
            picks = {name: _find(picks, name, "--select") for name in operation.names}
        elif isinstance(operation, Drop):
            for name in dict.fromkeys(operation.names):
                _find(picks, name, "--drop")
                del picks[name]
        elif isinstance(operation, Rename):
            old = _find(picks, operation.old, "--rename")
            names_left = [operation.new if pick is old else name for name, pick in picks.items()]
            _refuse_twice(names_left, "--rename")
            picks = {
                name: Pick(pick.index, name)
                for name, pick in zip(names_left, picks.values(), strict=True)
            }
    if is_complete and names and not picks:
        raise UsageError("--drop leaves no column; leave at least one")
    return list(picks.values())


def named_columns(operations: Sequence[Operation]) -> tuple[str, ...]:
    """Return the input's columns that a chain names, in the order in which it does.

    >>> named_columns([Rename("a", "b"), Select(("b", "c"))])
    ('a', 'c')
    """
    names: dict[str, None] = {}
    made: set[str] = set()
    for operation in operations:
        used: tuple[str, ...] = ()
        if isinstance(operation, Rename):
            used = (operation.old,)
        elif isinstance(operation, Select | Drop):
            used = operation.names
        names.update(dict.fromkeys(name for name in used if name not in made))
        if isinstance(operation, Rename):
            made.add(operation.new)
    return tuple(names)


def unknown_column(names: Iterable[str], name: str, option: str) -> UsageError:
    """Say that there is no column of a name, which there are, and the nearest."""
    from streamx.nearest import did_you_mean  # for this alone

    known = list(names)
    hint = did_you_mean(name, known) or "."
    shown = ", ".join(known[:_MOST_LISTED])
    if len(known) > _MOST_LISTED:
        shown += f" and {len(known) - _MOST_LISTED} more (streamx schema lists them)"
    return UsageError(f"{option}: no column {name!r}{hint} The columns are: {shown}")


def before_records(operations: Sequence[Operation]) -> Sequence[Operation]:
    """Return the part of a chain before the first operation that looks into records."""
    for index, operation in enumerate(operations):
        if isinstance(operation, Where | Set | Apply):
            return operations[:index]
    return operations


def adds_columns(operations: Sequence[Operation]) -> bool:
    """Tell whether the columns that a chain leaves depend on what its functions return.

    >>> adds_columns([Apply("json:loads")]), adds_columns([Apply("json:loads"), Select(("a",))])
    (True, False)
    """
    for operation in reversed(operations):
        if isinstance(operation, Apply | Select):
            return isinstance(operation, Apply)
    return False


def check_expressions(operations: Sequence[Operation], names: Sequence[str]) -> list[str]:
    """Refuse expressions over columns that are not there; return those that a function gets.

    Args:
        operations: a chain.
        names: the columns that its first operation gets. What a function leaves is not known.

    Raises:
        UsageError: an expression names another column.

    >>> check_expressions([Set("c", "a + 1"), Drop(("a",)), Where("c > b")], ["a", "b"])
    ['b', 'c']
    """
    known = list(names)
    for operation in operations:
        if isinstance(operation, Apply):
            break
        if isinstance(operation, Where | Set):
            operation.expression().check(known)
        if isinstance(operation, Set) and operation.name not in known:
            known.append(operation.name)
        elif isinstance(operation, Select | Drop | Rename):
            known = [pick.name for pick in apply_operations([operation], known)]
    return known


def limits_of(operations: Sequence[Operation]) -> tuple[int, ...]:
    """Return what the limits of a chain of column operations come to: none changes the count."""
    limits = [operation.records for operation in operations if isinstance(operation, Limit)]
    return (min(limits),) if limits else ()


def _find(picks: dict[str, Pick], name: str, option: str) -> Pick:
    if name not in picks:
        raise unknown_column(picks, name, option)
    return picks[name]


def _refuse_twice(names: Sequence[str], option: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise UsageError(f"{option}: two columns of the output would be named {name!r}")
        seen.add(name)
