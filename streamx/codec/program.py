"""Program: conditions and computed columns, as a codec takes them that knows no expressions."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from enum import IntEnum, auto
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from streamx.codec.layout import Part, Tally

Scalar = bool | int | float | str | None

# Does all that a program means, by whatever means: takes whole records, and the most of them to
# read and to write, or None.
Fallback = Callable[[bytes, int | None, int | None], "Generator[Part, None, Tally]"]


class Op(IntEnum):
    """What an instruction does; native/kernel.h says it exactly, and has them in this order."""

    LOAD = 0
    MOVE = auto()
    JUMP = auto()
    JUMP_IF_TRUE = auto()
    JUMP_IF_FALSE = auto()
    JUMP_UNLESS_TRUE = auto()
    JUMP_UNLESS_NULL = auto()
    KEEP = auto()
    END = auto()
    ODD = auto()
    AND = auto()
    OR = auto()
    NOT = auto()
    IS_NULL = auto()
    TRUTH = auto()
    ADD = auto()
    SUBTRACT = auto()
    MULTIPLY = auto()
    DIVIDE = auto()
    FLOOR_DIVIDE = auto()
    MODULO = auto()
    NEGATE = auto()
    PLUS = auto()
    ABS = auto()
    MIN = auto()
    MAX = auto()
    INT = auto()
    FLOAT = auto()
    LESS = auto()
    AT_MOST = auto()
    GREATER = auto()
    AT_LEAST = auto()
    EQUAL = auto()
    UNEQUAL = auto()
    AMONG = auto()
    BOOL = auto()
    ROUND = auto()
    ROUND_TO = auto()
    FLOOR = auto()
    CEIL = auto()
    CONTAINS = auto()
    STARTS_WITH = auto()
    ENDS_WITH = auto()
    LENGTH = auto()
    STRIP = auto()
    LEFT_STRIP = auto()
    RIGHT_STRIP = auto()
    STRIP_ANY = auto()
    LEFT_STRIP_ANY = auto()
    RIGHT_STRIP_ANY = auto()
    REMOVE_PREFIX = auto()
    REMOVE_SUFFIX = auto()
    LOWER = auto()
    UPPER = auto()
    SWAP_CASE = auto()
    CAPITALIZE = auto()
    TITLE = auto()
    ITEM = auto()
    SLICE = auto()
    FIND = auto()
    FIND_LAST = auto()
    COUNT = auto()
    REPLACE = auto()
    LEFT_JUSTIFY = auto()
    RIGHT_JUSTIFY = auto()
    FILL_ZEROS = auto()
    IS_ASCII = auto()
    IS_ALNUM = auto()
    IS_ALPHA = auto()
    IS_DIGIT = auto()
    IS_SPACE = auto()
    IS_LOWER = auto()
    IS_UPPER = auto()
    TEXT = auto()
    FORMAT = auto()


class Instruction(NamedTuple):
    """One step of a register machine.

    Attributes:
        op: what to do.
        to: the register of the result.
        a, b, c: registers of operands, mostly; a column for LOAD, and `b` is where a jump goes to.
    """

    op: Op
    to: int = 0
    a: int = 0
    b: int = 0
    c: int = 0


@dataclass(frozen=True, slots=True)
class Program:
    """Says which records are kept, and computes columns that stand behind the input's.

    Attributes:
        instructions: run for each record. The kernel hands those records that it cannot compute
            to the fallback, so it need not know all that a program may mean.
        constants: first values of registers.
        registers: how many there are; a program has at most MOST of them, of columns and of
            instructions.
        derived: how many of them, the first, are columns.
        fallback: does the same; the program is no more than a quick way to what this gives.
        file: the register that has the name of the records' file, if one has it.
    """

    instructions: tuple[Instruction, ...]
    constants: tuple[tuple[int, Scalar], ...]
    registers: int
    derived: int
    fallback: Fallback = field(compare=False, repr=False)
    file: int | None = None


MOST = 1 << 16
