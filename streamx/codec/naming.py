"""Naming: whether the first record of a table names its columns, as far as it shows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from streamx.codec.cell_kinds import DATA, CellKind, kind_of

# So large a part of a column makes it one of their kind.
_MOST = 0.6
# Of fewer texts the shapes say nothing.
_FEW = 3
_DIGIT = re.compile(rb"[0-9]")
_YEAR = re.compile(rb"1[89][0-9][0-9]|20[0-9][0-9]")


def names_columns(records: Sequence[Sequence[bytes]]) -> bool:
    """Tell whether the first of some records, texts of as many cells each, is likely a header.

    >>> names_columns([[b"day", b"total"], [b"2024-03-01", b"1.50"]])
    True
    >>> names_columns([[b"2024-03-01", b"1.50"], [b"2024-03-02", b"2.75"]])
    False
    """
    first, *others = records
    if not others:
        return not any(kind_of(cell) in DATA for cell in first)
    votes = votes_for_names(first, others)
    is_distinct = len(set(first)) == len(first)
    return votes > 0 or (votes == 0 and is_distinct)


def votes_for_names(record: Sequence[bytes], others: Sequence[Sequence[bytes]]) -> int:
    """Return how clearly a record stands above others as their header; below 0 it is like them."""
    return sum(map(_vote, record, zip(*others, strict=True)))


def _vote(cell: bytes, column: Sequence[bytes]) -> int:
    """Return 2 or less for a name above a column, -2 or more for a cell that is part of it."""
    kinds = Counter(kind_of(each) for each in column if each)
    own = kind_of(cell)
    if not kinds:
        return 0
    kind, count = kinds.most_common(1)[0]
    if kind in DATA and count >= _MOST * kinds.total():
        if _YEAR.fullmatch(cell) and not any(map(_YEAR.fullmatch, column)):
            return 0  # there are columns of years, and columns for years
        return -2 if own is kind else 2 if own is CellKind.TEXT else 0
    if own in DATA or cell in column:
        return -2
    return _vote_of_shapes(cell, column)


def _vote_of_shapes(cell: bytes, column: Sequence[bytes]) -> int:
    """Vote by whether a text is written like those of its column."""
    shapes = Counter(_shape(each) for each in column if each)
    if shapes.total() < _FEW:
        return 0
    return -1 if shapes[_shape(cell)] >= 0.3 * shapes.total() else 1


def _shape(text: bytes) -> tuple[bool, bool, bool, bool]:
    """Return what is alike in texts of the same sort."""
    return _DIGIT.search(text) is not None, b" " in text, text[:1].isupper(), text.isupper()
