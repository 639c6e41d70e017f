"""The errors of expressions: in the text, with a caret; and in a record, with column and value."""

from __future__ import annotations

import unicodedata
from typing import Any

from streamx.codec.layout import printable
from streamx.errors import UsageError

_MOST_SHOWN = 100


class ExpressionError(ValueError):
    """An expression has no value for a record.

    Attributes:
        found: what was found and in which part of the expression, as one clause.
        expected: what was expected, and what helps.
        column: the column to blame, or None.
        value: the value to blame, or None.
    """

    def __init__(
        self, found: str, expected: str, column: str | None = None, value: Any = None
    ) -> None:
        super().__init__(found, expected, column, value)
        self.found = found
        self.expected = expected
        self.column = column
        self.value = value

    def __str__(self) -> str:
        return f"{self.found}; expected {self.expected}"


class Refused(ValueError):  # noqa: N818
    """A function cannot take one of its arguments; `expected` says what it could.

    Attributes:
        argument: the position of the argument to blame, or None if it is the result.
    """

    def __init__(self, expected: str, argument: int | None = 0) -> None:
        super().__init__(expected)
        self.expected = expected
        self.argument = argument


def misuse(text: str, option: str, position: int, message: str) -> UsageError:
    r"""Say what is wrong with an expression, and show where with a caret.

    >>> print(misuse("a +\nb.c", "--where", 5, "b.c cannot be read"))
    --where: b.c cannot be read
      b.c
       ^
    """
    return UsageError(f"{option}: {message}\n{caret(text, position)}")


def caret(text: str, position: int) -> str:
    """Show the line of a text around a position, and a caret below it, however wide characters are.

    >>> print(caret('"Straße" < x', 11))
      "Straße" < x
                 ^
    """
    position = min(max(position, 0), len(text))
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    end = len(text) if end < 0 else end
    first = start if end - start <= _MOST_SHOWN else max(start, position - _MOST_SHOWN // 2)
    last = min(end, first + _MOST_SHOWN)
    before = ("..." if first > start else "") + printable(text[first:position])
    behind = printable(text[position:last]) + ("..." if last < end else "")
    return f"  {before}{behind}\n  {' ' * sum(map(_cells, before))}^"


def _cells(char: str) -> int:
    """Tell how many cells of a terminal a character takes."""
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
