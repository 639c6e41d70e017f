"""Where in its chunk the work stands: told by who works, asked for by who has to name the place.

A worker process that dies cannot say any more at which record. So it notes each before it begins:
one store to memory that the engine shares with it, cheap enough to do for every record.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

UNKNOWN = -1

# Where nobody has given them shared memory, noting goes nowhere.
_cell = memoryview(bytearray(8)).cast("q")
_waits = memoryview(bytearray(8)).cast("q")


def note(position: int) -> None:
    """Say that work begins on the record at `position`, in bytes from its chunk's start.

    An engine with a time limit takes a position that stays the same for work that hangs.
    """
    _cell[0] = position


@contextmanager
def waiting() -> Iterator[None]:
    """Say that within this the work waits for something that was asked for, and does not hang."""
    _waits[0] = 1
    try:
        yield
    finally:
        _waits[0] = 0


def cell() -> memoryview:
    """Return where `note` stores, for those who do it themselves."""
    return _cell


def note_in(cell: memoryview, waits: memoryview) -> None:
    """Let notes go to this memory from now on, a signed integer of 8 bytes each."""
    global _cell, _waits
    _cell, _waits = cell, waits
