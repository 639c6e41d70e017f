"""What crosses the boundaries of a run: a Chunk going in, a ChunkResult coming out."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple


class Death(NamedTuple):
    """Records at which two worker processes have died: one, or all of a batch.

    Attributes:
        first, last: positions of the first and the last one in their chunk's data.
        reason: how the second process died, as the rest of a sentence about it.
    """

    first: int
    last: int
    reason: str


class FileOfInput(NamedTuple):
    """One of the files of an input that is read from several.

    Attributes:
        number: in input order, from 0.
        name: as the user gave it.
        shape: which of the plan's shapes its records have.
    """

    number: int
    name: str
    shape: int = 0


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole records of the input, the unit that crosses every queue.

    Attributes:
        sequence: number of the chunk in input order, from 0.
        offset: byte position of the first record in the (decompressed, UTF-8) input, from 0; in
            its file, where there are several.
        line: number of the first record's first line, from 1; likewise.
        data: the records' bytes, line ends included; only the input's last may lack its own. A
            view of the buffer that they were read into, as a rule.
        deaths: the records that are not to be tried again.
        file: where they stand, if the input may be several files.
    """

    sequence: int
    offset: int
    line: int
    data: bytes | memoryview
    deaths: tuple[Death, ...] = ()
    file: FileOfInput | None = None

    def place(self, line: int, offset: int) -> Place:
        """Return a place in the chunk's file."""
        return Place(line, offset, 0 if self.file is None else self.file.number)


class RejectLines(bytes):
    """Whole lines of the rejects file, which travel among the parts of a chunk's output."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the input something was found: a line number (from 1) and a byte offset.

    Attributes:
        file: the number of the file, from 0, where the input may be several.
    """

    line: int
    offset: int
    file: int = 0

    def told(self, files: Sequence[str] = ()) -> str:
        """Return it in words, of a file that has a name among those of the input.

        >>> Place(3, 9).told(), Place(3, 9, 1).told(["a.csv", "b.csv"])
        ('line 3', 'line 3 of b.csv')
        """
        return f"line {self.line} of {files[self.file]}" if files else f"line {self.line}"


@dataclass(frozen=True, slots=True)
class Failure:
    """The record that stopped a chunk: its place, what was found and what was expected.

    Attributes:
        stage: what could not be done with the record: "parse" it, call a function with it
            ("transform"), or "encode" the result.
        traceback: of the user's code, where that raised an exception.
        source: the input's name, if it is another than that of the run.
    """

    place: Place
    found: str
    expected: str
    stage: Literal["parse", "transform", "encode"] = "parse"
    traceback: str = ""
    source: str | None = None


@dataclass(frozen=True, slots=True)
class BadKind:
    """What records were bad in the same way: the stage that could not take them, and why."""

    stage: Literal["parse", "transform", "encode"]
    name: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that is reported once, at the end: how often, and where it was first met."""

    count: int
    first: Place
    example: str

    def __add__(self, later: Notice) -> Notice:
        first, example = min(
            (self.first, self.example), (later.first, later.example), key=_by_place
        )
        return Notice(self.count + later.count, first, example)


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """What a chunk amounted to, sent after the last part of its output.

    Attributes:
        sequence: the chunk's.
        records_in: records read from the chunk, one that stopped it excluded.
        records_out: records written to the output parts.
        blank_lines: blank lines skipped between records.
        misfits: cells that did not fit their column's type, by column name.
        dropped_values: values left out because the header lacks their keys.
        dropped_keys: where the first of these keys were first met, by key.
        padded: records that had fewer cells than the header and got empty ones, if there are any.
        guesses: records of which something else was guessed, by kind, see
            streamx.codec.reference.guesses.
        failure: the bad record at which the chunk stopped, or None.
        bad_records: the bad ones that were left out, by kind.
        bad_places: for each of these, in order, three numbers: how many records of the chunk had
            been read with it, its line and its offset. Only where --max-errors wants to know.
        taken: how many records passed each limit of the plan.
        is_last: no further record is wanted (a limit was reached).
        new_columns: what the first chunk's results add to the columns of a plan that is open.
        file: the number of the chunk's file.
        retries: calls of functions that its worker made again since its last result.
    """

    sequence: int = 0
    records_in: int = 0
    records_out: int = 0
    blank_lines: int = 0
    misfits: dict[str, Notice] = field(default_factory=dict)
    dropped_values: int = 0
    dropped_keys: dict[str, Place] = field(default_factory=dict)
    padded: Notice | None = None
    guesses: dict[str, Notice] = field(default_factory=dict)
    failure: Failure | None = None
    bad_records: dict[BadKind, Notice] = field(default_factory=dict)
    bad_places: array[int] = field(default_factory=lambda: array("Q"))
    taken: tuple[int, ...] = ()
    is_last: bool = False
    new_columns: tuple[str, ...] = ()
    file: int = 0
    retries: int = 0

    def left_of(self, limits: tuple[int, ...]) -> tuple[int, ...]:
        """Return how many records may still pass each limit after this chunk."""
        return tuple(limit - taken for limit, taken in zip(limits, self.taken, strict=True))


def _by_place(item: tuple[Place, str]) -> tuple[int, int]:
    return item[0].file, item[0].offset
