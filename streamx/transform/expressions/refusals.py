"""What is said of Python that the language does not have, with what to write instead."""

from __future__ import annotations

import ast

from streamx.nearest import did_you_mean
from streamx.transform.expressions.functions import FUNCTION_NAMES, METHOD_NAMES

_SYNTAX = {
    "Attribute": "an attribute",
    "Await": "await",
    "Dict": "a dict",
    "DictComp": "a comprehension",
    "GeneratorExp": "a comprehension",
    "Lambda": "lambda",
    "List": "a list elsewhere than behind `in`",
    "ListComp": "a comprehension",
    "NamedExpr": "an assignment",
    "Set": "a set elsewhere than behind `in`",
    "SetComp": "a comprehension",
    "Slice": "a slice",
    "Starred": "a star",
    "Tuple": "a tuple elsewhere than behind `in`",
    "Yield": "yield",
    "YieldFrom": "yield",
}


def of_syntax(node: ast.expr) -> str:
    """Refuse a kind of expression."""
    what = _SYNTAX.get(type(node).__name__, f"{type(node).__name__} of Python")
    hint = ""
    if isinstance(node, ast.Attribute):
        hint = f'; write x["{node.attr}"] for a key, r["..."] for a column with a dot'
    return f"{what} cannot be used{hint}"


def of_operator(operator: ast.operator) -> str:
    """Refuse an operator that is no arithmetic."""
    hint = {ast.BitAnd: "; write `and`", ast.BitOr: "; write `or`"}.get(type(operator), "")
    return f"bits and matrices have no operators{hint}"


def of_function(name: str) -> str:
    """Refuse a function, and name the method or the function that was probably meant.

    >>> of_function("lower")
    "there is no function 'lower'; write x.lower()"
    """
    hint = f"; write x.{name}()" if name in METHOD_NAMES else _nearest(name, FUNCTION_NAMES)
    return f"there is no function {name!r}{hint}"


def of_method(name: str) -> str:
    """Refuse a method, and name the function or the method that was probably meant."""
    hint = f"; write {name}(x)" if name in FUNCTION_NAMES else _nearest(name, METHOD_NAMES)
    return f"there is no method {name!r}{hint}"


def _nearest(name: str, known: tuple[str, ...]) -> str:
    return did_you_mean(name, known, cutoff=0.8)
