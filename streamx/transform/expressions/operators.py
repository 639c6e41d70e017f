"""Operators, subscripts and f-strings: what syntax stands for."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from itertools import product
from typing import Any

from streamx.transform.expressions.errors import Refused
from streamx.transform.expressions.function import (
    LARGEST_INTEGER_BITS,
    LARGEST_TEXT,
    LARGEST_WIDTH,
    Function,
    function,
)
from streamx.transform.expressions.texts import text_of

_SPEC = re.compile(r"(?:.?[<>=^])?[-+ ]?#?0?(\d{0,99})[,_]?(?:\.(\d{1,99}))?[bdeEfFgGosxX%]?", re.S)


def _multiply(left: Any, right: Any) -> Any:
    if isinstance(left, str) or isinstance(right, str):
        text, count = (left, right) if isinstance(left, str) else (right, left)
        if len(text) * count > LARGEST_TEXT:
            raise Refused(f"a text of at most {LARGEST_TEXT:,} characters", None)
        return text * count
    return left * right


def _power(base: int | float, exponent: int | float) -> int | float:
    if isinstance(base, int) and isinstance(exponent, int):
        # 0, 1 and -1 stay small however often they are multiplied.
        if base.bit_length() > 1 and base.bit_length() * exponent > LARGEST_INTEGER_BITS * 2:
            raise OverflowError
    elif base < 0 and not float(exponent).is_integer():
        raise Refused("a base of at least 0, for an exponent that is not whole")
    result: int | float = base**exponent
    return result


def _is_in(value: Any, container: Any) -> bool:
    if isinstance(container, str | dict):
        return value in container
    kinds = [_kind(item) for item in container]
    kind = _kind(value)
    if isinstance(container, tuple) and container and kind not in kinds:
        raise Refused(f"a value of the same kind as those in {list(container)!r}")
    # To Python True equals 1; here they are of different kinds.
    return any(
        kind is other and value == item for item, other in zip(container, kinds, strict=True)
    )


def _kind(value: Any) -> type:
    return float if type(value) is int else type(value)


def _item(container: Any, key: Any) -> Any:
    if isinstance(container, dict):
        return container.get(key)
    return container[key] if -len(container) <= key < len(container) else None


def _slice_by(given: tuple[bool, ...]) -> Callable[..., Any]:
    def take(container: Any, *bounds: int) -> Any:
        rest = iter(bounds)
        start, stop, step = (next(rest) if is_given else None for is_given in given)
        if step == 0:
            raise Refused("a step other than 0", len(bounds))
        return container[start:stop:step]

    return take


def slice_name(has_start: bool, has_stop: bool, has_step: bool) -> str:
    """Name the function of a slice with these parts.

    >>> slice_name(True, False, False)
    '[a:]'
    """
    return f"[{'a' * has_start}:{'b' * has_stop}{':c' * has_step}]"


def _check_spec(spec: str) -> None:
    match = _SPEC.fullmatch(spec)
    if match is None:
        raise ValueError(f"{spec!r} is no format for numbers and texts")
    if any(int(size or 0) > LARGEST_WIDTH for size in match.groups()):
        raise ValueError(f"{spec!r} is wider than {LARGEST_WIDTH:,}")


def _formatted(value: Any, spec: str) -> str:
    try:
        return format(value, spec)
    except ValueError:
        raise Refused(f"a value for the format {spec!r}") from None


def _slice_functions() -> dict[str, Function]:
    """Make a function for each way to leave out parts of a slice."""
    return {
        slice_name(*given): function(_slice_by(given), f"t{'i' * sum(given)} l{'i' * sum(given)}")
        for given in product((False, True), repeat=3)
    }


ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
}
COMPARED: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
# What other syntax stands for has names that nobody can call.
TRUTH = "?"
TEXT = "{}"
FORMAT = "{:}"
JOIN = 'f""'

COMPARISONS = {
    "<": function(operator.lt, "nn tt", gives_truth=True),
    "<=": function(operator.le, "nn tt", gives_truth=True),
    ">": function(operator.gt, "nn tt", gives_truth=True),
    ">=": function(operator.ge, "nn tt", gives_truth=True),
    "==": function(operator.eq, "nn tt bb ll oo", gives_truth=True),
    "!=": function(operator.ne, "nn tt bb ll oo", gives_truth=True),
}

FUNCTIONS = {
    **COMPARISONS,
    "+": function(operator.add, "nn tt"),
    "-": function(operator.sub, "nn"),
    "*": function(_multiply, "nn ti it"),
    "/": function(operator.truediv, "nn"),
    "//": function(operator.floordiv, "nn"),
    "%": function(operator.mod, "nn"),
    "**": function(_power, "nn"),
    "-x": function(operator.neg, "n"),
    "+x": function(operator.pos, "n"),
    "in": function(_is_in, "nc tc bc tt nl tl bl to", gives_truth=True),
    "[]": function(_item, "ti li ot"),
    **_slice_functions(),
    TRUTH: function(bool, "b", gives_truth=True),
    TEXT: function(text_of, "n t b l o"),
    FORMAT: function(_formatted, "nt tt", literals=(1,), check=_check_spec),
    JOIN: function(lambda *parts: "".join(parts), ""),
}
