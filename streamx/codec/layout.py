"""Layout: everything that a codec must know to convert a chunk, fixed before the first one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from enum import StrEnum
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from streamx.codec.program import Program

# What could not be done with a bad record.
Stage = Literal["parse", "transform", "encode"]
# Output of some whole records: Python's own, or a view of memory that is used again.
Part = bytes | memoryview

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MAX_RECORD_BYTES = 16 * 1024 * 1024
# A column takes about a kilobyte in all parts of a run; Excel has 16,384, SQLite at most 32,767.
MOST_COLUMNS = 2**17
# Keys are data, so there may be any number of them; no more than these are remembered.
MOST_NAMED_KEYS = 20


class ColumnType(StrEnum):
    """The JSON type that a CSV column is written as."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"


@dataclass(frozen=True, slots=True)
class CsvFormat:
    """Delimited text after RFC 4180; tab-separated values are the same with another delimiter.

    Attributes:
        delimiter, quote: one ASCII byte each.
        line_end: what the writer ends a record with; the reader takes LF and CRLF alike.
        escapes_formulas: the writer puts `'` before a text that a spreadsheet would compute.
    """

    delimiter: bytes = b","
    quote: bytes = b'"'
    line_end: bytes = b"\n"
    escapes_formulas: bool = False

    def has_cells_of(self, other: CsvFormat) -> bool:
        """Tell whether any cell of one format can stand in the other as it is."""
        is_alike = (self.delimiter, self.quote) == (other.delimiter, other.quote)
        return is_alike and not other.escapes_formulas


@dataclass(frozen=True, slots=True)
class JsonlFormat:
    """One JSON text (RFC 8259) per line."""


