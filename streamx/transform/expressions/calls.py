"""Binds a call to its function: null for null, kinds checked, and errors that name the column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from shlex import quote
from types import NoneType
from typing import Any

from streamx.codec.layout import printable
from streamx.transform.expressions.errors import ExpressionError, Refused
from streamx.transform.expressions.function import (
    KIND_NAMES,
    KINDS,
    LARGEST_INTEGER_BITS,
    LARGEST_TEXT,
)
from streamx.transform.expressions.functions import FUNCTIONS
from streamx.transform.expressions.nodes import Call, Column, Constant, Node
from streamx.transform.expressions.operators import TRUTH

_MOST_SHOWN = 60
_LONGEST_TOKEN = 10
_IN_RANGE = "a result of at most 1.8e308, or 4,200 digits for a whole number"


def bind(call: Call, text: str, option: str) -> Callable[..., Any]:
    """Return what computes a call from its arguments' values.

    Args:
        call: the node.
        text, option: the whole expression and the option that has it, for messages.

    Raises:
        ExpressionError: by what is returned, where the function has no value for its arguments.
    """
    function = FUNCTIONS[call.function]
    run, accepted = function.run, function.accepted

    def apply(*values: Any) -> Any:
        types = tuple(map(type, values))
        if NoneType in types:
            return None
        try:
            if accepted and types not in accepted:
                raise _misfit(call, values)
            result = run(*values)
            check_result(result)
        except (ValueError, ArithmeticError, TypeError) as error:
            raise _explain(call, values, _refusal(call, error), text, option) from None
        return result

    return apply


def check_result(value: Any) -> None:
    """Refuse a value that cannot be written, or takes too much room."""
    kind = type(value)
    if kind is float and not isfinite(value):
        raise Refused(_IN_RANGE, None)
    if kind is int and value.bit_length() > LARGEST_INTEGER_BITS:
        raise Refused(_IN_RANGE, None)
    if kind is str and len(value) > LARGEST_TEXT:
        raise Refused(f"a text of at most {LARGEST_TEXT:,} characters", None)


def refuse_result(node: Node, value: Any, text: str, option: str) -> ExpressionError:
    """Say that a node's value is infinite or no number."""
    column = node.name if isinstance(node, Column) else None
    found = f"{_name(node, text)} is {_show(value)} in {_source(node, text, option)}"
    return ExpressionError(found, "a finite number", column, value)


def _refusal(call: Call, error: Exception) -> Refused:
    """Put what Python says in the words of the language."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, ZeroDivisionError):
        return Refused("a divisor other than 0", len(call.arguments) - 1)
    if isinstance(error, OverflowError):
        return Refused(_IN_RANGE, None)
    return Refused(f"a value that {call.function.lstrip('.')} can take ({error})")


def _misfit(call: Call, values: Sequence[Any]) -> Refused:
    """Find the argument to blame: in the alternative that fits best, rather no constant."""
    alternatives = [kinds for kinds in FUNCTIONS[call.function].takes if len(kinds) == len(values)]

    def misfits(kinds: str) -> list[int]:
        pairs = zip(kinds, values, strict=True)
        return [at for at, (kind, value) in enumerate(pairs) if type(value) not in KINDS[kind]]

    def badness(kinds: str) -> tuple[int, bool]:
        bad = misfits(kinds)
        return len(bad), isinstance(call.arguments[bad[0]], Constant)

    kinds = min(alternatives, key=badness)
    at = misfits(kinds)[0]
    hint = _hint(call, call.arguments[at], values[at], kinds[at])
    return Refused(f"{KIND_NAMES[kinds[at]]}{hint}", at)


def _hint(call: Call, argument: Node, value: Any, kind: str) -> str:
    name = argument.name if isinstance(argument, Column) else "x"
    if call.function == TRUTH:
        return ", that is a comparison such as x != 0 or x is not None"
    if kind in "ni" and isinstance(value, str):
        if value.strip().lstrip("+-").replace(".", "", 1).isdecimal():
            return f"; float({name}) makes one of it, --type {name}=number of a CSV's column"
        if len(value) <= _LONGEST_TOKEN:
            return f"; --null {quote(value)} makes null of such cells of a CSV"
    if kind in "ni" and isinstance(value, bool):
        return f"; int({name}) makes one of it"
    if kind == "t" and not isinstance(value, list | dict):
        return f"; str({name}) makes one of it, --type {name}=string of a CSV's column"
    return ""


def _explain(
    call: Call, values: Sequence[Any], refused: Refused, text: str, option: str
) -> ExpressionError:
    source = _source(call, text, option)
    if refused.argument is None:
        shown = [
            f"{_name(node, text)} {_show(value)}"
            for node, value in zip(call.arguments, values, strict=True)
            if not isinstance(node, Constant)
        ]
        where = f" with {' and '.join(shown)}" if shown else ""
        return ExpressionError(f"the result is too large in {source}{where}", refused.expected)
    argument, value = call.arguments[refused.argument], values[refused.argument]
    column = argument.name if isinstance(argument, Column) else None
    found = f"{_name(argument, text)} is {_show(value)} in {source}"
    return ExpressionError(found, refused.expected, column, value)


def _name(node: Node, text: str) -> str:
    if isinstance(node, Column):
        return f"column {node.name!r}"
    return _shorten(text[slice(*node.span)])


def _source(node: Node, text: str, option: str) -> str:
    return f"{option} `{_shorten(text[slice(*node.span)])}`"


def _show(value: Any) -> str:
    if isinstance(value, str):
        return f"the text '{_shorten(value)}'"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return f"the number {_shorten(str(value))}"


def _shorten(text: str) -> str:
    shown = printable(text[:_MOST_SHOWN])
    return shown if len(text) <= _MOST_SHOWN else f"{shown}..."
