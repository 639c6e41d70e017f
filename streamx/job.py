"""Job: one run, as its options say; the command line and the library both make one."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, get_args

from streamx.codec.layout import Column, ColumnType
from streamx.compression import (
    Compressing,
    Compression,
    CompressionName,
    compression_named,
    compression_of,
)
from streamx.errors import UsageError
from streamx.formats import FileFormat
from streamx.idle import refuse_idle_options
from streamx.job_options import JobOptions, Options
from streamx.read.decode import is_utf8
from streamx.read.http_options import Http, is_url, plain_url
from streamx.read.pace import ChunkPace
from streamx.sizing import (
    DIVIDING_WORKER_BYTES,
    DIVISION_BUFFER_BYTES,
    DIVISION_NAMES_BYTES,
    MOST_WORKERS,
    STORAGE_BYTES,
    STORED_INPUT_BYTES,
    STORED_OUTPUT_BYTES,
    WORKER_PROCESS_BYTES,
    WORKER_THREAD_BYTES,
    Sizing,
    available_cpus,
    choose_sizing,
)
from streamx.storage import is_storage_url, local_path, shown_url
from streamx.transform.functions import DEFAULT_CONCURRENCY, Apply, Calls, Placement, placement_of
from streamx.transform.operations import Limit, Operation
from streamx.transform.plan import Lenience, Recipe
from streamx.transform.retries import Retries
from streamx.values import (
    MOST_RECORDS,
    FormatName,
    at_least,
    at_most,
    checked_operation,
    column_type,
    distinct_names,
    file_format,
    format_from,
    format_of,
    record_format,
    utf8_text,
)

if TYPE_CHECKING:
    from streamx.monitor.advice import Advisor
    from streamx.transform.expressions import Expression
    from streamx.transform.max_errors import Judge

# What a file is to the run, in messages, and its path if there is one.
NamedPath = tuple[str, str | os.PathLike[str] | None]

# A batch ends with its chunk, and may take long.
_BATCHED_CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True, kw_only=True)
class Job(Options):
    """The options of one run, and what follows from them.

    Raises:
        UsageError: an option cannot work, alone or with another.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_idle_options(self)
        self._refuse_overwriting_functions()
        is_utf8(self.encoding or "utf-8")
        at_least(self.split_size_bytes, 1, "--split-size")
        at_least(self.split_retries, 0, "--split-retries")
        at_least(self.split_records, 1, "--split-records")
        _ = (
            self.input_name,
            self.recipe,
            self.sizing,
            self.placement,
        )  # what is wrong with them is said at once

    @property
    def input_name(self) -> str:
        """The input as it may be shown: a URL without what may be secret."""
        return _shown(self.input)

    @property
    def output_name(self) -> str:
        """The output as it may be shown, likewise."""
        return _shown(self.output)

    @property
    def input_compression(self) -> Compression | None:
        """How the input is compressed, as far as its name tells."""
        return None if _is_paged(self.http) else compression_of(_shown(self.first_input))

    @cached_property
    def compressing(self) -> Compressing | None:
        """How the output is compressed as a whole, if it is."""
        if self.writes is not None and self.writes.compressions:
            return None
        if self.compress is None:
            by_name = None if self.is_divided else compression_of(self.output_name)
            return self._compressing(by_name, self.compression_level)
        named = next((each for each in get_args(CompressionName) if each == self.compress), None)
        compression = named and compression_named(named)
        return self._compressing(compression, self.compression_level)

    @property
    def compressing_rejects(self) -> Compressing | None:
        """How the rejects are compressed, if they are."""
        if self.rejects is None:
            return None
        return self._compressing(compression_of(os.fspath(self.rejects)), None)

    def _compressing(
        self, compression: Compression | None, level: int | None
    ) -> Compressing | None:
        if compression is None:
            return None
        compressing = Compressing.of(compression, level, available_cpus())
        if self.max_memory_bytes is None:
            return compressing
        return compressing.within(self.max_memory_bytes // 4)

    @property
    def source(self) -> FormatName:
        """The format of the input's records."""
        return record_format(self.input_format)

    @property
    def input_format(self) -> str:
        """The name of the input's format, as named or by extension."""
        return self.source_format or source_format_of(self.first_input, self.http)

    @property
    def reads(self) -> FileFormat | None:
        """What makes JSONL of the input; None for CSV, TSV and JSONL itself."""
        return file_format(self.input_format)

    @property
    def writes(self) -> FileFormat | None:
        """What the output is made by of JSONL; None for CSV, TSV and JSONL itself."""
        return file_format(self.output_format)

    @cached_property
    def first_input(self) -> str:
        """The input, or the first of its files where it may be several."""
        if not self.is_on_cluster:
            return self.input
        from streamx.read.files import input_files  # for this alone

        return input_files(self.input)[0].address

    @property
    def is_on_cluster(self) -> bool:
        """Tell whether workers of a cluster do the work."""
        return self.engine == "dask"

    @property
    def writes_directory(self) -> bool:
        """Tell whether the output is a directory."""
        return self.is_divided or (self.is_on_cluster and not self.concat)

    @property
    def is_divided(self) -> bool:
        """Tell whether the output goes to many files that its records decide."""
        return bool(self.partition_by) or self.split_records is not None

    @property
    def target(self) -> FormatName:
        """The format of the output's records."""
        return record_format(self.output_format)

    @property
    def output_format(self) -> str:
        """The name of the output's format, as named or by extension."""
        if self.target_format is None and self.writes_directory:
            return "jsonl"
        return self.target_format or format_of(self.output_name, "output", "--to")

    @property
    def writes_rejects(self) -> bool:
        """Tell whether bad records go to a rejects file."""
        return (self.on_error or (self.rejects and "reject")) == "reject"

    @property
    def is_checkpointed(self) -> bool:
        """Tell whether the run writes checkpoints."""
        return self.checkpoint is not None or (self.resume and not self.is_on_cluster)

    @property
    def checkpoint_path(self) -> str:
        """The checkpoint's file, where there is one."""
        return os.fspath(self.checkpoint or f"{self.output}.checkpoint")

    @property
    def output_path(self) -> str:
        """The output, without the slash that a directory may end with."""
        return self.output.rstrip("/") or self.output

    @property
    def is_locked(self) -> bool:
        """Tell whether the run keeps others away from its lock file."""
        return self.lock or self.lock_file is not None

    @property
    def written(self) -> list[NamedPath]:
        """The files that hold what the run makes, where it makes them."""
        beside = self.writes_rejects and self.output != "-"
        return [
            ("the output", None if self.writes_directory else self.output),
            (
                "the rejects file",
                self.rejects or (f"{self.output_path}.rejects.jsonl" if beside else None),
            ),
            ("the checkpoint", self.checkpoint_path if self.is_checkpointed else None),
        ]

    @property
    def accounts(self) -> list[NamedPath]:
        """The files that tell of the run, where they are asked for."""
        return [("--summary", self.summary), ("--metrics", self.metrics), ("--report", self.report)]

    def judge(self) -> Judge | None:
        """Return what says when too many records are bad, to be used for one run."""
        if self.max_errors is None:
            return None
        from streamx.transform.max_errors import Judge, MaxErrors  # for this alone

        return Judge(MaxErrors.of(self.max_errors))

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
            is_paged=_is_paged(self.http),
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
            ends_bytes=self._ends_bytes,
        )

    @property
    def _ends_bytes(self) -> int:
        """What inputs and outputs hold that are in a storage, compressed, or many."""
        outputs = [os.fspath(path) for _, path in self.written if path is not None]
        stored = sum(map(is_storage_url, outputs))
        reads = is_storage_url(self.input)
        ends_bytes = reads * STORED_INPUT_BYTES + stored * STORED_OUTPUT_BYTES
        if ends_bytes:
            ends_bytes += STORAGE_BYTES
        if self.input_compression is not None:
            ends_bytes += self.input_compression.reader_bytes
        ends_bytes += sum(each.memory_bytes for each in (self.reads, self.writes) if each)
        written = (self.compressing, self.compressing_rejects)
        ends_bytes += sum(each.held_bytes for each in written if each is not None)
        if self.is_divided:
            # The buffers, and as much again where a part of them is being compressed.
            ends_bytes += self.division_buffer_bytes * (1 if self.compressing is None else 2)
        return ends_bytes + (DIVISION_NAMES_BYTES if self.partition_by else 0)

    @property
    def division_buffer_bytes(self) -> int:
        """What waits in memory for the files of a divided output."""
        if self.max_memory_bytes is None:
            return DIVISION_BUFFER_BYTES
        return min(DIVISION_BUFFER_BYTES, self.max_memory_bytes // 8)

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


def source_format_of(path: str, http: Http | None = None) -> str:
    """Return the name of the format of an input by its extension; pages become JSONL.

    Raises:
        UsageError: the extension is none of ours.
    """
    if _is_paged(http):
        return "jsonl"
    return format_of(_shown(path), "input", "--from")


def _shown(path: str) -> str:
    if is_url(path):
        return plain_url(path)
    return shown_url(path) if is_storage_url(path) else path


def _is_paged(http: Http | None) -> bool:
    return http is not None and http.paginate is not None


def job_of(
    input: str | os.PathLike[str], output: str | os.PathLike[str], options: JobOptions
) -> Job:
    """Make a job from the arguments of `transform()`.

    Raises:
        UsageError: an option cannot work, or there is none of that name.
    """
    known = {field.name for field in fields(Job)} - {"input", "output"}
    unknown = sorted(set(options) - known)
    if unknown:
        from streamx.nearest import did_you_mean  # for this alone

        hint = did_you_mean(unknown[0], known)
        listed = ", ".join(sorted(known))
        raise UsageError(f"no option {unknown[0]!r}; the options are: {listed}{hint}")
    rejects = options.get("rejects")
    if rejects is not None:
        options = {**options, "rejects": local_path(os.fspath(rejects))}
    if options.get("in_place") and output == "-":
        output = input
    paths = {"input": local_path(os.fspath(input)), "output": local_path(os.fspath(output))}
    return Job(**paths, **options)
