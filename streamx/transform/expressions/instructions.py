"""Turns checked trees into a codec's program, so that records need no Python.

What the codec does not know (most functions, integers beyond 64 bits) becomes an instruction that
calls the record odd where it is reached; compile.py then evaluates it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial, reduce

from streamx.codec.program import MOST, Fallback, Instruction, Op, Program, Scalar
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
from streamx.transform.expressions.operations import (
    DEFAULTS,
    OPERATIONS,
    format_operands,
    slice_bounds,
)
from streamx.transform.expressions.operators import FORMAT, JOIN

_MOST_INTEGER = (1 << 63) - 1


class ProgramWriter:
    """Writes a program, one step of a chain after the other.

    Args:
        columns: how many the input has.
        derived: how many the steps compute.
    """

    def __init__(self, columns: int, derived: int) -> None:
        self._columns = columns
        self._derived = derived
        self._computed = 0
        self._registers = derived
        self._instructions: list[Instruction] = []
        self._constants: dict[tuple[type, str], int] = {}
        self._values: list[tuple[int, Scalar]] = []
        # Columns that all later instructions find loaded.
        self._loaded: dict[int, int] = {}
        self._names: Mapping[str, int] = {}
        self._depth = 0
        self._file: int | None = None

    def keep(self, condition: Node, names: Mapping[str, int]) -> None:
        """Add a condition; the names' columns count on behind the input's."""
        self._names = names
        self._add(Op.KEEP, a=self._put(condition))

    def derive(self, value: Node, names: Mapping[str, int]) -> int:
        """Add a column and return its number."""
        self._names = names
        return self._derive(self._put(value))

    def derive_constant(self, value: Scalar) -> int:
        """Add a column that has the same value in all records, and return its number."""
        return self._derive(self._constant(value))

    def refuse_values(self, column: int) -> None:
        """Call a record odd that has a value in a column of the input."""
        is_free = self._jump(Op.JUMP_IF_TRUE, self._new(Op.IS_NULL, self._column(column)))
        self._add(Op.ODD)
        self._land(is_free)

    def derive_file(self) -> int:
        """Add a column that has the name of the records' file, and return its number."""
        self._file = self._register()
        self._values.append((self._file, ""))
        return self._derive(self._file)

    def _derive(self, register: int) -> int:
        self._add(Op.MOVE, self._computed, register)
        self._computed += 1
        return self._columns + self._computed - 1

    def program(self, fallback: Fallback) -> Program | None:
        """Return the program, or None where the fallback does it better by itself."""
        self._add(Op.END)
        most = max(self._columns, self._registers, len(self._instructions))
        if most > MOST or self._is_always_odd():
            return None
        instructions, constants = tuple(self._instructions), tuple(self._values)
        known = self._registers, self._derived, fallback, self._file
        return Program(instructions, constants, *known)

    def _is_always_odd(self) -> bool:
        """Tell whether no record gets past an instruction that the codec does not know."""
        for instruction in self._instructions:
            if instruction.op is Op.ODD:
                return True
            if instruction.op is Op.KEEP or instruction.op.name.startswith("JUMP"):
                return False
        return False

    def _put(self, node: Node) -> int:
        """Add what computes a node, and return the register that has its value."""
        match node:
            case Constant():
                return self._constant(node.value)
            case Column():
                index = self._names.get(node.name)
                return self._constant(None) if index is None else self._column(index)
            case Call():
                return self._call(node)
            case Comparison():
                return self._comparison(node)
            case Logic():
                return self._logic(node)
            case Not():
                return self._new(Op.NOT, self._put(node.operand))
            case IsNull():
                return self._new(Op.IS_NULL, self._put(node.operand))
            case Conditional():
                return self._conditional(node)
            case Coalesce():
                return self._coalesce(node)

    def _constant(self, value: Scalar) -> int:
        if type(value) is int and abs(value) > _MOST_INTEGER:
            return self._odd()
        key = type(value), repr(value)
        if key not in self._constants:
            self._constants[key] = self._register()
            self._values.append((self._constants[key], value))
        return self._constants[key]

    def _column(self, index: int) -> int:
        if index >= self._columns:
            return index - self._columns
        if index in self._loaded:
            return self._loaded[index]
        register = self._new(Op.LOAD, index)
        if self._depth == 0:
            self._loaded[index] = register
        return register

    def _call(self, node: Call) -> int:
        last = node.arguments[-1] if node.arguments else None
        if node.function == "in" and isinstance(last, Constant) and isinstance(last.value, tuple):
            return self._among(self._put(node.arguments[0]), last.value)
        if node.function == JOIN:
            return reduce(partial(self._new, Op.ADD), map(self._put, node.arguments))
        if node.function == FORMAT:
            return self._format(*node.arguments)
        if node.function.startswith("[") and ":" in node.function:
            return self._slice(node)
        op = OPERATIONS.get((node.function, len(node.arguments)))
        if op is None:
            return self._odd()
        operands = [self._put(argument) for argument in node.arguments]
        if op in DEFAULTS and len(operands) < 3:
            operands.append(self._constant(DEFAULTS[op]))
        return self._new(op, *operands)

    def _slice(self, node: Call) -> int:
        names = slice_bounds(node.function)
        if names is None:
            return self._odd()
        text, *given = map(self._put, node.arguments)
        bounds = dict(zip(names, given, strict=True))
        first = bounds["a"] if "a" in bounds else self._constant(0)
        last = bounds["b"] if "b" in bounds else self._constant(_MOST_INTEGER)
        return self._new(Op.SLICE, text, first, last)

    def _format(self, value: Node, spec: Node) -> int:
        assert isinstance(spec, Constant)
        operands = format_operands(spec.value)
        return (
            self._odd() if operands is None else self._new(Op.FORMAT, self._put(value), *operands)
        )

    def _among(self, value: int, constants: Sequence[Scalar]) -> int:
        if any(type(each) is int and abs(each) > _MOST_INTEGER for each in constants):
            return self._odd()
        first = self._registers
        self._values += [(self._register(), each) for each in constants]
        return self._new(Op.AMONG, value, first, len(constants))

    def _comparison(self, node: Comparison) -> int:
        left, right = map(self._put, node.operands[:2])
        result = self._new(OPERATIONS[node.operators[0], 2], left, right)
        ends = []
        for operator, operand in zip(node.operators[1:], node.operands[2:], strict=True):
            ends.append(self._jump(Op.JUMP_IF_FALSE, result))
            left, right = right, self._put(operand)
            self._add(Op.AND, result, self._new(OPERATIONS[operator, 2], left, right))
        self._land(*ends)
        return result

    def _logic(self, node: Logic) -> int:
        is_and = node.operator == "and"
        decides, fold = (Op.JUMP_IF_FALSE, Op.AND) if is_and else (Op.JUMP_IF_TRUE, Op.OR)
        result = self._new(Op.MOVE, self._put(node.operands[0]))
        ends = []
        for operand in node.operands[1:]:
            ends.append(self._jump(decides, result))
            self._add(fold, result, self._put(operand))
        self._land(*ends)
        return result

    def _conditional(self, node: Conditional) -> int:
        result = self._register()
        otherwise = self._jump(Op.JUMP_UNLESS_TRUE, self._put(node.test))
        self._add(Op.MOVE, result, self._put(node.then))
        end = self._jump(Op.JUMP)
        self._land(otherwise)
        self._add(Op.MOVE, result, self._put(node.otherwise))
        self._land(end)
        return result

    def _coalesce(self, node: Coalesce) -> int:
        result = self._new(Op.MOVE, self._put(node.operands[0]))
        ends = []
        for operand in node.operands[1:]:
            ends.append(self._jump(Op.JUMP_UNLESS_NULL, result))
            self._add(Op.MOVE, result, self._put(operand))
        self._land(*ends)
        return result

    def _odd(self) -> int:
        self._add(Op.ODD)
        return self._constant(None)

    def _jump(self, op: Op, value: int = 0) -> int:
        """Add a jump to what `_land` is called for; what stands between may not be reached."""
        self._add(op, a=value)
        self._depth += 1
        return len(self._instructions) - 1

    def _land(self, *jumps: int) -> None:
        for jump in jumps:
            self._depth -= 1
            self._instructions[jump] = self._instructions[jump]._replace(b=len(self._instructions))

    def _new(self, op: Op, a: int, b: int = 0, c: int = 0) -> int:
        to = self._register()
        self._add(op, to, a, b, c)
        return to

    def _register(self) -> int:
        self._registers += 1
        return self._registers - 1

    def _add(self, op: Op, to: int = 0, a: int = 0, b: int = 0, c: int = 0) -> None:
        self._instructions.append(Instruction(op, to, a, b, c))
