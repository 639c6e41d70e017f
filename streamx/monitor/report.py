"""Report: what a run amounted to, gathered from the results of its chunks."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from streamx.chunk import BadKind, ChunkResult, Failure, Notice, Place
from streamx.codec.guess import LOSSY_GUESSES
from streamx.codec.layout import MOST_NAMED_KEYS, CsvFormat
from streamx.errors import (
    BadRecordError,
    FunctionError,
    StreamxError,
    TooManyBadRecordsError,
)
from streamx.flow import BufferStatistics, FlowCounts, FlowSnapshot
from streamx.transform.plan import AnyPlan

if TYPE_CHECKING:
    from streamx.transform.max_errors import Judge

K = TypeVar("K")


class FilesWritten(Protocol):
    """Counts the files of an output that is divided, and their bytes before compression."""

    @property
    def count(self) -> int: ...

    @property
    def size_bytes(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Report:
    """The account of a finished run.

    Attributes:
        records_in, records_out: records read, bad and dropped ones included, and written.
        blank_lines: blank lines skipped.
        bytes_in: bytes read, compressed ones if the input is compressed.
        bytes_out: bytes written, before compression.
        seconds: wall-clock time.
        workers: how many chunks were worked on at a time.
        buffers: statistics with peak fill by buffer: "input buffer", "reorder window",
            "output buffer" and, for the whole run, "in flight".
        warnings: what the user should know though nothing was lost.
        ran_in: "threads"; with functions "processes" or, if one is asynchronous, the event "loop";
            or one thread of the "caller", if one can be found in no other process; on a cluster
            "dask".
        bad_records: the bad records that were left out, by kind: how many, and the first.
        retries: calls of functions and requests that were made again.
        records_dropped: records of a live input that came faster than they were taken.
        records_padded: short records that were filled up with empty cells.
        guesses: records of which something else was guessed, by kind: how many, and the first.
        files_written: files that the output was divided into; None where it is a single one.
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
    ran_in: Literal["threads", "processes", "loop", "caller", "dask"] = "threads"
    bad_records: Mapping[BadKind, Notice] = field(default_factory=dict)
    retries: int = 0
    records_dropped: int = 0
    records_padded: int = 0
    guesses: Mapping[str, Notice] = field(default_factory=dict)
    files_written: int | None = None

    @property
    def bad_record_count(self) -> int:
        """How many bad records were left out."""
        return _count(self.bad_records)

    @property
    def exit_code(self) -> int:
        """What the command exits with: 3 if a record, or some of one, was left out, else 0."""
        is_lossy = not LOSSY_GUESSES.isdisjoint(self.guesses)
        return 3 if self.bad_records or self.records_dropped or is_lossy else 0


