"""Report: what a run amounted to, gathered from the results of its chunks."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from streamx.chunk import ChunkResult, Failure, Notice, Place
from streamx.codec.layout import MOST_NAMED_KEYS, CsvFormat
from streamx.errors import BadRecordError, FunctionError, StreamxError
from streamx.flow import BufferStatistics, FlowSnapshot
from streamx.transform.plan import AnyPlan


@dataclass(frozen=True, slots=True)
class Report:
    """The account of a finished run.

    Attributes:
        records_in, records_out: records read and written.
        blank_lines: blank lines skipped.
        bytes_in: bytes read, compressed ones if the input is compressed.
        bytes_out: bytes written, before compression.
        seconds: wall-clock time.
        workers: how many chunks were worked on at a time.
        buffers: statistics with peak fill by buffer: "input buffer", "reorder window",
            "output buffer" and, for the whole run, "in flight".
        warnings: what the user should know though nothing was lost.
        ran_in: "threads"; with functions "processes" or, if one is asynchronous, the event "loop";
            or one thread of the "caller", if one can be found in no other process.
    """

    records_in: int
    records_out: int
    blank_lines: int
    bytes_in: int
    bytes_out: int
    seconds: float
    workers: int
    buffers: Mapping[str, BufferStatistics]
    warnings: tuple[str, ...] = ()
    ran_in: Literal["threads", "processes", "loop", "caller"] = "threads"


@dataclass
class Totals:
    """Adds up the results of chunks, in whatever order they come.

    Attributes:
        source: the input's name, for messages.
        plan: the plan that was run.
    """

    source: str
    plan: AnyPlan
    records_in: int = 0
    records_out: int = 0
    blank_lines: int = 0
    misfits: dict[str, Notice] = field(default_factory=dict)
    dropped_values: int = 0
    dropped_keys: dict[str, Place] = field(default_factory=dict)

    def add(self, result: ChunkResult) -> StreamxError | None:
        """Add a chunk's result; return the error that its failure amounts to, if it has one."""
        self.records_in += result.records_in
        self.records_out += result.records_out
        self.blank_lines += result.blank_lines
        for name, notice in result.misfits.items():
            known = self.misfits.get(name)
            self.misfits[name] = notice if known is None else known + notice
        self.dropped_values += result.dropped_values
        for key, place in result.dropped_keys.items():
            known_place = self.dropped_keys.get(key)
            if known_place is not None:
                self.dropped_keys[key] = min(known_place, place, key=lambda each: each.offset)
            elif len(self.dropped_keys) <= MOST_NAMED_KEYS:
                self.dropped_keys[key] = place
        return None if result.failure is None else self._error_of(result.failure)

    def warnings(self) -> list[str]:
        """Say what did not fit or was left out, once for each column or key."""
        return [*self._blank_line_warnings(), *self._misfit_warnings(), *self._key_warnings()]

    def _error_of(self, failure: Failure) -> StreamxError:
        place, what = failure.place, (failure.found, failure.expected)
        if failure.stage == "parse":
            return BadRecordError(self.source, place.line, place.offset, *what)
        return FunctionError(self.source, place.line, place.offset, *what, failure.traceback)

    def _blank_line_warnings(self) -> Iterator[str]:
        layout = self.plan.layout
        if self.blank_lines and len(layout.columns) == 1 and isinstance(layout.source, CsvFormat):
            yield (
                f"{self.source}: {_times(self.blank_lines, 'blank line')} skipped; "
                'in a file of one column an empty cell is written as ""'
            )

    def _misfit_warnings(self) -> Iterator[str]:
        for column in self.plan.layout.columns:
            notice = self.misfits.get(column.name)
            if notice is None:
                continue
            pinned = shlex.quote(f"{column.name}=string")
            yield (
                f"{self.source}: {_times(notice.count, 'cell')} in column {column.name} did not "
                f"fit its type {column.type} and became strings, first {notice.example} in line "
                f"{notice.first.line}; pin the type with --type {pinned}, "
                "or name cells that stand for null with --null"
            )

    def _key_warnings(self) -> Iterator[str]:
        if not self.dropped_values:
            return
        named = list(self.dropped_keys.items())[:MOST_NAMED_KEYS]
        keys = ", ".join(f"{key!r} (first in line {place.line})" for key, place in named)
        others = " and others" if len(self.dropped_keys) > MOST_NAMED_KEYS else ""
        yield (
            f"{self.source}: {_times(self.dropped_values, 'value')} left out, since the header "
            f"lacks the keys {keys}{others}; name them in --columns to keep them"
        )

    def report(self, last: FlowSnapshot, warnings: tuple[str, ...]) -> Report:
        """Return the account, with the flow's last snapshot."""
        return Report(
            records_in=self.records_in,
            records_out=self.records_out,
            blank_lines=self.blank_lines,
            bytes_in=last.bytes_read,
            bytes_out=last.bytes_written,
            seconds=last.seconds,
            workers=last.workers,
            buffers=last.buffers,
            warnings=warnings,
        )


def _times(count: int, noun: str) -> str:
    return f"1 {noun}" if count == 1 else f"{count:,} {noun}s"
