"""Random expressions: the compiled function, Python itself and a walk of the tree agree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from streamx.errors import UsageError
from streamx.transform.expressions import ExpressionError, parse
from streamx.transform.expressions.calls import bind
from streamx.transform.expressions.nodes import (
    Call,
    Coalesce,
    Column,
    Comparison,
    Conditional,
    Constant,
    IsNull,
    Logic,
    Node,
    Not,
)

COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
# What three operations make of these is finite.
EIGHTHS = st.integers(-8_000_000, 8_000_000).map(lambda number: number / 8)
NUMBERS = st.integers(-(2**70), 2**70) | st.integers(-9, 9) | EIGHTHS
TEXTS = st.text("abAB ß日,'\"{}\\\n", max_size=6)


def join(*parts: st.SearchStrategy[str] | str) -> st.SearchStrategy[str]:
    """Make texts of the parts, in parentheses."""
    strategies = [st.just(part) if isinstance(part, str) else part for part in parts]
    return st.tuples(*strategies).map(lambda texts: f"({' '.join(texts)})")


def typed(depth: int) -> tuple[st.SearchStrategy[str], ...]:
    """Return expressions that are numbers, texts and truth values."""
    number = st.sampled_from(["a", "b", 'r["the c"]']) | NUMBERS.map(repr)
    text = st.sampled_from(["s", "t"]) | TEXTS.map(repr)
    truth = st.sampled_from(["yes", "no", "True", "False"])
    for _ in range(depth):
        number, text, truth = (
            number
            | join(number, st.sampled_from(["+", "-", "*", "/", "//", "%"]), number)
            | join("-", number)
            | join(number, "if", truth, "else", number)
            | join("len(", text, ")")
            | join("min(", number, ",", number, ")"),
            text
            | join(text, "+", text)
            | join(text, "[", st.sampled_from(["1:", ":-1", "::2", "-2:9"]), "]")
            | join(text, st.sampled_from([".upper()", ".strip()", ".replace('a', 'b')"]))
            | join("f'<{", number, ":>9}'"),
            truth
            | join(number, st.sampled_from(COMPARISONS), number)
            | join(number, "<", number, st.sampled_from(COMPARISONS), number)
            | join(text, st.sampled_from(COMPARISONS), text)
            | join(text, st.sampled_from(["in", "not in"]), text)
            | join(number, "in (1, 2.5,", NUMBERS.map(repr), ")")
            | join(text, "in {'a',", TEXTS.map(repr), "}")
            | join(truth, st.sampled_from(["and", "or"]), truth, "or", truth)
            | join("not", truth),
        )
    return number, text, truth


RECORDS = st.fixed_dictionaries(
    {"a": NUMBERS, "b": NUMBERS, "the c": NUMBERS, "s": TEXTS, "t": TEXTS}
    | {"yes": st.booleans(), "no": st.booleans()}
)


@given(st.one_of(*typed(3)), RECORDS)
def test_without_nulls_the_value_is_pythons(text: str, record: dict[str, Any]) -> None:
    try:
        expected = eval(text, {"r": record}, dict(record))
    except ZeroDivisionError:
        with pytest.raises((ExpressionError, UsageError), match="a divisor other than 0"):
            parse(text, "--set").evaluate(record)
        return
    except SyntaxError:
        # An f-string with a backslash or a quote in it, before Python 3.12.
        with pytest.raises(UsageError):
            parse(text, "--set")
        return
    try:
        expression = parse(text, "--set")
    except UsageError:
        # What is constant is computed beforehand, also where Python would not come by.
        assume(False)
    result = expression.evaluate(record)
    assert (result, type(result)) == (expected, type(expected))


ANYTHING = st.recursive(
    st.sampled_from(["a", "b", "c", "d", "None", "True", "1", "0", "2.5", "'a'", "''"]),
    lambda inner: (
        join(inner, st.sampled_from([*COMPARISONS, "+", "-", "*", "/", "%", "in"]), inner)
        | join(inner, "<", inner, "<=", inner, "!=", inner)
        | join(inner, "and", inner, "and", inner)
        | join(inner, "or", inner, "or", inner)
        | join("not", inner)
        | join(inner, "is None")
        | join(inner, "in ('a', 1, True)")
        | join(inner, "not in (1, 2)")
        | join(inner, "if", inner, "else", inner)
        | join("coalesce(", inner, ",", inner, ")")
        | join(inner, "[", inner, "]")
        | join(inner, ".upper()")
    ),
    max_leaves=8,
)
VALUES = st.none() | st.booleans() | st.sampled_from([0, 1, -3, 2.5, "", "a", ["a", None], {}])


@given(ANYTHING, st.dictionaries(st.sampled_from("abcd"), VALUES))
def test_the_compiled_function_computes_what_the_tree_says(
    text: str, record: dict[str, Any]
) -> None:
    try:
        expression = parse(text, "--set")
    except UsageError:
        assume(False)
    expected = outcome(lambda: walk(expression.tree, record, text))
    assert outcome(lambda: expression.evaluate(record)) == expected


def outcome(compute: Callable[[], Any]) -> tuple[Any, type]:
    """Return what is computed, or the message of the error, with its type."""
    try:
        value = compute()
    except ExpressionError as error:
        return str(error), ExpressionError
    return value, type(value)


def walk(node: Node, record: dict[str, Any], text: str) -> Any:  # noqa: C901
    """Compute a tree's value node by node: the meaning of each kind of node in one place."""

    def at(child: Node) -> Any:
        return walk(child, record, text)

    match node:
        case Constant():
            return node.value
        case Column():
            return record.get(node.name)
        case Call():
            return bind(node, text, "--set")(*map(at, node.arguments))
        case Comparison():
            return chain(node, record, text)
        case Not():
            value = at(node.operand)
            return None if value is None else not value
        case IsNull():
            return at(node.operand) is None
        case Conditional():
            return at(node.then) if at(node.test) is True else at(node.otherwise)
        case Coalesce():
            return next((value for value in map(at, node.operands) if value is not None), None)
        case Logic():
            return kleene(node.operator == "or", map(at, node.operands))


def chain(node: Comparison, record: dict[str, Any], text: str) -> bool | None:
    pairs = zip(node.operators, node.operands, node.operands[1:], strict=False)
    return kleene(
        False,
        (
            walk(Call(operator, (left, right), node.span), record, text)
            for operator, left, right in pairs
        ),
    )


def kleene(decided: bool, values: Any) -> bool | None:
    has_null = False
    for value in values:
        if value is decided:
            return decided
        has_null = has_null or value is None
    return None if has_null else not decided
