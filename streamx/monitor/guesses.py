"""Says what was guessed of records in a run that reads leniently."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from streamx.chunk import Notice
from streamx.codec.guess import Guess

_WHAT = {
    Guess.TEXT_AFTER_QUOTE: "had text after a closing quote, which was joined to its cell",
    Guess.UNCLOSED_QUOTE: (
        "had a quote that is not closed where it should be; it was taken for text in its line, or "
        "closed where the input ends"
    ),
    Guess.EXTRA_CELLS: (
        "had more cells than the header; empty ones were left out, others joined to the last"
    ),
    Guess.NOT_UTF8: "had bytes that are not UTF-8, which became U+FFFD; --encoding may name others",
}


def guess_texts(guesses: Mapping[str, Notice], files: Sequence[str]) -> Iterator[str]:
    """Yield a sentence for each kind of guess, in a fixed order.

    Args:
        guesses: how many there were, and the first.
        files: the names of the input's files, where it may be several.
    """
    for kind, what in _WHAT.items():
        notice = guesses.get(kind)
        if notice is not None:
            records = "1 record" if notice.count == 1 else f"{notice.count:,} records"
            yield f"{records} {what}, first in {notice.first.told(files)} (--lenient)"
