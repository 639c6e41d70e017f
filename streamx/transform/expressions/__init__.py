"""Expressions over records, for conditions and new columns: a safe part of Python's syntax.

    tree = parse.parse_tree(source)       Python's own parser, then what is known and nothing else
    evaluate = compile.compile_tree(tree) one Python function, made from the checked tree alone

>>> expression = parse("dep_delay - arr_delay", "--set gained")
>>> expression.names
('dep_delay', 'arr_delay')
>>> expression.evaluate({"dep_delay": 2, "arr_delay": 11})
-9

The language
------------
A name is a column, `r["odd name"]` one whose name is no name in Python (or is `r`). A value is null
(None), a truth value (bool), a number (int of any size, or float), a text, or a list or object from
JSON. A key that a record does not have is null.

Null: whatever has a null operand is null, be it arithmetic, a comparison, a method or a function.
`is None` and `is not None` tell; `coalesce(a, b)` takes the first that is not null. `and`, `or` and
`not` know three values: `False and null` is false, `True or null` is true, else null wins. They
stop at the first operand that decides. `a if test else b` is `b` where the test is null.

>>> texts = ("a + b", "a > b", "a > b or b == 5", "a is None")
>>> [parse(text, "--set").evaluate({"a": None, "b": 5}) for text in texts]
[None, None, True, True]

Kinds are kept apart. Conditions are truth values, so a number has to be compared: `x != 0`. A text
is never equal to a number, nor less: to compare the two is an error, as is `"1" + 1`; `int(x)`,
`float(x)`, `str(x)` convert. True is not 1.

Numbers are Python's: whole numbers are exact, `/` gives a float, `//` and `%` round down, and int
and float are compared by their exact values. A result that is infinite, no number or longer than
4,200 digits is an error, as is a division by zero.

A text, a list or an object can be subscripted and the first two sliced; what is not there is null.
Dates and times are texts in ISO 8601.

All sizes are bounded: 10,000 characters of expression, 90 levels, texts of 16 Mi characters, and
widths of 1,000.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from streamx.errors import UsageError
from streamx.transform.expressions.compile import Evaluate, compile_tree
from streamx.transform.expressions.errors import ExpressionError, caret
from streamx.transform.expressions.nodes import Node, columns
from streamx.transform.expressions.parse import parse_tree
from streamx.transform.expressions.source import Source
from streamx.transform.operations import unknown_column

__all__ = ["Expression", "ExpressionError", "parse"]

_OTHER_CONSTANTS = {"true": "True", "false": "False", "null": "None"}


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that has been read and can be evaluated; pickles as its text.

    Attributes:
        text: as it was given, without space around it.
        option: the option that has it, for messages.
        is_condition: the value is a truth value or null.
        names: the columns that it reads, in the order of first use.
        tree: what it is made of, checked.
        evaluate: computes the value for a record, a mapping of column names to values; raises
            ExpressionError where there is none.
    """

    text: str
    option: str
    is_condition: bool
    names: tuple[str, ...] = field(compare=False)
    tree: Node = field(repr=False, compare=False)
    evaluate: Evaluate = field(repr=False, compare=False)

    def check(self, names: Iterable[str]) -> None:
        """Make sure that all columns are there.

        Raises:
            UsageError: one is not among the names.

        >>> parse("dep_dely > 60", "--where").check(["carrier", "dep_delay"])
        Traceback (most recent call last):
        streamx.errors.UsageError: --where: no column 'dep_dely'; did you mean 'dep_delay'? \
The columns are: carrier, dep_delay
          dep_dely > 60
          ^
        """
        known = list(names)
        for column in columns(self.tree):
            if column.name not in known:
                error = unknown_column(known, column.name, self.option)
                constant = _OTHER_CONSTANTS.get(column.name.lower())
                hint = f"; write {constant}" if constant else ""
                raise UsageError(f"{error}{hint}\n{caret(self.text, column.span[0])}")

    def __reduce__(self) -> tuple[Callable[..., Expression], tuple[Any, ...]]:
        return _parse, (self.text, self.option, self.is_condition)


def parse(text: str, option: str, *, is_condition: bool = False) -> Expression:
    """Read an expression.

    Args:
        text: the expression, in one line or several.
        option: the option that has it, for messages.
        is_condition: the value has to be a truth value (or null), as for a filter.

    Raises:
        UsageError: the text is no expression, or has what the language does not know; the message
            shows the place.

    >>> parse("name.__class__", "--where")
    Traceback (most recent call last):
    streamx.errors.UsageError: --where: an attribute cannot be used; \
write x["__class__"] for a key, r["..."] for a column with a dot
      name.__class__
           ^
    """
    return _parse(text, option, is_condition)


def _parse(text: str, option: str, is_condition: bool) -> Expression:
    source = Source(text, option)
    tree = parse_tree(source, is_condition=is_condition)
    names = tuple(dict.fromkeys(column.name for column in columns(tree)))
    evaluate = compile_tree(tree, source.text, option)
    return Expression(source.text, option, is_condition, names, tree, evaluate)
