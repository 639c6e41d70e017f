"""State: all that the record grammar remembers of the bytes before a place."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class State(IntEnum):
    """What the next byte finds. JSONL knows AT_RECORD, AT_BLANK and IN_CELL."""

    AT_RECORD = 0  # a record starts here
    AT_CELL = 1  # a cell, but no record
    IN_CELL = 2  # in a cell without quotes, or behind those around it
    IN_QUOTES = 3
    AFTER_QUOTE = 4  # which closes its cell, or is the first of a doubled one
    AT_BLANK = 5  # what has come of the record would make a blank line


class Traversal(NamedTuple):
    """What some data amounts to for one state before it.

    Attributes:
        state: behind the data.
        first_start: where in the data its first record starts, or None if none does.
        records: how many end in the data; blank lines are none.
        records_before: how many of these end at the first start: one, or none.
    """

    state: State
    first_start: int | None
    records: int
    records_before: int
