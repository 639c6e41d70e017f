"""Where in its chunk the work stands: told by who works, asked for by who has to name the place.

A worker process that dies cannot say any more at which record. So it notes each before it begins:
one store to memory that the engine shares with it, cheap enough to do for every record.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

UNKNOWN = -1


def new_cell() -> memoryview:
    """Return memory for a signed integer of 8 bytes."""
    return memoryview(bytearray(8)).cast("q")


class _Cells(threading.local):
    """Where this thread's notes go: nowhere, unless somebody has given it memory for them."""

    def __init__(self) -> None:
        self.position, self.last, self.waits, self.unwanted = (new_cell() for _ in range(4))


_cells = _Cells()


class UnwantedError(BaseException):
    """Work has been given up by those who asked for it; no failure, so nothing may handle it."""


def note(position: int) -> None:
    """Say that work begins on the record at `position`, in bytes from its chunk's start.

    An engine with a time limit takes a position that stays the same for work that hangs.
    """
    _cells.position[0] = position


def note_batch(first: int, last: int) -> None:
    """Say that work begins on a batch, from the record at one position to that at another.

    Every record that is noted later stands behind it, so that `last` tells of nothing then.
    """
    _cells.last[0] = last
    _cells.position[0] = first


@contextmanager
def waiting() -> Iterator[None]:
    """Say that within this the work waits for something that was asked for, and does not hang."""
    waits = _cells.waits
    waits[0] = 1
    try:
        yield
    finally:
        waits[0] = 0


def cell() -> memoryview:
    """Return where `note` stores, for those who do it themselves."""
    return _cells.position


def note_in(
    position: memoryview,
    last: memoryview,
    waits: memoryview,
    unwanted: memoryview | None = None,
) -> None:
    """Let this thread's notes go to these cells from now on; `unwanted` is one that it reads."""
    _cells.position, _cells.last, _cells.waits = position, last, waits
    _cells.unwanted = new_cell() if unwanted is None else unwanted


def ensure_wanted() -> None:
    """Go on only if somebody still waits for what this thread does.

    Raises:
        UnwantedError: nobody does.
    """
    if _cells.unwanted[0]:
        raise UnwantedError
