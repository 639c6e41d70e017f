"""Guess: the kinds of what a lenient reader makes of a CSV record that is not right."""

from __future__ import annotations

from enum import StrEnum


class Guess(StrEnum):
    """What was wrong with a record, and so what was guessed; see codec/reference/guesses.py."""

    TEXT_AFTER_QUOTE = "text after a quote"
    UNCLOSED_QUOTE = "unclosed quote"
    EXTRA_CELLS = "extra cells"
    NOT_UTF8 = "encoding"


# Those after which the output does not hold all that the input did.
LOSSY_GUESSES = frozenset({Guess.NOT_UTF8})
