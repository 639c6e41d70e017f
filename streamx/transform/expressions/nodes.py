"""The checked tree of an expression: what is left of Python's syntax once it has been read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# Where in the expression's text a node stands: the first character, and the one behind the last.
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Constant:
    """None, a bool, an int, a finite float, a text; behind `in` also a tuple of these."""

    value: Any
    span: Span


@dataclass(frozen=True, slots=True)
class Column:
    """The value of a column in the record at hand, null where it is missing."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Call:
    """A key of `functions.FUNCTIONS` applied to arguments; null if any of them is null.

    Arithmetic (`+`, `-x`), `in`, methods (`.lower`) and subscripts are calls like any other.
    """

    function: str
    arguments: tuple[Node, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Comparison:
    """`a < b`, or a chain `a < b <= c`: the pairs' conjunction, each operand evaluated once."""

    operators: tuple[str, ...]
    operands: tuple[Node, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Logic:
    """`and` or `or` of truth values, three-valued; stops at the first that decides."""

    operator: str
    operands: tuple[Node, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a truth value; null for null."""

    operand: Node
    span: Span


@dataclass(frozen=True, slots=True)
class IsNull:
    """`x is None`: true or false, never null."""

    operand: Node
    span: Span


@dataclass(frozen=True, slots=True)
class Conditional:
    """`a if test else b`: `b` unless the test is true, so also where it is null."""

    test: Node
    then: Node
    otherwise: Node
    span: Span


@dataclass(frozen=True, slots=True)
class Coalesce:
    """The first operand that is not null; those behind it are not evaluated."""

    operands: tuple[Node, ...]
    span: Span


Node = Constant | Column | Call | Comparison | Logic | Not | IsNull | Conditional | Coalesce


def children(node: Node) -> tuple[Node, ...]:
    """Return the nodes directly below one, in the order of the text."""
    if isinstance(node, Call):
        return node.arguments
    if isinstance(node, Comparison | Logic | Coalesce):
        return node.operands
    if isinstance(node, Not | IsNull):
        return (node.operand,)
    if isinstance(node, Conditional):
        return (node.then, node.test, node.otherwise)
    return ()


def columns(node: Node) -> Iterator[Column]:
    """Go through the columns that a tree reads, in the order of the text."""
    if isinstance(node, Column):
        yield node
    for child in children(node):
        yield from columns(child)
