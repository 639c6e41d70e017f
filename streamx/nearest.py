"""Nearest names: hints at what was probably meant by a name that there is not."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Return a hint at the known name that is most like another, or nothing where none is.

    Args:
        name: what was given.
        known: what there is.
        cutoff: how alike the two have to be, from 0 to 1, as in difflib.

    >>> did_you_mean("carier", ["flight", "carrier"])
    "; did you mean 'carrier'?"
    >>> did_you_mean("ID", ["name", "id"]), did_you_mean("x", ["name", "id"])
    ("; did you mean 'id'?", '')
    """
    from difflib import get_close_matches  # for who has made a mistake

    names = list(known)
    nearest = [other for other in names if other.lower() == name.lower()]
    nearest = nearest or get_close_matches(name, names, n=1, cutoff=cutoff)
    return f"; did you mean {nearest[0]!r}?" if nearest else ""