@dataclass
class Totals:
    """Adds up the results of chunks, in whatever order they come.

    Attributes:
        source: the input's name, for messages.
        plan: the plan that was run.
        rejects: the name of the rejects file, or None.
        judge: says when too many records are bad, or None.
        files: of an output that is divided.
        file_names: of the input's files, where it may be several.
    """

    source: str
    plan: AnyPlan
    rejects: str | None = None
    judge: Judge | None = None
    files: FilesWritten | None = None
    file_names: Sequence[str] = ()
    records_in: int = 0
    records_out: int = 0
    blank_lines: int = 0
    misfits: dict[str, Notice] = field(default_factory=dict)
    dropped_values: int = 0
    dropped_keys: dict[str, Place] = field(default_factory=dict)
    bad_records: dict[BadKind, Notice] = field(default_factory=dict)
    retries: int = 0
    dropped: Notice | None = None
    padded: Notice | None = None
    guesses: dict[str, Notice] = field(default_factory=dict)

    @property
    def records_dropped(self) -> int:
        """How many records were dropped so far."""
        return _count_of(self.dropped)

    @property
    def bad_record_count(self) -> int:
        """How many bad records were left out so far."""
        return _count(self.bad_records)

    def add(self, result: ChunkResult) -> StreamxError | None:
        """Add a chunk's result; return the error that ends the run there, if there is one."""
        self.records_in += result.records_in
        self.records_out += result.records_out
        self.blank_lines += result.blank_lines
        self.retries += result.retries
        if result.padded is not None:
            self.padded = result.padded if self.padded is None else self.padded + result.padded
        _add_notices(self.misfits, result.misfits)
        _add_notices(self.guesses, result.guesses)
        _add_notices(self.bad_records, result.bad_records)
        self.dropped_values += result.dropped_values
        for key, place in result.dropped_keys.items():
            known_place = self.dropped_keys.get(key)
            if known_place is not None:
                self.dropped_keys[key] = min(known_place, place, key=_in_input_order)
            elif len(self.dropped_keys) <= MOST_NAMED_KEYS:
                self.dropped_keys[key] = place
        if result.failure is not None:
            return self._error_of(result.failure)
        return None if self.judge is None else self._too_many(self.judge.add(result))

    def state(self) -> dict[str, Any]:
        """Return what was counted so far, as values that JSON has."""
        return {
            "records_in": self.records_in,
            "records_out": self.records_out,
            "blank_lines": self.blank_lines,
            "retries": self.retries,
            "padded": None if self.padded is None else _listed(self.padded),
            "guesses": {kind: _listed(notice) for kind, notice in self.guesses.items()},
            "misfits": {name: _listed(notice) for name, notice in self.misfits.items()},
            "dropped_values": self.dropped_values,
            "dropped_keys": {
                key: [place.line, place.offset, place.file]
                for key, place in self.dropped_keys.items()
            },
            "bad_records": [
                [kind.stage, kind.name, *_listed(notice)]
                for kind, notice in self.bad_records.items()
            ],
        }

    def begin_with(self, state: Mapping[str, Any]) -> None:
        """Count what an earlier run had counted, see `state`.

        Raises:
            LookupError, TypeError, ValueError: the state is not one.
        """
        self.records_in = int(state["records_in"])
        self.records_out = int(state["records_out"])
        self.blank_lines = int(state["blank_lines"])
        self.retries = int(state["retries"])
        self.padded = None if state["padded"] is None else _notice(*state["padded"])
        self.guesses = {kind: _notice(*values) for kind, values in state["guesses"].items()}
        self.misfits = {name: _notice(*values) for name, values in state["misfits"].items()}
        self.dropped_values = int(state["dropped_values"])
        self.dropped_keys = {key: Place(*place) for key, place in state["dropped_keys"].items()}
        self.bad_records = {
            BadKind(stage, name): _notice(*values) for stage, name, *values in state["bad_records"]
        }
        if self.judge is not None:
            self.judge.begin_with(self.bad_record_count, self.records_in)

    def result(self, sequence: int) -> ChunkResult:
        """Return what was counted so far, as what one chunk amounted to."""
        return ChunkResult(
            sequence=sequence,
            records_in=self.records_in,
            records_out=self.records_out,
            blank_lines=self.blank_lines,
            misfits=self.misfits,
            dropped_values=self.dropped_values,
            dropped_keys=self.dropped_keys,
            padded=self.padded,
            guesses=self.guesses,
            bad_records=self.bad_records,
            retries=self.retries,
        )

    def drop(self, records: int, first: Place) -> None:
        """Count records that were read, and dropped before a worker took them."""
        if records:
            notice = Notice(records, first, "")
            self.dropped = notice if self.dropped is None else self.dropped + notice

    def end(self) -> StreamxError | None:
        """Return the error that the run as a whole amounts to, if it does to one."""
        return None if self.judge is None else self._too_many(self.judge.end())

    def counts(self, requests_retried: int = 0) -> FlowCounts:
        """Return what became of the records so far.

        Args:
            requests_retried: requests for input that were made again.
        """
        bad = self.bad_record_count
        return FlowCounts(
            records_in=self.records_in + self.records_dropped,
            records_out=self.records_out,
            records_dropped=self.records_dropped,
            records_padded=_count_of(self.padded),
            guesses={str(kind): notice.count for kind, notice in self.guesses.items()},
            records_rejected=0 if self.rejects is None else bad,
            records_skipped=bad if self.rejects is None else 0,
            retries=self.retries + requests_retried,
            files_written=None if self.files is None else self.files.count,
        )

    def bytes_out(self, handed_on_bytes: int) -> int:
        """Return what was written so far, before compression.

        Args:
            handed_on_bytes: what was handed to the sink, which may be framed for its files.
        """
        return handed_on_bytes if self.files is None else self.files.size_bytes

    def warnings(self) -> list[str]:
        """Say what did not fit or was left out, once for each column, key or kind."""
        return [
            *self._blank_line_warnings(),
            *self._misfit_warnings(),
            *self._padding_warnings(),
            *self._guess_warnings(),
            *self._key_warnings(),
            *self._bad_record_warnings(),
            *self._drop_warnings(),
        ]

    def _too_many(self, found: str | None) -> StreamxError | None:
        if found is None:
            return None
        kept = "" if self.rejects is None else f". The rejects so far are in {self.rejects}"
        return TooManyBadRecordsError(f"{self.source}: {found}{kept}")

    def _bad_record_warnings(self) -> Iterator[str]:
        if not self.bad_records:
            return
        most_first = sorted(
            self.bad_records.items(),
            key=lambda item: (-item[1].count, _in_input_order(item[1].first)),
        )
        kinds = "; ".join(
            f"{notice.count:,} {kind.stage} ({kind.name}), "
            f"first in {notice.first.told(self.file_names)}"
            for kind, notice in most_first
        )
        kept = "" if self.rejects is None else f". They are in {self.rejects}"
        counted = _times(self.bad_record_count, "bad record")
        yield f"{self.source}: {counted} left out: {kinds}{kept}"

    def _drop_warnings(self) -> Iterator[str]:
        if self.dropped is not None:
            yield (
                f"{self.source}: {_times(self.dropped.count, 'record')} dropped, first in line "
                f"{self.dropped.first.line}: they came faster than they were taken (--on-full); "
                "a larger --buffer holds more"
            )

    def _error_of(self, failure: Failure) -> StreamxError:
        where = failure.source or self.source, failure.place.line, failure.place.offset
        what = failure.found, failure.expected
        if failure.stage == "parse":
            return BadRecordError(*where, *what)
        return FunctionError(*where, *what, failure.traceback)

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
                f"fit its type {column.type} and became strings, first {notice.example} in "
                f"{notice.first.told(self.file_names)}; pin the type with --type {pinned}, "
                "or name cells that stand for null with --null"
            )

    def _padding_warnings(self) -> Iterator[str]:
        if self.padded is not None:
            option = "--lenient" if self.plan.layout.is_lenient else "--ragged pad"
            yield (
                f"{self.source}: {_times(self.padded.count, 'record')} had fewer cells than the "
                f"header and got empty ones, first in {self.padded.first.told(self.file_names)} "
                f"({option})"
            )

    def _guess_warnings(self) -> Iterator[str]:
        if self.guesses:
            from streamx.monitor.guesses import guess_texts  # few runs guess

            for text in guess_texts(self.guesses, self.file_names):
                yield f"{self.source}: {text}"

    def _key_warnings(self) -> Iterator[str]:
        if not self.dropped_values:
            return
        named = list(self.dropped_keys.items())[:MOST_NAMED_KEYS]
        keys = ", ".join(
            f"{key!r} (first in {place.told(self.file_names)})" for key, place in named
        )
        others = " and others" if len(self.dropped_keys) > MOST_NAMED_KEYS else ""
        yield (
            f"{self.source}: {_times(self.dropped_values, 'value')} left out, since the header "
            f"lacks the keys {keys}{others}; name them in --columns to keep them"
        )

    def report(self, last: FlowSnapshot, warnings: tuple[str, ...]) -> Report:
        """Return the account, with the flow's last snapshot."""
        return Report(
            records_in=self.records_in + self.records_dropped,
            records_out=self.records_out,
            blank_lines=self.blank_lines,
            bytes_in=last.bytes_read,
            bytes_out=last.bytes_written,
            seconds=last.seconds,
            workers=last.workers,
            buffers=last.buffers,
            warnings=warnings,
            bad_records=self.bad_records,
            retries=last.retries,
            records_dropped=self.records_dropped,
            records_padded=_count_of(self.padded),
            guesses=self.guesses,
            files_written=last.files_written,
        )


def _add_notices(total: dict[K, Notice], others: Mapping[K, Notice]) -> None:
    for key, notice in others.items():
        known = total.get(key)
        total[key] = notice if known is None else known + notice


def _listed(notice: Notice) -> list[Any]:
    first = notice.first
    return [notice.count, first.line, first.offset, notice.example, first.file]


def _notice(count: int, line: int, offset: int, example: str, file: int) -> Notice:
    return Notice(int(count), Place(int(line), int(offset), int(file)), str(example))


def _in_input_order(place: Place) -> tuple[int, int]:
    return place.file, place.offset


def _count(notices: Mapping[BadKind, Notice]) -> int:
    return sum(notice.count for notice in notices.values())


def _count_of(notice: Notice | None) -> int:
    return 0 if notice is None else notice.count


def _times(count: int, noun: str) -> str:
    return f"1 {noun}" if count == 1 else f"{count:,} {noun}s"
