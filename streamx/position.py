"""Where in its chunk the work stands: told by who works, asked for by who has to name the place.

A worker process that dies cannot say any more at which record. So it notes each before it begins:
one store to memory that the engine shares with it, cheap enough to do for every record.
"""

from __future__ import annotations

UNKNOWN = -1

# Where nobody has given it shared memory, noting goes nowhere.
_cell = memoryview(bytearray(8)).cast("q")


def note(position: int) -> None:
    """Say that work begins on the record at `position`, in bytes from its chunk's start.

    An engine with a time limit takes a position that stays the same for work that hangs.
    """
    _cell[0] = position


def note_in(cell: memoryview) -> None:
    """Let `note` store to this memory from now on: one signed integer of 8 bytes."""
    global _cell
    _cell = cell
