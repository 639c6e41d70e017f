"""Report: what a run amounted to, gathered from the results of its chunks."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from streamx.chunk import ChunkResult, Notice
from streamx.codec.layout import MOST_NAMED_KEYS, OTHER_KEYS, CsvFormat
from streamx.errors import BadRecordError
from streamx.flow import BufferStatistics, FlowSnapshot
from streamx.transform.plan import Plan


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


@dataclass
class Totals:
    """Adds up the results of chunks, in whatever order they come.

    Attributes:
        source: the input's name, for messages.
        plan: the plan that was run.
    """

    source: str
    plan: Plan
    records_in: int = 0
    records_out: int = 0
    blank_lines: int = 0
    misfits: dict[str, Notice] = field(default_factory=dict)
    dropped_keys: dict[str, Notice] = field(default_factory=dict)

    def add(self, result: ChunkResult) -> BadRecordError | None:
        """Add a chunk's result; return the error that its failure amounts to, if it has one."""
        self.records_in += result.records_in
        self.records_out += result.records_out
        self.blank_lines += result.blank_lines
        for name, notice in result.misfits.items():
            _merge(self.misfits, name, notice)
        for key, notice in result.dropped_keys.items():
            is_named = key in self.dropped_keys or len(self.dropped_keys) < MOST_NAMED_KEYS
            _merge(self.dropped_keys, key if is_named else OTHER_KEYS, notice)
        failure = result.failure
        if failure is None:
            return None
        place = failure.place
        return BadRecordError(
            self.source, place.line, place.offset, failure.found, failure.expected
        )

    def warnings(self) -> list[str]:
        """Say what did not fit or was left out, once for each column or key."""
        return [*self._blank_line_warnings(), *self._misfit_warnings(), *self._key_warnings()]

    def _blank_line_warnings(self) -> Iterator[str]:
        layout = self.plan.layout
        if self.blank_lines and len(layout.columns) == 1 and isinstance(layout.source, CsvFormat):
            yield (
                f"{self.source}: {_times(self.blank_lines, 'blank line')} skipped; "
                'in a file of one column an empty cell is written as ""'
            )

    def _misfit_warnings(self) -> Iterator[str]:
        types = {column.name: column.type for column in self.plan.layout.columns}
        for name, notice in self.misfits.items():
            yield (
                f"{self.source}: {_times(notice.count, 'cell')} in column {name} did not fit its "
                f"type {types[name]} and became strings, first {notice.example} in line "
                f"{notice.first.line}; pin the type with --type {shlex.quote(name + '=string')}, "
                "or name cells that stand for null with --null"
            )

    def _key_warnings(self) -> Iterator[str]:
        for key, notice in self.dropped_keys.items():
            yield (
                f"{self.source}: the key {key!r} of {_times(notice.count, 'record')} is not in the "
                f"header and was left out, first in line {notice.first.line}; "
                "name it in --columns to keep it"
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


def _merge(notices: dict[str, Notice], key: str, notice: Notice) -> None:
    notices[key] = notices[key] + notice if key in notices else notice


def _times(count: int, noun: str) -> str:
    return f"1 {noun}" if count == 1 else f"{count:,} {noun}s"
