"""Recipe and Plan: what to do with records, before and after the input's head has been seen."""

from __future__ import annotations

import operator
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from streamx.chunk import Chunk, ChunkResult, Failure, Notice, Place
from streamx.codec import convert, count_lines
from streamx.codec.layout import (
    MAX_RECORD_BYTES,
    Bad,
    Column,
    ColumnType,
    Format,
    Layout,
    Part,
    Remark,
    Tally,
)
from streamx.transform.functions import Calls
from streamx.transform.operations import Operation

if TYPE_CHECKING:
    from streamx.transform.expressions import Expression
    from streamx.transform.opening import OpenHeader


@dataclass(frozen=True, slots=True)
class Lenience:
    """What becomes of bad records in a run that goes on without them.

    Attributes:
        writes_rejects: they go to the rejects file.
        notes_places: where each stands is wanted, to judge whether they are too many.
        source: the input's name.
    """

    writes_rejects: bool = False
    notes_places: bool = False
    source: str = ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the user asked for, as far as records are concerned.

    Attributes:
        source, target: the formats.
        has_header: a CSV's first record names its columns, on both sides.
        skip_lines: lines before the header that are no part of the table.
        add_bom: start a CSV output with a UTF-8 byte order mark.
        infers_types: decide column types from a sample; otherwise all are strings.
        pinned_types: types by column name that are not inferred.
        nulls: cell texts that stand for null.
        strict_types: a cell that does not fit its column makes its record a bad one.
        pads_short_records: a CSV record with fewer cells than its header gets empty ones.
        is_lenient: what a CSV record has beyond its grammar is guessed, and counted.
        columns: the keys of a JSONL input, instead of those in a sample; None to look.
        known_columns: the input's columns, where an earlier run has found them, in place of those
            in a sample; a CSV has no header then. None to look.
        extra_keys: what a key beyond the columns means when JSONL becomes CSV.
        nested: how JSONL's nested values become cells.
        operations: column operations, functions and limits, in order.
        calls: how functions are called.
        max_record_bytes: a longer record is a bad one.
        lenience: what becomes of bad records; None if the first one ends the run.
        priority: says which of the records that wait for a function is next; None for input order.
        partition_by: columns of the output whose values say which file a record goes to.
        headers: what the headers of several files must be: of the "same" names, or any, of which
            the columns are the "union".
        source_column: a column to be added that names the file of each record.
        has_gaps: some files lack columns that others have, so all records are filled up.
    """

    source: Format
    target: Format
    has_header: bool = True
    skip_lines: int = 0
    add_bom: bool = False
    infers_types: bool = True
    pinned_types: Mapping[str, ColumnType] = field(default_factory=dict)
    nulls: frozenset[bytes] = frozenset()
    strict_types: bool = False
    pads_short_records: bool = False
    is_lenient: bool = False
    columns: tuple[str, ...] | None = None
    known_columns: tuple[Column, ...] | None = None
    extra_keys: Literal["error", "drop"] = "error"
    nested: Literal["json", "flatten"] = "json"
    operations: tuple[Operation, ...] = ()
    calls: Calls = field(default_factory=Calls)
    max_record_bytes: int = MAX_RECORD_BYTES
    lenience: Lenience | None = None
    priority: Expression | None = None
    partition_by: tuple[str, ...] = ()
    headers: Literal["same", "union"] = "same"
    source_column: str | None = None
    has_gaps: bool = False

    @property
    def is_aligned(self) -> bool:
        """Tell whether records get columns before the first operation."""
        return self.has_gaps or self.source_column is not None


class Runner(Protocol):
    """What a worker has of a plan."""

    def run(self, chunk: Chunk, limits: tuple[int, ...] = ()) -> Generator[Part, None, ChunkResult]:
        """Yield bounded parts of a chunk's output, return what it amounted to."""
        ...


