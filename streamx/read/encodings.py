"""Encodings: which one a text is in, by its first bytes."""

from __future__ import annotations

import codecs
import re

from streamx.errors import InputError

# The longer ones first, since one begins with another.
MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
LONGEST_MARK_BYTES = 4
# Which of the first bytes are not NUL, where text of the usual kind has no mark.
_UNMARKED: dict[tuple[bool, ...], str] = {
    (True, False, True, False): "utf-16-le",
    (False, True, False, True): "utf-16-be",
    (True, False, False, False): "utf-32-le",
    (False, False, False, True): "utf-32-be",
}
_REPLACEMENT = "\ufffd"
_HIGH_BYTES = re.compile(rb"[\x80-\xff]+")
_LACKING = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")


def marked_encoding(start: bytes) -> str | None:
    """Return the encoding that a byte order mark names, but for that of UTF-8.

    The marks are those of The Unicode Standard, section 23.8.
    """
    return next((name for mark, name in MARKS.items() if start.startswith(mark)), None)


def unmarked_encoding(start: bytes) -> str | None:
    """Return the wide encoding without a mark that the first four bytes look like."""
    return _UNMARKED.get(tuple(map(bool, start[:LONGEST_MARK_BYTES])))


def sniff_encoding(head: bytes, name: str) -> str | None:
    r"""Return the encoding to name for a text, or None if it needs no name.

    What is not UTF-8 is one of Western Europe, or cannot be told.

    Args:
        head: the first bytes; it may end within a character.
        name: of the input, for messages.

    Raises:
        InputError: it is likely none of those.

    >>> sniff_encoding("5 €;Köln".encode("cp1252"), "in.csv")
    'cp1252'
    >>> sniff_encoding("5 €;Köln".encode(), "in.csv")
    """
    if marked_encoding(head) is not None:
        return None
    wide = unmarked_encoding(head)
    if wide is not None:
        return wide
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(head)
    errors = text.count(_REPLACEMENT)
    # A broken character among many is no other encoding: the record that holds it is a bad one.
    beyond_ascii = len(_BEYOND_ASCII.findall(text))
    return _western(head, name) if 2 * errors > beyond_ascii else None


def _western(head: bytes, name: str) -> str:
    runs = _HIGH_BYTES.findall(head)
    if 2 * sum(len(run) for run in runs if len(run) > 2) > sum(map(len, runs)):
        raise InputError(
            f"{name}: found text that is not UTF-8, and too many letters in a row beyond ASCII for "
            "one of Western Europe; name its --encoding (such as cp1251, gb18030 or shift_jis)"
        )
    # Where cp1252 has quotes, dashes and the euro, latin-1 has control characters, which hardly any
    # text holds; but five bytes only latin-1 has.
    return "cp1252" if _LACKING.search(head) is None else "latin-1"
