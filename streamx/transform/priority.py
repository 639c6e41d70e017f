"""Priority: how urgent a record is that waits to be handed to a function, by an expression."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from streamx.transform.chain import without_value
from streamx.transform.expressions import ExpressionError
from streamx.transform.results import CallError, Item

if TYPE_CHECKING:
    from streamx.transform.expressions import Expression

# Whether the value is null, which goes last, and the value; the lowest goes first.
Urgency = tuple[bool, float]


def urgency_of(priority: Expression) -> Callable[[Item], Urgency]:
    """Return what tells how urgent a record is; it raises CallError where nothing does.

    >>> from streamx.transform.expressions import parse
    >>> urgency = urgency_of(parse("delay", "--priority"))
    >>> sorted(urgency(({"delay": delay}, 0)) for delay in (7, None, 1.5))
    [(False, 1.5), (False, 7), (True, 0)]
    """

    def urgency(item: Item) -> Urgency:
        record, position = item
        try:
            value = priority.evaluate(record)
        except ExpressionError as error:
            raise without_value(error, position) from error
        if value is None:
            return True, 0
        if isinstance(value, int | float):
            return False, value
        raise CallError(
            position,
            f"{priority.option} {priority.text} is {value!r:.40}",
            "a number, a truth value or null; epoch(t) makes a number of a time",
            kind="expression",
        )

    return urgency