class AnyPlan(Protocol):
    """What the rest of a run knows of a plan, whatever it does; see Plan."""

    @property
    def layout(self) -> Layout: ...

    @property
    def header(self) -> bytes: ...

    @property
    def limits(self) -> tuple[int, ...]: ...

    @property
    def is_open(self) -> bool: ...

    @property
    def open_header(self) -> OpenHeader | None: ...

    def settled(self, new_columns: tuple[str, ...]) -> AnyPlan: ...

    @property
    def lenience(self) -> Lenience | None: ...

    def opened(self) -> AbstractContextManager[Runner]: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """A recipe made definite: immutable, picklable, and the same for every worker.

    Attributes:
        layout: how records are converted.
        header: what the output starts with, before the first record's output.
        limits: how many records may be read over the whole run, and, where the layout has a
            program, how many may be written; none for all.
        lenience: what becomes of bad records; None if the first one ends the run.
        shapes: layouts of each kind of file, where the input's files differ.
    """

    layout: Layout
    header: bytes = b""
    limits: tuple[int, ...] = ()
    lenience: Lenience | None = None
    shapes: tuple[Layout, ...] = ()

    @property
    def is_open(self) -> bool:
        """Tell whether the first chunk has to be run before the others: never."""
        return False

    @property
    def open_header(self) -> None:
        """The header, if results may add columns to it: never."""

    def settled(self, new_columns: tuple[str, ...]) -> Plan:
        """Return the plan for all chunks but the first."""
        return self

    def opened(self) -> AbstractContextManager[Runner]:
        """Return what runs chunks in one worker, to be entered before and left after them."""
        if self.shapes or (self.layout.program and self.layout.program.file is not None):
            from streamx.transform.file_runner import FileRunner

            return nullcontext(FileRunner(self))
        if self.lenience is None:
            return nullcontext(self)
        from streamx.transform.lenient_plan import LenientRunner

        return nullcontext(LenientRunner(self, self.lenience))

    def run(self, chunk: Chunk, limits: tuple[int, ...] = ()) -> Generator[Part, None, ChunkResult]:
        """Convert a chunk: yield bounded parts of output, return what it amounted to.

        Pure: the same chunk gives the same parts in any thread, process or machine.

        Args:
            chunk: whole records of the input.
            limits: how many records of this chunk may pass each of the plan's limits.
        """
        tally = yield from convert(chunk.data, self.layout, *both_of(limits))
        taken = (tally.records_in, tally.records_out)[: len(limits)]
        is_last = any(map(operator.ge, taken, limits))
        return result_of(chunk, tally, taken, is_last=is_last)


def both_of(limits: tuple[int, ...]) -> tuple[int | None, int | None]:
    """Return how many records may be read and written, None for all."""
    limit, output_limit, *_ = (*limits, None, None)
    return limit, output_limit


def result_of(chunk: Chunk, tally: Tally, taken: tuple[int, ...], *, is_last: bool) -> ChunkResult:
    """Return what a chunk amounted to."""
    bad = tally.bad
    return ChunkResult(
        sequence=chunk.sequence,
        records_in=tally.records_in,
        records_out=tally.records_out,
        blank_lines=tally.blank_lines,
        misfits=_notices(chunk, tally.misfits),
        dropped_values=tally.dropped_values,
        dropped_keys={key: _place(chunk, at) for key, at in tally.dropped_keys.items()},
        padded=None if tally.padded is None else _notice(chunk, tally.padded),
        guesses=_notices(chunk, tally.guesses),
        failure=None if bad is None else _failure(chunk, bad),
        taken=taken,
        is_last=is_last,
        file=0 if chunk.file is None else chunk.file.number,
    )


def _place(chunk: Chunk, position: int) -> Place:
    """Return the place in the input of a byte position in a chunk."""
    return chunk.place(chunk.line + count_lines(chunk.data, position), chunk.offset + position)


def _failure(chunk: Chunk, bad: Bad) -> Failure:
    place = _place(chunk, bad.position)
    source = None if chunk.file is None else chunk.file.name
    return Failure(place, bad.found, bad.expected, bad.stage, bad.traceback, source)


def _notices(chunk: Chunk, remarks: dict[str, Remark]) -> dict[str, Notice]:
    """Return remarks with their places in the input."""
    return {key: _notice(chunk, remark) for key, remark in remarks.items()}


def _notice(chunk: Chunk, remark: Remark) -> Notice:
    return Notice(remark.count, _place(chunk, remark.position), remark.example)
