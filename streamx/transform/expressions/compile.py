"""Compiles a checked tree to a Python function, which is ten times as fast as walking the tree.

The function's source has only what is written here: variables, keys of its own namespace, and the
literals of constants. There are no builtins in its namespace.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from streamx.transform.expressions.calls import bind, refuse_result
from streamx.transform.expressions.functions import FUNCTIONS
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
    columns,
)
from streamx.transform.expressions.operators import COMPARISONS

Evaluate = Callable[[Mapping[str, Any]], Any]

# Operands for which an operation can be done in place, without a call, as nothing can go wrong.
_TYPES = {
    "NUMBERS": frozenset((int, float)),
    "INTEGERS": frozenset((int,)),
    "TEXTS": frozenset((str,)),
}


def compile_tree(tree: Node, text: str, option: str) -> Evaluate:
    """Return a function of a record that computes the tree's value.

    Args:
        tree: checked, so it has nothing that could do harm.
        text, option: the whole expression and the option that has it, for messages.
    """
    return _Writer(text, option).write(tree)


def is_truth(node: Node) -> bool:
    """Tell whether a node can only be true, false or null."""
    if isinstance(node, Constant):
        return isinstance(node.value, bool)
    if isinstance(node, Call):
        return FUNCTIONS[node.function].gives_truth
    return isinstance(node, Comparison | Logic | Not | IsNull)


class _Writer:
    """Writes one function, a statement for each node; `_put` returns the variable that has it."""

    def __init__(self, text: str, option: str) -> None:
        self._text = text
        self._option = option
        self._lines: list[str] = []
        self._depth = 1
        self._variables = 0
        self._columns: dict[str, str] = {}
        self._namespace: dict[str, Any] = {
            "__builtins__": {},
            "type": type,
            "float": float,
            **_TYPES,
        }

    def write(self, tree: Node) -> Evaluate:
        self._line("def evaluate(record):", depth=0)
        for column in columns(tree):
            if column.name not in self._columns:
                variable = self._columns[column.name] = self._variable()
                self._line(f"{variable} = record.get({column.name!r})")
        result = self._put(tree)
        if not is_truth(tree):
            self._line(f"if type({result}) is float: {self._name(self._finite(tree))}({result})")
        self._line(f"return {result}")
        # Nothing but what this class has written can be in the source.
        exec("\n".join(self._lines), self._namespace)
        evaluate: Evaluate = self._namespace["evaluate"]
        return evaluate

    def _put(self, node: Node) -> str:
        match node:
            case Constant():
                return self._constant(node.value)
            case Column():
                return self._columns[node.name]
            case Call():
                return self._call(node, [self._put(argument) for argument in node.arguments])
            case Comparison():
                return self._comparison(node)
            case Logic():
                return self._logic(node)
            case Not():
                operand = self._put(node.operand)
                return self._assign(f"None if {operand} is None else {operand} is False")
            case IsNull():
                operand = self._assign(self._put(node.operand))
                return self._assign(f"{operand} is None")
            case Conditional():
                return self._conditional(node)
            case Coalesce():
                return self._coalesce(node)

    def _constant(self, value: Any) -> str:
        if isinstance(value, tuple):
            return self._name(value)
        return f"({value!r})"

    def _call(self, call: Call, arguments: list[str]) -> str:
        general = f"{self._name(bind(call, self._text, self._option))}({', '.join(arguments)})"
        quick = self._quick(call, arguments)
        return self._assign(f"{quick} else {general}" if quick else general)

    def _quick(self, call: Call, arguments: list[str]) -> str:
        """Return a call's operation in Python, and `if` its operands' types make that safe."""
        constants = [node.value for node in call.arguments if isinstance(node, Constant)]
        if call.function in COMPARISONS:
            types = "TEXTS" if str in map(type, constants) else "NUMBERS"
        elif call.function in ("+", "-"):
            types = "INTEGERS"
        elif call.function == "in" and constants and isinstance(constants[-1], tuple):
            constants = list(constants[-1])
            types = "TEXTS" if str in map(type, constants) else "NUMBERS"
            arguments = [arguments[0], self._name(frozenset(constants))]
        else:
            return ""
        variables = [name for name in arguments if name.startswith("v")]
        if not variables or any(type(value) not in _TYPES[types] for value in constants):
            return ""
        operation = f" {call.function} ".join(arguments)
        return f"{operation} if {' and '.join(f'type({name}) in {types}' for name in variables)}"

    def _comparison(self, node: Comparison) -> str:
        left = self._put(node.operands[0])
        result = ""
        for number, operator in enumerate(node.operators):
            operands = node.operands[number : number + 2]
            if not result:
                right = self._put(operands[1])
                result = self._call(Call(operator, operands, node.span), [left, right])
            else:
                self._line(f"if {result} is not False:")
                self._depth += 1
                right = self._put(operands[1])
                pair = self._call(Call(operator, operands, node.span), [left, right])
                self._fold("and", result, pair)
                self._depth -= 1
            left = right
        return result

    def _logic(self, node: Logic) -> str:
        decided = "False" if node.operator == "and" else "True"
        result = self._assign(self._put(node.operands[0]))
        for operand in node.operands[1:]:
            self._line(f"if {result} is not {decided}:")
            self._depth += 1
            self._fold(node.operator, result, self._put(operand))
            self._depth -= 1
        return result

    def _fold(self, operator: str, result: str, value: str) -> None:
        """Join a truth value to one that has not decided: true for `and`, or null."""
        decided, neutral = ("False", "True") if operator == "and" else ("True", "False")
        test = f"{value} is {decided} or {result} is {neutral}"
        self._line(f"{result} = {value} if {test} else None")

    def _conditional(self, node: Conditional) -> str:
        result = self._variable()
        self._line(f"if {self._put(node.test)} is True:")
        self._branch(result, node.then)
        self._line("else:")
        self._branch(result, node.otherwise)
        return result

    def _branch(self, result: str, node: Node) -> None:
        self._depth += 1
        self._line(f"{result} = {self._put(node)}")
        self._depth -= 1

    def _coalesce(self, node: Coalesce) -> str:
        result = self._assign(self._put(node.operands[0]))
        for operand in node.operands[1:]:
            self._line(f"if {result} is None:")
            self._branch(result, operand)
        return result

    def _finite(self, tree: Node) -> Callable[[float], None]:
        def check(value: float) -> None:
            if not isfinite(value):
                raise refuse_result(tree, value, self._text, self._option)

        return check

    def _assign(self, source: str) -> str:
        variable = self._variable()
        self._line(f"{variable} = {source}")
        return variable

    def _variable(self) -> str:
        self._variables += 1
        return f"v{self._variables}"

    def _name(self, value: Any) -> str:
        """Make a value reachable for the function, and return its name there."""
        name = f"n{len(self._namespace)}"
        self._namespace[name] = value
        return name

    def _line(self, source: str, depth: int | None = None) -> None:
        self._lines.append(" " * (self._depth if depth is None else depth) + source)