Format = CsvFormat | JsonlFormat


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the input; `is_pinned` says that the user chose the type."""

    name: str
    type: ColumnType = ColumnType.STRING
    is_pinned: bool = False


@dataclass(frozen=True, slots=True)
class Pick:
    """A column of the output: which column it shows, under which name.

    Behind the columns of the input come those that a program computes. JSON's records need not have
    every key, so from JSONL to JSONL more is said of these.

    Attributes:
        key: the column in whose key's place a computed one stands; None: it is always there, in
            its place among the picks.
        is_last: it stands behind the record's own keys, where the record lacks that key.
    """

    index: int
    name: str
    key: int | None = None
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """How the records of a chunk become output; immutable, and the same for every worker.

    Attributes:
        source, target: the formats.
        columns: the input's columns (for JSONL the keys known from its first records).
        picks: the output's columns, in order.
        is_unchanged: the output has the input's columns under their own names.
        passes_unknown_keys: JSONL to JSONL; keys beyond `columns` are written as they came.
        drops_extra_keys: JSONL to CSV; keys beyond `columns` are counted and left out.
        ignores_extra_keys: JSONL to CSV; a selection was made, so such keys are not wanted.
        nulls: cell texts that stand for null; an empty cell is null in a typed column anyway.
        strict_types: a cell that does not fit its column makes its record a bad one.
        flattens: JSONL to CSV; nested values become columns `a.b`, `a.0`, not JSON in a cell.
        pads_short_records: a record with fewer cells than there are columns gets empty ones.
        is_lenient: what a CSV record has beyond its grammar is guessed, see
            streamx.codec.reference.guesses.
        max_record_bytes: a longer record is a bad one.
        program: which records are kept, and columns computed from others.
    """

    source: Format
    target: Format
    columns: tuple[Column, ...] = ()
    picks: tuple[Pick, ...] = ()
    is_unchanged: bool = True
    passes_unknown_keys: bool = False
    drops_extra_keys: bool = False
    ignores_extra_keys: bool = False
    nulls: frozenset[bytes] = field(default_factory=frozenset)
    strict_types: bool = False
    flattens: bool = False
    pads_short_records: bool = False
    is_lenient: bool = False
    max_record_bytes: int = MAX_RECORD_BYTES
    program: Program | None = None
    _hash: int | None = field(default=None, init=False, repr=False, compare=False)

    def __hash__(self) -> int:
        """Return a hash that is computed once, since that takes as long as there are columns."""
        if self._hash is None:
            object.__setattr__(self, "_hash", hash(self._values()))
        assert self._hash is not None
        return self._hash

    def __reduce__(self) -> tuple[type[Layout], tuple[Any, ...]]:
        """Leave the hash behind: texts have another one in another process."""
        return Layout, self._values()

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, each.name) for each in fields(self) if each.init)


@dataclass(frozen=True, slots=True)
class Bad:
    """A record that breaks its format, or that the output cannot be made of.

    Attributes:
        position: byte position in the data.
        found, expected: what was found, and what instead of it was expected.
        stage: what could not be done with the record.
        traceback: of the user's code, where that raised an exception.
        kind: what is wrong in a word or two, the same for all such records; the name of the
            exception's class, if there was one.
        attempts: how often it was tried.
    """

    position: int
    found: str
    expected: str
    stage: Stage = "parse"
    traceback: str = ""
    kind: str = ""
    attempts: int = 1

    def moved(self, start: int) -> Bad:
        """Return the same in data of which the piece it was found in starts at `start`."""
        if start == 0:
            return self
        position, stage = self.position + start, self.stage
        # Not replace(), which takes ten times as long.
        return Bad(
            position, self.found, self.expected, stage, self.traceback, self.kind, self.attempts
        )


# Told of a bad record and of how many good ones came before it in the data; returns where it ends.
TakeBad = Callable[[Bad, int], int]


@dataclass(slots=True)
class Remark:
    """A count of something worth reporting, with the byte position and text of its first case."""

    count: int
    position: int
    example: str


@dataclass(slots=True)
class Tally:
    """What a conversion amounted to; positions are relative to the data that was converted.

    `dropped_values` counts the values left out because the header lacks their keys;
    `dropped_keys` has the position where each of the first of these keys was first met;
    `padded` counts the records that got further cells; `guesses` those of which something else was
    guessed, by kind.
    """

    records_in: int = 0
    records_out: int = 0
    blank_lines: int = 0
    misfits: dict[str, Remark] = field(default_factory=dict)
    dropped_values: int = 0
    dropped_keys: dict[str, int] = field(default_factory=dict)
    padded: Remark | None = None
    guesses: dict[str, Remark] = field(default_factory=dict)
    bad: Bad | None = None

    def add(self, other: Tally, start: int) -> None:
        """Add the tally of another piece of the same data, which starts at `start`."""
        self.records_in += other.records_in
        self.records_out += other.records_out
        self.blank_lines += other.blank_lines
        for name, remark in other.misfits.items():
            self.note_misfits(name, remark.count, remark.position + start, remark.example)
        self.dropped_values += other.dropped_values
        if other.dropped_keys:
            later = {key: position + start for key, position in other.dropped_keys.items()}
            own = self.dropped_keys.items()
            keys = {key: position for key, position in own if position <= later.get(key, position)}
            for key, position in later.items():
                keys.setdefault(key, position)
            first = sorted(keys.items(), key=itemgetter(1))
            self.dropped_keys = dict(first[: MOST_NAMED_KEYS + 1])
        if other.padded is not None:
            self.note_padded(other.padded.count, other.padded.position + start)
        for kind, remark in other.guesses.items():
            self.note_guesses(kind, remark.count, remark.position + start)
        if other.bad is not None:
            self.bad = other.bad.moved(start)

    def note_misfits(self, name: str, count: int, position: int, example: str) -> None:
        """Add to the misfits of a column; the first one in the data is the example."""
        known = self.misfits.get(name)
        if known is None:
            self.misfits[name] = Remark(count, position, example)
            return
        known.count += count
        if position < known.position:
            known.position, known.example = position, example

    def note_padded(self, count: int, position: int) -> None:
        """Add to the padded records; `position` is that of the first of these."""
        known = self.padded or Remark(0, position, "")
        self.padded = Remark(known.count + count, min(known.position, position), "")

    def note_guesses(self, kind: str, count: int, position: int) -> None:
        """Add to the guesses of a kind; `position` is that of the first of these records."""
        known = self.guesses.get(kind) or Remark(0, position, "")
        self.guesses[kind] = Remark(known.count + count, min(known.position, position), "")


def excerpt(data: bytes, most: int = 40) -> str:
    """Show bytes in a message: as text in quotes, shortened, whatever they are."""
    shown = printable(data[:most].decode("utf-8", "backslashreplace"))
    return f"'{shown}'" + ("..." if len(data) > most else "")


def printable(text: str) -> str:
    """Show control characters in a text as escapes, so that they do nothing to a terminal."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
