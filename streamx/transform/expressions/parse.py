"""Reads an expression: Python's syntax tree becomes a checked one, or an error with a caret."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any, NoReturn

from streamx.transform.expressions import refusals
from streamx.transform.expressions.compile import compile_tree, is_truth
from streamx.transform.expressions.errors import ExpressionError, misuse
from streamx.transform.expressions.functions import FUNCTION_NAMES, FUNCTIONS, METHOD_NAMES
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
    Span,
    children,
)
from streamx.transform.expressions.operators import (
    ARITHMETIC,
    COMPARED,
    FORMAT,
    JOIN,
    TEXT,
    TRUTH,
    slice_name,
)
from streamx.transform.expressions.source import Source

_MOST_LEVELS = 90
# A longer text is not kept but made when it is needed.
_LONGEST_CONSTANT = 10_000

# Of more than two arguments these are the same two by two.
_FOLDED = ("min", "max")


def parse_tree(source: Source, *, is_condition: bool) -> Node:
    """Return the checked tree of a text.

    Args:
        source: the text.
        is_condition: its value has to be a truth value.

    Raises:
        UsageError: the text is no expression, or uses what the language does not have.
    """
    reader = _Reader(source)
    tree = reader.read(source.parse())
    return reader.truth(tree) if is_condition else tree


class _Reader:
    """Turns nodes of Python's tree into ours; what it does not know is refused."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._level = 0
        # Before 3.12 Python does not know where the parts of an f-string stand.
        self._f_string: Span | None = None
        self._readers: dict[type[ast.expr], Any] = {
            ast.Constant: self._constant,
            ast.Name: self._column,
            ast.BinOp: self._arithmetic,
            ast.UnaryOp: self._unary,
            ast.BoolOp: self._logic,
            ast.Compare: self._comparison,
            ast.IfExp: self._conditional,
            ast.Call: self._any_call,
            ast.Subscript: self._subscript,
            ast.JoinedStr: self._joined,
        }

    def read(self, node: ast.expr) -> Node:
        reader = self._readers.get(type(node))
        if reader is None:
            self._refuse(node, refusals.of_syntax(node))
        self._level += 1
        if self._level > _MOST_LEVELS:
            self._refuse(node, f"it is nested deeper than {_MOST_LEVELS} levels")
        tree: Node = reader(node)
        self._level -= 1
        return tree

    def truth(self, node: Node) -> Node:
        """Make sure that a node's value is a truth value, now or when it is known."""
        return node if is_truth(node) else self._call(TRUTH, (node,), node.span)

    def _constant(self, node: ast.Constant) -> Node:
        value = node.value
        if value is not None and type(value) not in (bool, int, float, str):
            self._refuse(node, f"{type(value).__name__} values cannot be used")
        if isinstance(value, float) and value == float("inf"):
            self._refuse(node, "the number is too large; at most 1.8e308 can be held")
        if isinstance(value, str) and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                self._refuse(node, "half a surrogate pair is no character")
        return Constant(value, self._span(node))

    def _column(self, node: ast.Name) -> Node:
        if node.id.startswith("__"):
            self._refuse(node, f'{node.id} cannot be used; a column of this name is r["{node.id}"]')
        return Column(node.id, self._span(node))

    def _arithmetic(self, node: ast.BinOp) -> Node:
        operator = ARITHMETIC.get(type(node.op))
        if operator is None:
            self._refuse(node, refusals.of_operator(node.op))
        operands = self.read(node.left), self.read(node.right)
        return self._call(operator, operands, self._span(node))

    def _unary(self, node: ast.UnaryOp) -> Node:
        if isinstance(node.op, ast.Invert):
            self._refuse(node, "`~` cannot be used; the opposite of a truth value is `not`")
        operand = self.read(node.operand)
        if isinstance(node.op, ast.Not):
            return Not(self.truth(operand), self._span(node))
        name = "-x" if isinstance(node.op, ast.USub) else "+x"
        return self._call(name, (operand,), self._span(node))

    def _logic(self, node: ast.BoolOp) -> Node:
        operands = tuple(self.truth(self.read(value)) for value in node.values)
        return Logic("and" if isinstance(node.op, ast.And) else "or", operands, self._span(node))

    def _comparison(self, node: ast.Compare) -> Node:
        operators = [COMPARED.get(type(op)) for op in node.ops]
        span = self._span(node)
        if None in operators:
            if len(operators) > 1:
                self._refuse(node, "`in` and `is` cannot be part of a chain; use parentheses")
            return self._in_or_is(node, node.ops[0], node.comparators[0], span)
        operands = [node.left, *node.comparators]
        for operand in operands:
            if isinstance(operand, ast.Constant) and operand.value is None:
                self._refuse(operand, "a comparison with None is always null; write `is None`")
        names = tuple(name for name in operators if name)
        return self._fold(Comparison(names, tuple(map(self.read, operands)), span))

    def _in_or_is(
        self, node: ast.Compare, operator: ast.cmpop, right: ast.expr, span: Span
    ) -> Node:
        left = self.read(node.left)
        if isinstance(operator, ast.Is | ast.IsNot):
            if not (isinstance(right, ast.Constant) and right.value is None):
                self._refuse(right, "only None can stand behind `is`; compare with == or !=")
            tree: Node = IsNull(left, span)
        else:
            tree = self._call("in", (left, self._container(right)), span)
        return Not(tree, span) if isinstance(operator, ast.IsNot | ast.NotIn) else tree

    def _container(self, node: ast.expr) -> Node:
        if not isinstance(node, ast.List | ast.Tuple | ast.Set):
            return self.read(node)
        values = []
        for element in node.elts:
            constant = self.read(element)
            if not isinstance(constant, Constant):
                self._refuse(element, "only constants can stand in the list behind `in`")
            if constant.value is None:
                self._refuse(element, "None is never equal to anything; write `x is None or ...`")
            values.append(constant.value)
        return Constant(tuple(values), self._span(node))

    def _conditional(self, node: ast.IfExp) -> Node:
        test = self.truth(self.read(node.test))
        return Conditional(test, self.read(node.body), self.read(node.orelse), self._span(node))

    def _any_call(self, node: ast.Call) -> Node:
        for keyword in node.keywords:
            self._refuse(keyword.value, "arguments have no names here; give them in order")
        if isinstance(node.func, ast.Attribute):
            name = f".{node.func.attr}"
            if node.func.attr not in METHOD_NAMES:
                self._refuse(node.func, refusals.of_method(node.func.attr))
            return self._checked_call(name, [node.func.value, *node.args], node)
        if not isinstance(node.func, ast.Name):
            self._refuse(node.func, "only functions and methods can be called, by their names")
        if node.func.id not in FUNCTION_NAMES:
            self._refuse(node.func, refusals.of_function(node.func.id))
        return self._checked_call(node.func.id, node.args, node)

    def _checked_call(self, name: str, parts: Sequence[ast.expr], node: ast.expr) -> Node:
        arguments = tuple(map(self.read, parts))
        span = self._span(node)
        if name == "coalesce":
            if not arguments:
                self._refuse(node, "coalesce takes at least one argument")
            return Coalesce(arguments, span)
        if name in _FOLDED and len(arguments) > 2:
            tree = arguments[0]
            for argument in arguments[1:]:
                tree = self._call(name, (tree, argument), span)
            return tree
        self._check_count(name, len(arguments), node)
        self._check_literals(name, arguments, parts)
        return self._call(name, arguments, span)

    def _check_count(self, name: str, count: int, node: ast.expr) -> None:
        counts = FUNCTIONS[name].counts
        if count not in counts:
            own = 1 if name.startswith(".") else 0
            shown = " or ".join(str(number - own) for number in counts)
            shown += " or more" if name in _FOLDED else ""
            plural = "" if shown == "1" else "s"
            self._refuse(
                node, f"{name.lstrip('.')} takes {shown} argument{plural}, not {count - own}"
            )

    def _check_literals(
        self, name: str, arguments: Sequence[Node], parts: Sequence[ast.expr]
    ) -> None:
        function = FUNCTIONS[name]
        texts = []
        for position in function.literals:
            argument = arguments[position]
            if not (isinstance(argument, Constant) and isinstance(argument.value, str)):
                self._refuse(parts[position], f"{name} takes a literal text here")
            texts.append(argument.value)
        if function.check is not None:
            try:
                function.check(*texts)
            except ValueError as error:
                self._refuse(parts[function.literals[0]], str(error))

    def _subscript(self, node: ast.Subscript) -> Node:
        span = self._span(node)
        is_record = isinstance(node.value, ast.Name) and node.value.id == "r"
        if is_record and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
            self._constant(node.slice)
            return Column(node.slice.value, span)
        container = self.read(node.value)
        if not isinstance(node.slice, ast.Slice):
            return self._call("[]", (container, self.read(node.slice)), span)
        bounds = (node.slice.lower, node.slice.upper, node.slice.step)
        arguments = tuple(self.read(bound) for bound in bounds if bound is not None)
        name = slice_name(*(bound is not None for bound in bounds))
        return self._call(name, (container, *arguments), span)

    def _joined(self, node: ast.JoinedStr) -> Node:
        span = self._span(node)
        outer, self._f_string = self._f_string, span
        parts = tuple(map(self._part, node.values))
        self._f_string = outer
        return self._call(JOIN, parts, span)

    def _part(self, node: ast.expr) -> Node:
        if not isinstance(node, ast.FormattedValue):
            return self.read(node)
        if node.conversion not in (-1, ord("s")):
            self._refuse(node, "`!r`, `!a` and `=` cannot be used in an f-string")
        span = self._span(node)
        value = self.read(node.value)
        if node.conversion == ord("s") or node.format_spec is None:
            value = self._call(TEXT, (value,), span)
        if node.format_spec is None:
            return value
        spec = node.format_spec
        assert isinstance(spec, ast.JoinedStr)
        if not all(isinstance(part, ast.Constant) for part in spec.values):
            self._refuse(node, "a format has to be literal")
        text = "".join(str(part.value) for part in spec.values if isinstance(part, ast.Constant))
        arguments = (value, Constant(text, span))
        self._check_literals(FORMAT, arguments, (node, node))
        return self._call(FORMAT, arguments, span)

    def _call(self, name: str, arguments: tuple[Node, ...], span: Span) -> Node:
        return self._fold(Call(name, arguments, span))

    def _fold(self, node: Node) -> Node:
        """Compute what has only constants, so that a mistake in it is found beforehand."""
        if not all(isinstance(child, Constant) for child in children(node)):
            return node
        text, option = self._source.text, self._source.option
        try:
            value = compile_tree(node, text, option)({})
        except ExpressionError as error:
            message = f"this has no value: expected {error.expected}"
            raise misuse(text, option, node.span[0], message) from None
        if isinstance(value, list) or (isinstance(value, str) and len(value) > _LONGEST_CONSTANT):
            return node
        return Constant(value, node.span)

    def _span(self, node: ast.expr) -> Span:
        return self._f_string or self._source.span(node)

    def _refuse(self, node: ast.expr, message: str) -> NoReturn:
        start, end = self._span(node)
        if isinstance(node, ast.Attribute) and self._f_string is None:
            start = end - len(node.attr)
        raise misuse(self._source.text, self._source.option, start, message)
