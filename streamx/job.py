"""Job: one run, as its options say; the command line and the library both make one."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING

from streamx.codec.layout import Column, ColumnType
from streamx.errors import UsageError
from streamx.formats import FileFormat
from streamx.idle import refuse_idle_options
from streamx.job_input import is_paged
from streamx.job_options import JobOptions
from streamx.job_output import JobOutput
from streamx.read.decode import is_utf8
from streamx.read.pace import ChunkPace
from streamx.sizing import (
    DIVIDING_WORKER_BYTES,
    MOST_WORKERS,
    WORKER_PROCESS_BYTES,
    WORKER_THREAD_BYTES,
    Sizing,
    choose_sizing,
)
from streamx.storage import local_path
from streamx.transform.functions import DEFAULT_CONCURRENCY, Apply, Calls, Placement, placement_of
from streamx.transform.operations import Limit, Operation
from streamx.transform.plan import Lenience, Recipe
from streamx.transform.retries import Retries
from streamx.values import (
    MOST_RECORDS,
    at_least,
    at_most,
    checked_operation,
    column_type,
    distinct_names,
    format_from,
    utf8_text,
)

if TYPE_CHECKING:
    from streamx.monitor.advice import Advisor
    from streamx.transform.expressions import Expression
    from streamx.transform.max_errors import Judge

# A batch ends with its chunk, and may take long.
_BATCHED_CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True, kw_only=True)
class Job(JobOutput):
    """The options of one run, and what follows from them.

    Raises:
        UsageError: an option cannot work, alone or with another.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_idle_options(self)
        self._refuse_overwriting_functions()
        is_utf8(self.encoding or "utf-8")
        if self.add_source is not None:
            if not utf8_text(self.add_source, "--add-source"):
                raise UsageError("--add-source names no column: its value is empty")
            for name in self.file_names:
                utf8_text(name, "--add-source needs another name of the file, since")
        at_least(self.split_size_bytes, 1, "--split-size")
        at_least(self.split_retries, 0, "--split-retries")
        at_least(self.split_records, 1, "--split-records")
        _ = (
            self.input_name,
            self.recipe,
            self.sizing,
            self.placement,
        )  # what is wrong with them is said at once

    def judge(self) -> Judge | None:
        """Return what says when too many records are bad, to be used for one run."""
        if self.max_errors is None:
            return None
        from streamx.transform.max_errors import Judge, MaxErrors  # for this alone

        return Judge(MaxErrors.of(self.max_errors), self.file_names)

    @cached_property
    def recipe(self) -> Recipe:
        """What to do with the records."""
        at_least(self.skip_lines, 0, "--skip-lines")
        return Recipe(
            source=format_from(self.source, self.delimiter, self.quote, "--delimiter"),
            target=format_from(
                self.target,
                self.output_delimiter,
                self.quote,
                "--output-delimiter",
                crlf=self.crlf,
                escapes_formulas=self.escape_formulas,
            ),
            has_header=self.has_header,
            skip_lines=0 if _reads_rows(self.reads) else self.skip_lines,
            add_bom=self.add_bom,
            infers_types=self.types == "infer",
            pinned_types={
                name: column_type(name, type) for name, type in self.pinned_types.items()
            },
            nulls=frozenset(utf8_text(token, "--null").encode() for token in self.nulls),
            strict_types=self.strict_types,
            pads_short_records=self.ragged == "pad" or self.lenient,
            is_lenient=self.lenient,
            columns=None if self.columns is None else distinct_names(self.columns, "--columns"),
            known_columns=self._known_columns,
            extra_keys=self.extra_keys or "error",
            nested=self.nested or "json",
            operations=self._placed_chain(),
            calls=self._calls,
            max_record_bytes=self.sizing.max_record_bytes,
            lenience=self._lenience,
            priority=self._priority,
            partition_by=self._partition_by,
            headers=self.headers or "same",
            source_column=self.add_source,
        )

    @cached_property
    def chain(self) -> tuple[Operation, ...]:
        """The operations, callables among them as Apply."""
        return tuple(map(checked_operation, self.operations))

    @cached_property
    def placement(self) -> Placement:
        """Where the work is done."""
        return placement_of([each for each in self.chain if isinstance(each, Apply)])

    @property
    def advisor(self) -> Advisor:
        """What can be tried against a bottleneck."""
        from streamx.monitor.advice import Advisor  # where somebody wants to hear of it

        return Advisor(
            "dask" if self.is_on_cluster else self.placement.kind,
            self.sizing.workers,
            is_counted=self._is_counted,
            is_compressed_input=self.input_compression is not None,
            is_compressed_output=self.compressing is not None,
            is_paged=is_paged(self.http),
            is_rated=self.rate is not None,
            is_adaptive=self.concurrency == "auto",
        )

    @property
    def _is_counted(self) -> bool:
        return any(isinstance(operation, Limit) for operation in self.operations)

    @cached_property
    def sizing(self) -> Sizing:
        """Workers, chunk size and buffer depth, and the memory that follows from them."""
        for value, option in (
            (self.workers, "--workers"),
            (self.batch_records, "--batch-size"),
            (None if self.concurrency == "auto" else self.concurrency, "--concurrency"),
            (self.buffer_chunks, "--buffer"),
            (self.buffer_bytes, "--buffer-bytes"),
            (self.chunk_size_bytes, "--chunk-size"),
            (self.max_record_bytes, "--max-record-bytes"),
            (self.row_group_bytes, "--row-group-size"),
        ):
            at_least(value, 1, option)
        at_most(self.workers, MOST_WORKERS, "--workers")
        at_most(self.batch_records, MOST_RECORDS, "--batch-size")
        in_processes = self.placement.kind == "processes"
        worker_bytes = WORKER_PROCESS_BYTES if in_processes else WORKER_THREAD_BYTES
        return choose_sizing(
            workers=1 if self._is_counted or self.placement.is_single else self.workers,
            chunk_size_bytes=self.chunk_size_bytes,
            default_chunk_size_bytes=self._default_chunk_bytes,
            buffer_chunks=self.buffer_chunks or self.placement.buffer_chunks,
            max_memory_bytes=self.max_memory_bytes,
            max_record_bytes=self.max_record_bytes,
            worker_bytes=worker_bytes + (DIVIDING_WORKER_BYTES if self.is_divided else 0),
            most_waiting_bytes=self.buffer_bytes,
            has_reserve=self.overflows,
            ends_bytes=self.ends_bytes,
        )

    @property
    def overflows(self) -> bool:
        """Tell whether the reader never waits for room."""
        return self.on_full not in (None, "block")

    @property
    def _default_chunk_bytes(self) -> int:
        most_bytes = self.placement.chunk_size_bytes
        return min(most_bytes, _BATCHED_CHUNK_BYTES) if self.batch_records else most_bytes

    @property
    def pace(self) -> ChunkPace:
        """How large chunks are made: growing where what a record takes has yet to be seen.

        A batch ends with its chunk, so where there are batches all chunks are alike.
        """
        is_fixed = self.chunk_size_bytes is not None or self.batch_records is not None
        first_bytes = None if is_fixed else self.placement.first_chunk_bytes
        return ChunkPace(self.sizing.chunk_size_bytes, first_bytes)

    def _refuse_overwriting_functions(self) -> None:
        """Refuse a rejects file or an output in the place of a function's source."""
        for step in self.chain:
            if not isinstance(step, Apply) or not isinstance(step.function, str):
                continue
            place = step.function.rpartition(":")[0]
            for option, path in (
                ("OUTPUT", self.output),
                ("--rejects", self.rejects),
                ("--checkpoint", self.checkpoint),
                ("--lock-file", self.lock_file),
                *self.accounts,
            ):
                with suppress(OSError):  # one of them is not there
                    if path is not None and os.path.samefile(path, place):
                        raise UsageError(
                            f"{option} {os.fspath(path)} is the file of --fn {step.function}; "
                            "name another"
                        )

    def _placed_chain(self) -> tuple[Operation, ...]:
        """Return the chain with its functions in the form in which the engine takes them."""
        if self.placement.kind != "processes":
            return self.chain
        return tuple(
            (each.elsewhere() or each) if isinstance(each, Apply) else each for each in self.chain
        )

    @property
    def _known_columns(self) -> tuple[Column, ...] | None:
        if self.known_columns is None:
            return None
        infers = self.types == "infer"
        return tuple(
            Column(name, column_type(name, type) if infers else ColumnType.STRING)
            for name, type in self.known_columns.items()
        )

    @property
    def _partition_by(self) -> tuple[str, ...]:
        return distinct_names(self.partition_by, "--partition-by") if self.partition_by else ()

    @property
    def _lenience(self) -> Lenience | None:
        if not self.writes_rejects and self.on_error != "skip":
            return None
        return Lenience(self.writes_rejects, notes_places=self.judge() is not None)

    @property
    def _priority(self) -> Expression | None:
        if self.priority is None:
            return None
        from streamx.transform.expressions import parse

        return parse(self.priority, "--priority")

    @property
    def _calls(self) -> Calls:
        for seconds, option in (
            (self.batch_wait_seconds, "--batch-wait"),
            (self.timeout_seconds, "--timeout"),
            (self.checkpoint_interval_seconds, "--checkpoint-interval"),
        ):
            if seconds is not None and not 0 < seconds < math.inf:
                raise UsageError(f"{option} {seconds} cannot work; it must be more than 0 seconds")
        if self.rate is not None and not 0 < self.rate < math.inf:
            raise UsageError(f"--rate-limit {self.rate} cannot work; it must be more than 0")
        at_least(self.retries, 0, "--retries")
        named = {
            "retries": Retries(self.retries or 0, tuple(self.retry_on)),
            "rate": self.rate,
            "batch_records": self.batch_records,
            "batch_wait_seconds": self.batch_wait_seconds,
            "concurrency": self.concurrency or self._concurrency_of_batches,
            "timeout_seconds": self.timeout_seconds,
        }
        return Calls(**{name: value for name, value in named.items() if value is not None})  # type: ignore[arg-type]  # each has its own type

    @property
    def _concurrency_of_batches(self) -> int | None:
        """As many records as make two batches, so that one gathers while the other is at work."""
        return self.batch_records and max(DEFAULT_CONCURRENCY, 2 * self.batch_records)


