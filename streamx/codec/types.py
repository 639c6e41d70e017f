"""The typing rule: which CSV columns are written as JSON integers, numbers and booleans.

A column has a type when every sampled cell that is neither empty nor a null token matches the
type's pattern. The patterns are strict and ASCII: 007, 1e5, +1, 1_000, NaN, 0x1F and ids of 16
digits and more stay strings, and what does match is valid JSON as it stands, so it is copied.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from streamx.codec.layout import ColumnType
from streamx.codec.patterns import ANY, OPTIONAL

# At most 15 significant digits survive a double, which is what most JSON readers use.
_INTEGER = rb"-?+(?:0|[1-9][0-9]{0,14}+)"
_BELOW_ONE = rb"0(?:\.(?=[0-9])0*+[0-9]{0,15}+)" + OPTIONAL
_FROM_ONE = (
    rb"[1-9](?:[0-9]{0,14}+(?!\.)"
    rb"|(?=[0-9]*+\.[0-9])(?=[0-9.]{2,15}+(?![0-9.]))[0-9]*+\.[0-9]++)"
)
_NUMBER = rb"-?+(?:%b|%b)" % (_BELOW_ONE, _FROM_ONE)
_BOOLEAN = rb"(?:true|True|TRUE|false|False|FALSE)"
# A type that the user pinned takes every JSON number: the text is copied, no digit is lost.
_PINNED_INTEGER = rb"-?+(?:0|[1-9][0-9]*+)"
_PINNED_NUMBER = rb"%b(?:\.[0-9]++)%b(?:[eE][-+]?+[0-9]++)%b" % (
    _PINNED_INTEGER,
    OPTIONAL,
    OPTIONAL,
)

_PATTERNS = {
    (ColumnType.INTEGER, False): _INTEGER,
    (ColumnType.NUMBER, False): _NUMBER,
    (ColumnType.BOOLEAN, False): _BOOLEAN,
    (ColumnType.INTEGER, True): _PINNED_INTEGER,
    (ColumnType.NUMBER, True): _PINNED_NUMBER,
    (ColumnType.BOOLEAN, True): _BOOLEAN,
}
_ONE = {key: re.compile(pattern) for key, pattern in _PATTERNS.items()}
# Empty lines are null cells: one match decides over a whole column joined by line feeds.
_MANY = {
    key: re.compile(rb"(?:(?:%b)%b\n)%b(?:%b)%b" % (pattern, OPTIONAL, ANY, pattern, OPTIONAL))
    for key, pattern in _PATTERNS.items()
}

INFERRED = (ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.BOOLEAN)


def all_fit(texts: Sequence[bytes], type: ColumnType, is_pinned: bool = False) -> bool:
    """Tell whether every text is empty or matches the type.

    >>> all_fit([b"1", b"", b"-20"], ColumnType.INTEGER)
    True
    >>> all_fit([b"007"], ColumnType.INTEGER)
    False
    """
    joined = b"\n".join(texts)
    if joined.count(b"\n") != len(texts) - 1:
        return all(not text or fits(text, type, is_pinned) for text in texts)
    return _MANY[type, is_pinned].fullmatch(joined) is not None


def fits(text: bytes, type: ColumnType, is_pinned: bool = False) -> bool:
    """Tell whether one non-empty text matches the type."""
    return _ONE[type, is_pinned].fullmatch(text) is not None


def pattern_of(type: ColumnType, is_pinned: bool = False) -> re.Pattern[bytes]:
    """Return the pattern of the non-empty texts that match a type other than string."""
    return _ONE[type, is_pinned]


class TypeInference:
    """Narrows down the types of columns as sampled records come in.

    Args:
        width: how many columns there are.
        nulls: cell texts that stand for null and decide nothing.
    """

    def __init__(self, width: int, nulls: frozenset[bytes]) -> None:
        self._nulls = nulls
        self._candidates = [list(INFERRED) for _ in range(width)]
        self._has_values = [False] * width

    def add(self, column_values: Iterable[Sequence[bytes]]) -> None:
        """Take in the unquoted cells of some records, column by column."""
        for index, values in enumerate(column_values):
            texts = [text for text in values if text and text not in self._nulls]
            if texts:
                self._has_values[index] = True
                self._candidates[index] = [
                    type for type in self._candidates[index] if all_fit(texts, type)
                ]

    def types(self) -> list[ColumnType]:
        """Return the decisions; a column without a single value is a string column."""
        return [
            candidates[0] if has_values and candidates else ColumnType.STRING
            for candidates, has_values in zip(self._candidates, self._has_values, strict=True)
        ]
