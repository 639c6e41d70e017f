"""Kinds of cells: what a cell looks like, to tell whether records were cut in the right places."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache


class CellKind(StrEnum):
    """What a cell looks like; OTHER is what a cut in a wrong place often leaves."""

    EMPTY = "empty"
    NUMBER = "number"
    TIME = "time"
    BOOLEAN = "boolean"
    ADDRESS = "address"
    TEXT = "text"
    OTHER = "other"


# What neither a name of a column nor a word of a text looks like, as a rule.
DATA = frozenset({CellKind.NUMBER, CellKind.TIME, CellKind.BOOLEAN, CellKind.ADDRESS})

_DATE = rb"(?:\d{4}([-/.])\d\d?\1\d\d?|\d\d?([-/.])\d\d?\2(?:\d{4}|\d\d))"
_CLOCK = rb"\d\d?:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?[AaPp][Mm])?(?: ?(?:Z|UTC|[-+]\d\d(?::?\d\d)?))?"
_CURRENCY = rb"(?:[$\x80-\xff]{1,3}|[A-Z]{3})?"
_DECIMAL = rb"(?:\d+|\d{1,3}(?:[,.' ]\d{3})+)(?:[.,]\d+)?(?:[eE][-+]?\d+)?"
# A mark of punctuation belongs to a text if a space or the end follows, as in a sentence.
_IN_TEXT = rb"[\w\x80-\xff '\"()&/.#+*%$@<>=\[\]{}!?-]|[,;:](?= |$)"
_PATTERNS = {
    CellKind.NUMBER: rb"[-+]?%b ?%b ?(?:%%|%b)" % (_CURRENCY, _DECIMAL, _CURRENCY),
    CellKind.TIME: rb"%b(?:[T ]%b)?|%b" % (_DATE, _CLOCK, _CLOCK),
    CellKind.BOOLEAN: rb"(?i:true|false|yes|no)",
    CellKind.ADDRESS: rb"[a-z][a-z0-9+.-]*://[^\s\"<>|^~;]+|[^\s@,;:|\"']+@[\w-]+(?:\.[\w-]+)+",
    CellKind.TEXT: rb"[\w\x80-\xff(#&*<\[-](?:%b)*" % _IN_TEXT,
}
_KINDS = {kind: re.compile(pattern) for kind, pattern in _PATTERNS.items()}
# Numbers and times among the words of a text are rather cells that spaces tell apart.
_VALUE = re.compile(rb"[-+]?\d+[.,]\d+%%?|%b.*|.*[\dT_]\d?\d:\d\d.*" % _DATE)
_NUMERAL = re.compile(rb"[-+]?\d+%?")
# What a longer cell is shows in its first bytes.
_MOST_BYTES = 200


@lru_cache(maxsize=4096)
def kind_of(text: bytes) -> CellKind:
    """Return the kind of a cell's text.

    >>> [str(kind_of(text)) for text in (b"-1.5", b"2013-01-31 05:17", b"Smith, Anna", b"1;2")]
    ['number', 'time', 'text', 'other']
    """
    text = text[:_MOST_BYTES].strip(b" ")
    if not text:
        return CellKind.EMPTY
    kind = next((each for each, pattern in _KINDS.items() if pattern.fullmatch(text)), None)
    if kind is CellKind.TEXT and b" " in text and _holds_values(text.split()):
        return CellKind.OTHER
    return kind or CellKind.OTHER


def _holds_values(words: list[bytes]) -> bool:
    numerals = sum(_NUMERAL.fullmatch(word) is not None for word in words)
    return 2 * numerals > len(words) or any(map(_VALUE.fullmatch, words))
