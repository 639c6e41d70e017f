"""Dividing: a plan whose output goes to many files, grouped for them where it is made."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from streamx.chunk import Chunk, ChunkResult, RejectLines
from streamx.codec import sections_of
from streamx.codec.boundaries import records_of
from streamx.codec.layout import BYTE_ORDER_MARK, CsvFormat, Layout, Part
from streamx.codec.reference.csv_records import csv_scanner
from streamx.codec.sections import Division, header_section
from streamx.transform.operations import unknown_column
from streamx.transform.plan import AnyPlan, Lenience, Plan, Runner

if TYPE_CHECKING:
    from streamx.transform.opening import OpenHeader
    from streamx.transform.record_plan import RecordPlan

# What is grouped at a time: the more, the more a file gets at once.
GROUPED_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class DividedPlan:
    """A plan whose output is made into sections, see streamx.codec.sections.

    Attributes:
        plan: makes the output.
        division: what it is divided by.
    """

    plan: Plan | RecordPlan
    division: Division

    @classmethod
    def of(cls, plan: AnyPlan, by: tuple[str, ...]) -> DividedPlan:
        """Return a plan divided by some columns of its output."""
        from streamx.transform.record_plan import RecordPlan  # which workers of a Plan do without

        assert isinstance(plan, Plan | RecordPlan), "there are these two"
        target = plan.layout.target
        columns: tuple[str, ...] = ()
        if isinstance(target, CsvFormat):
            picks = tuple(pick.name for pick in plan.layout.picks)
            columns = picks if isinstance(plan, Plan) else plan.columns
        return cls(plan, Division(target, by, columns))

    @property
    def layout(self) -> Layout:
        """See Plan."""
        return self.plan.layout

    @property
    def header(self) -> bytes:
        """The section of the header that every file has."""
        return header_section(self.plan.header)

    @property
    def limits(self) -> tuple[int, ...]:
        """See Plan."""
        return self.plan.limits

    @property
    def lenience(self) -> Lenience | None:
        """See Plan."""
        return self.plan.lenience

    @property
    def is_open(self) -> bool:
        """See Plan."""
        return self.plan.is_open

    @property
    def open_header(self) -> OpenHeader | None:
        """See Plan."""
        return self.plan.open_header

    def settled(self, new_columns: tuple[str, ...]) -> DividedPlan:
        """Return the plan for all chunks but the first."""
        columns = self.division.columns + new_columns
        return DividedPlan(self.plan.settled(new_columns), replace(self.division, columns=columns))

    def opened(self) -> AbstractContextManager[Runner]:
        """Return what runs chunks in one worker, to be entered before and left after them."""
        return DividedRunner(self)


class DividedRunner(ExitStack):
    """A DividedPlan in one worker."""

    def __init__(self, plan: DividedPlan) -> None:
        super().__init__()
        self._divider = Divider(plan)
        self._opened = plan.plan.opened()

    def __enter__(self) -> DividedRunner:
        self._runner = self.enter_context(self._opened)
        return self

    def run(self, chunk: Chunk, limits: tuple[int, ...] = ()) -> Generator[Part, None, ChunkResult]:
        """Run the plan on a chunk: yield sections and rejects, return what it amounted to."""
        sections = self._divider.begin(chunk)
        run = self._runner.run(chunk, limits)
        while True:
            try:
                part = next(run)
            except StopIteration as stop:
                yield from sections.rest()
                result: ChunkResult = stop.value
                return result
            yield from sections.take(part)


class Divider:
    """Divides the output of chunks, of which the first may decide the columns.

    Args:
        plan: makes the output.
    """

    def __init__(self, plan: DividedPlan) -> None:
        self.division = plan.division
        self._has_header = plan.open_header is not None and plan.open_header.is_written

    def begin(self, chunk: Chunk) -> Sections:
        """Return what takes the output of a chunk."""
        return Sections(self, starts_with_header=self._has_header and chunk.sequence == 0)

    def learn(self, header: bytes) -> None:
        """Take the columns from a header that the first chunk has decided."""
        format = self.division.format
        assert isinstance(format, CsvFormat), "JSONL has none"
        scanner = csv_scanner(format)
        record = header.removeprefix(BYTE_ORDER_MARK).removesuffix(format.line_end)
        columns = tuple(scanner.value(cell).decode() for cell in scanner.cells(record) or ())
        check_columns(self.division.by, columns)
        self.division = replace(self.division, columns=columns)


class Sections:
    """The output of one chunk on its way into sections.

    Where it is cut depends on the output alone, not on the parts that it comes in: a chunk that
    is run a second time, since a process has died, gives the same sections.
    """

    def __init__(self, divider: Divider, *, starts_with_header: bool) -> None:
        self._divider = divider
        self._is_at_header = starts_with_header
        self._pending = bytearray()

    def take(self, part: Part) -> Iterator[bytes]:
        """Yield the sections that a part completes; rejects pass as they are."""
        if isinstance(part, RejectLines):
            yield part
        elif self._is_at_header:
            self._is_at_header = False
            self._divider.learn(bytes(part))
            yield header_section(bytes(part))
        else:
            self._pending += part
            while len(self._pending) > GROUPED_BYTES:
                with memoryview(self._pending) as view:
                    end = records_of(view, 0, GROUPED_BYTES, self._divider.division.format)
                yield self._cut(end)

    def rest(self) -> Iterator[bytes]:
        """Yield the sections of what is left at the end of the chunk."""
        if self._pending:
            yield self._cut(len(self._pending))

    def _cut(self, end: int) -> bytes:
        with memoryview(self._pending)[:end] as view:
            sections: bytes = sections_of(view, self._divider.division)
        del self._pending[:end]
        return sections


def check_columns(by: tuple[str, ...], names: tuple[str, ...]) -> None:
    """Refuse to divide an output by what is no column of it.

    Raises:
        UsageError: it is none of the names.
    """
    for name in by:
        if name not in names:
            raise unknown_column(names, name, "--partition-by")