def _reads_rows(format: FileFormat | None) -> bool:
    """Tell whether lines are rows, which are passed over before they become records."""
    return format is not None and "skip_lines" in format.options


def job_of(
    input: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    options: JobOptions,
) -> Job:
    """Make a job from the arguments of `transform()`.

    Raises:
        UsageError: an option cannot work, or there is none of that name.
    """
    known = {field.name for field in fields(Job)} - {"input", "inputs", "output"}
    unknown = sorted(set(options) - known)
    if unknown:
        from streamx.nearest import did_you_mean  # for this alone

        hint = did_you_mean(unknown[0], known)
        listed = ", ".join(sorted(known))
        raise UsageError(f"no option {unknown[0]!r}; the options are: {listed}{hint}")
    rejects = options.get("rejects")
    if rejects is not None:
        options = {**options, "rejects": local_path(os.fspath(rejects))}
    inputs = [input] if isinstance(input, str | os.PathLike) else list(input)
    if not inputs:
        raise UsageError("there is no input; name one")
    named = [local_path(os.fspath(each)) for each in inputs]
    if options.get("in_place") and output == "-":
        output = named[0]
    several = tuple(named) if len(named) > 1 else ()
    return Job(input=named[0], inputs=several, output=local_path(os.fspath(output)), **options)
