"""Which of the language's functions a codec's programs have, by name and number of arguments."""

from __future__ import annotations

import re

from streamx.codec.program import Op, Scalar
from streamx.transform.expressions.operators import TEXT, TRUTH

# Functions with the name of their operation, of as many arguments as stand before them.
_NAMESAKES = {
    1: "abs int float bool round floor ceil .strip .lower .upper .capitalize .title",
    2: "min max .count .find",
    3: ".replace",
}

OPERATIONS = {
    **{
        (name, count): Op[name.lstrip(".").upper()]
        for count, names in _NAMESAKES.items()
        for name in names.split()
    },
    ("+", 2): Op.ADD,
    ("-", 2): Op.SUBTRACT,
    ("*", 2): Op.MULTIPLY,
    ("/", 2): Op.DIVIDE,
    ("//", 2): Op.FLOOR_DIVIDE,
    ("%", 2): Op.MODULO,
    ("-x", 1): Op.NEGATE,
    ("+x", 1): Op.PLUS,
    ("round", 2): Op.ROUND_TO,
    ("<", 2): Op.LESS,
    ("<=", 2): Op.AT_MOST,
    (">", 2): Op.GREATER,
    (">=", 2): Op.AT_LEAST,
    ("==", 2): Op.EQUAL,
    ("!=", 2): Op.UNEQUAL,
    ("in", 2): Op.CONTAINS,
    (TRUTH, 1): Op.TRUTH,
    (TEXT, 1): Op.TEXT,
    ("str", 1): Op.TEXT,
    ("len", 1): Op.LENGTH,
    ("[]", 2): Op.ITEM,
    (".startswith", 2): Op.STARTS_WITH,
    (".endswith", 2): Op.ENDS_WITH,
    (".lstrip", 1): Op.LEFT_STRIP,
    (".rstrip", 1): Op.RIGHT_STRIP,
    (".strip", 2): Op.STRIP_ANY,
    (".lstrip", 2): Op.LEFT_STRIP_ANY,
    (".rstrip", 2): Op.RIGHT_STRIP_ANY,
    (".removeprefix", 2): Op.REMOVE_PREFIX,
    (".removesuffix", 2): Op.REMOVE_SUFFIX,
    (".casefold", 1): Op.LOWER,
    (".swapcase", 1): Op.SWAP_CASE,
    (".rfind", 2): Op.FIND_LAST,
    (".zfill", 2): Op.FILL_ZEROS,
    **{(".ljust", count): Op.LEFT_JUSTIFY for count in (2, 3)},
    **{(".rjust", count): Op.RIGHT_JUSTIFY for count in (2, 3)},
    # In ASCII, which is all that a program has, three of them say the same.
    **{(f".is{name}", 1): Op.IS_DIGIT for name in ("digit", "decimal", "numeric")},
    **{
        (f".is{name}", 1): Op[f"IS_{name.upper()}"]
        for name in ("ascii", "alnum", "alpha", "space", "lower", "upper")
    },
}

# What stands for a third argument that was not given.
DEFAULTS: dict[Op, Scalar] = {Op.LEFT_JUSTIFY: " ", Op.RIGHT_JUSTIFY: " "}

_FORMAT = re.compile(r"(0?)(\d{0,3})(?:d|\.(\d\d?)f)", re.ASCII)


def slice_bounds(name: str) -> str | None:
    """Return which bounds the function of a slice takes; None if it has a step.

    >>> slice_bounds("[a:]")
    'a'
    """
    return None if ":c" in name else name.strip("[]").replace(":", "")


def format_operands(spec: str) -> tuple[int, int] | None:
    """Return the operands `b` and `c` of FORMAT for a format; None for one that it does not have.

    >>> format_operands("04d"), format_operands(".2f"), format_operands("x")
    ((9, 0), (0, 3), None)
    """
    match = _FORMAT.fullmatch(spec)
    if match is None:
        return None
    zero, width, places = match.groups()
    return 2 * int(width or 0) + bool(zero), 0 if places is None else int(places) + 1
