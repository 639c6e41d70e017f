"""What a function of the language is: how it is run, and which arguments it takes.

What it takes is written with a letter for each argument: n number, i whole number, t text,
b truth value, l list, o object, c the constants behind `in`; several words are alternatives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

KINDS: dict[str, tuple[type, ...]] = {
    "n": (int, float),
    "i": (int,),
    "t": (str,),
    "b": (bool,),
    "l": (list,),
    "o": (dict,),
    "c": (tuple,),
}
KIND_NAMES = {
    "n": "a number",
    "i": "a whole number",
    "t": "a text",
    "b": "a truth value",
    "l": "a list",
    "o": "an object",
    "c": "constants",
}

# Texts that one call may make, in characters, and numbers, in bits: Python prints no integer of
# more than 4300 digits. What records hold is bounded already; what is made of it must be, too.
LARGEST_TEXT = 1 << 24
LARGEST_INTEGER_BITS = 14_000
LARGEST_WIDTH = 1_000


@dataclass(frozen=True)
class Function:
    """A function, operator or method, as the table in `functions` has it.

    Attributes:
        run: computes the result; no argument is null. May raise Refused and what Python raises.
        takes: the alternatives for the arguments' kinds; empty for any.
        gives_truth: the result is a truth value.
        literals: positions of arguments that must be literal texts, to be checked beforehand.
        check: takes those texts, and raises ValueError for one that cannot work.
    """

    run: Callable[..., Any]
    takes: tuple[str, ...] = ()
    gives_truth: bool = False
    literals: tuple[int, ...] = ()
    check: Callable[..., None] | None = None

    @cached_property
    def accepted(self) -> frozenset[tuple[type, ...]]:
        """The types of arguments that can be taken, whole calls at a time."""
        return frozenset(
            types for kinds in self.takes for types in product(*(KINDS[kind] for kind in kinds))
        )

    @property
    def counts(self) -> list[int]:
        """How many arguments there may be; empty for any."""
        return sorted({len(kinds) for kinds in self.takes})


def function(
    run: Callable[..., Any],
    takes: str,
    *,
    gives_truth: bool = False,
    literals: tuple[int, ...] = (),
    check: Callable[..., None] | None = None,
) -> Function:
    """Describe a function; `takes` has the alternatives as words."""
    return Function(run, tuple(takes.split()), gives_truth, literals, check)
