"""JobOptions: all that can be said about a run, what each word means, and the values it takes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict, get_args

from streamx.compression import OutputCompression
from streamx.errors import UsageError
from streamx.flow.buffer import OnFull
from streamx.read.http_options import Http
from streamx.transform.operations import Drop, Operation, Select
from streamx.values import checked_format

EngineName = Literal["local", "dask"]
ProgressMode = Literal["auto", "bar", "plain", "json", "off"]
OnError = Literal["fail", "skip", "reject"]

_CHOICES: dict[str, tuple[str | None, ...]] = {
    "types": ("infer", "string"),
    "extra_keys": (None, "error", "drop"),
    "nested": (None, "json", "flatten"),
    "compress": (None, *get_args(OutputCompression)),
    "ragged": (None, "error", "pad"),
    "headers": (None, "same", "union"),
    "on_error": (None, *get_args(OnError)),
    "engine": get_args(EngineName),
    "on_full": (None, *get_args(OnFull)),
    "progress": get_args(ProgressMode),
}


class JobOptions(TypedDict, total=False):
    """The options of `transform()`; see Options for what each means."""

    source_format: str | None
    target_format: str | None
    delimiter: str | None
    output_delimiter: str | None
    quote: str | None
    crlf: bool
    add_bom: bool
    escape_formulas: bool
    has_header: bool
    skip_lines: int
    encoding: str | None
    sniff: bool
    types: Literal["infer", "string"]
    pinned_types: Mapping[str, str]
    nulls: Sequence[str]
    strict_types: bool
    columns: Sequence[str] | None
    known_columns: Mapping[str, str] | None
    extra_keys: Literal["error", "drop"] | None
    nested: Literal["json", "flatten"] | None
    compress: OutputCompression | None
    compression_level: int | None
    row_group_bytes: int | None
    ragged: Literal["error", "pad"] | None
    lenient: bool
    headers: Literal["same", "union"] | None
    add_source: str | None
    operations: Sequence[Operation | Callable[..., Any]]
    batch_records: int | None
    batch_wait_seconds: float | None
    concurrency: int | Literal["auto"] | None
    timeout_seconds: float | None
    retries: int | None
    retry_on: Sequence[str]
    rate: float | None
    on_error: OnError | None
    rejects: str | os.PathLike[str] | None
    max_errors: int | str | None
    checkpoint: str | os.PathLike[str] | None
    resume: bool
    allow_growth: bool
    checkpoint_interval_seconds: float | None
    lock: bool
    lock_file: str | os.PathLike[str] | None
    workers: int | None
    chunk_size_bytes: int | None
    buffer_chunks: int | None
    buffer_bytes: int | None
    on_full: OnFull | None
    max_memory_bytes: int | None
    max_record_bytes: int | None
    is_ordered: bool
    priority: str | None
    line_buffered: bool
    is_direct: bool
    in_place: bool
    backup: str | None
    partition_by: Sequence[str]
    split_records: int | None
    fsync: bool
    summary: str | os.PathLike[str] | None
    metrics: str | os.PathLike[str] | None
    report: str | os.PathLike[str] | None
    progress: ProgressMode
    http: Http | None
    records_at: str | None
    sheet: str | None
    engine: EngineName
    scheduler: str | os.PathLike[str] | None
    client: Any
    split_size_bytes: int | None
    split_retries: int | None
    concat: bool


@dataclass(frozen=True, kw_only=True)
class Options:
    """All that can be said about a run, with what holds where nothing is said.

    Attributes:
        input, output: paths; `-` is standard input or output. The input may be a URL, a directory
            or a pattern; both may be of remote storage, such as s3://bucket/key.
        inputs: all inputs, of which `input` is the first, if there are several: files, directories
            and patterns, read one after the other as one input.
        source_format, target_format: by the path's extension unless given here.
        delimiter, output_delimiter: one ASCII character; `,` or, for tsv, a tab.
        quote: one ASCII character, on both sides; `"` by default.
        crlf: end CSV records with CR LF.
        add_bom: start a CSV output with a UTF-8 byte order mark.
        escape_formulas: put `'` before the cells of a CSV output that a spreadsheet would compute.
        has_header: a CSV's first record names its columns, on both sides.
        skip_lines: lines to pass over before the header or the first record.
        encoding: of the input; by default UTF-8, or what its byte order mark says. The output is
            UTF-8.
        sniff: find out delimiter, quote, header, lines to pass over and encoding of a CSV from its
            first bytes, as far as they are not given here, and say so in a warning.
        types: "infer" the types of CSV columns for JSON, or make all of them "string".
        pinned_types: types by column name, "string", "integer", "number" or "boolean".
        nulls: cell texts that stand for null, in every column.
        strict_types: a cell that does not fit its column's type makes a bad record.
        columns: the columns of a JSONL input, instead of the keys in its first records.
        known_columns: the columns of an input and, for CSV, their types, as an earlier run found
            them; a CSV has no header then. For records that are retried.
        extra_keys: what a key beyond the columns means in JSONL to CSV: "error" or "drop".
        nested: nested JSON becomes compact "json" in a cell, or columns with "flatten".
        compress: the output with this, whatever its name says; by default as its extension says.
            Parquet and Arrow compress their columns so, the file as such remaining one.
        compression_level: from quick to small: 1 to 9 for gzip and bzip2, 0 to 9 for xz, 1 to 19
            for zstd.
        row_group_bytes: of a Parquet output, how many bytes of records, as JSONL, make a row group;
            64 MiB by default.
        ragged: what a CSV record with fewer cells than the header is: an "error", a bad record, or
            one to "pad" with empty cells. One with more cells is a bad record anyway.
        lenient: guess what a CSV record is to be that breaks the grammar, has more or fewer cells
            than the header or bytes that are not UTF-8, and count that by kind.
        headers: what the headers of several CSV files must be: of the "same" names, in any order
            (the default), or any, of which the columns are the "union".
        add_source: name of a column to be added, behind those of the input, with the path of the
            file that a record is of, as it was given.
        operations: Select, Drop, Rename, Where, Set, Limit and functions (callables, or Apply with
            the place of one), applied in this order.
        batch_records: call functions with lists of so many records, not with single ones.
        batch_wait_seconds: how long a record may wait for its batch in an asynchronous chain.
        concurrency: records of an asynchronous chain that are on their way at a time; "auto" finds
            out how many the far side bears.
        timeout_seconds: how long a call of a function may take.
        retries: how often a call that raised an exception is made again.
        retry_on: only for exceptions of these classes, by name.
        rate: calls of functions in a second, at most, by all workers together.
        on_error: what a bad record does: end the run ("fail", the default), or be left out and
            counted ("skip"), and go to the rejects file ("reject", the default with `rejects`).
        rejects: the rejects file; by default the output's path with .rejects.jsonl behind it.
        max_errors: end the run when more records are bad than this number, or share ("5%").
        checkpoint: write down in this file how far the run has come; with `resume` or
            `allow_growth` it is by default the output's path with .checkpoint behind it.
        resume: go on where an earlier run ended, if its checkpoint is there.
        allow_growth: the input may have become longer since, and the checkpoint is kept at the end.
        checkpoint_interval_seconds: how often, 5 seconds by default, and after each GiB of output.
        lock: run only if no other run holds the lock, a file with the output's path and .lock.
        lock_file: the lock's file, if it is another one; this too means to lock.
        workers: chunks worked on at a time; by default the CPUs this process may use.
        chunk_size_bytes, buffer_chunks: how much a chunk holds, how many wait for a worker.
        buffer_bytes: what those that wait hold together; a chunk that holds more waits alone.
        on_full: what a live standard input does that comes faster than it is taken: wait ("block",
            as every input does), lose whole chunks that no worker has taken ("drop-oldest",
            "drop-newest"), or end the run ("error").
        max_memory_bytes: choose both so that the run stays within this.
        max_record_bytes: a longer record is a bad one.
        is_ordered: output in the order of the input.
        priority: an expression; of the records that wait for an asynchronous chain, the one for
            which it is lowest starts next. The output has no order then.
        line_buffered: pass every record of a live input on at once.
        is_direct: write the output file in place instead of replacing it when it is whole.
        in_place: the output takes the place of the input, unless that was written to meanwhile.
        backup: with that, keep the input as it was under its name with this behind it.
        partition_by: columns of the output; for each of their values, the output, a directory then,
            gets a file `COLUMN=VALUE`, with all columns but the last as directories.
        split_records: so many records go into a file `part-00000` of the output, a directory, the
            next ones into `part-00001` and so on; with `partition_by`, in a directory of each
            value.
        fsync: bring output and rejects file to the disk before the run counts as a success.
        summary: write the account of the run to this file, as JSON; README has its fields.
        metrics: write the state of the run to this file every five seconds and at the end, in
            Prometheus' text format.
        report: write a page with charts of the run to this file, as HTML.
        progress: how to show progress on standard error.
        http: how to read an input that is a URL.
        records_at: where in a JSON text the array of records is: keys joined by dots; by default
            the text is one.
        sheet: of an Excel file, by its name or its number from 1; by default the first.
        engine: what runs it: this machine, or the workers of a "dask" cluster, which read the
            input and write the output, a directory of parts.
        scheduler: address of Dask's scheduler, or path of its file; without one, as many processes
            as `workers` says are started on this machine.
        client: a distributed.Client instead, which is not closed.
        split_size_bytes: about how much of the input is read by one worker at a time, 64 MiB by
            default.
        split_retries: how often a split is run again whose worker died, or could not read or write;
            3 by default.
        concat: join the parts to one file, the output, with the bytes of a run on this machine.

    Raises:
        UsageError: an option has a value that is none of its own.
    """

    input: str = "-"
    inputs: Sequence[str] = ()
    output: str = "-"
    source_format: str | None = None
    target_format: str | None = None
    delimiter: str | None = None
    output_delimiter: str | None = None
    quote: str | None = None
    crlf: bool = False
    add_bom: bool = False
    escape_formulas: bool = False
    has_header: bool = True
    skip_lines: int = 0
    encoding: str | None = None
    sniff: bool = False
    types: Literal["infer", "string"] = "infer"
    pinned_types: Mapping[str, str] = field(default_factory=dict)
    nulls: Sequence[str] = ()
    strict_types: bool = False
    columns: Sequence[str] | None = None
    known_columns: Mapping[str, str] | None = None
    extra_keys: Literal["error", "drop"] | None = None
    nested: Literal["json", "flatten"] | None = None
    compress: OutputCompression | None = None
    compression_level: int | None = None
    row_group_bytes: int | None = None
    ragged: Literal["error", "pad"] | None = None
    lenient: bool = False
    headers: Literal["same", "union"] | None = None
    add_source: str | None = None
    operations: Sequence[Operation | Callable[..., Any]] = ()
    batch_records: int | None = None
    batch_wait_seconds: float | None = None
    concurrency: int | Literal["auto"] | None = None
    timeout_seconds: float | None = None
    retries: int | None = None
    retry_on: Sequence[str] = ()
    rate: float | None = None
    on_error: OnError | None = None
    rejects: str | os.PathLike[str] | None = None
    max_errors: int | str | None = None
    checkpoint: str | os.PathLike[str] | None = None
    resume: bool = False
    allow_growth: bool = False
    checkpoint_interval_seconds: float | None = None
    lock: bool = False
    lock_file: str | os.PathLike[str] | None = None
    workers: int | None = None
    chunk_size_bytes: int | None = None
    buffer_chunks: int | None = None
    buffer_bytes: int | None = None
    on_full: OnFull | None = None
    max_memory_bytes: int | None = None
    max_record_bytes: int | None = None
    is_ordered: bool = True
    priority: str | None = None
    line_buffered: bool = False
    is_direct: bool = False
    in_place: bool = False
    backup: str | None = None
    partition_by: Sequence[str] = ()
    split_records: int | None = None
    fsync: bool = True
    summary: str | os.PathLike[str] | None = None
    metrics: str | os.PathLike[str] | None = None
    report: str | os.PathLike[str] | None = None
    progress: ProgressMode = "off"
    http: Http | None = None
    records_at: str | None = None
    sheet: str | None = None
    engine: EngineName = "local"
    scheduler: str | os.PathLike[str] | None = None
    client: Any = None
    split_size_bytes: int | None = None
    split_retries: int | None = None
    concat: bool = False

    def __post_init__(self) -> None:
        """Check what nearly only a caller of the library can get wrong."""
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                known = ", ".join(repr(choice) for choice in choices)
                raise UsageError(f"{name} is {value!r}; it must be one of {known}")
        for name in ("source_format", "target_format"):
            try:
                checked_format(getattr(self, name))
            except UsageError as error:
                raise UsageError(f"{name}: {error}") from error
        self._refuse_lone_texts()
        self._refuse_empty_names()

    def _refuse_lone_texts(self) -> None:
        names = [self.nulls, self.columns, self.retry_on, self.partition_by, self.inputs]
        for operation in self.operations:
            if not isinstance(operation, Operation) and not callable(operation):
                raise UsageError(f"{operation!r} is no operation and no function")
            names.append(operation.names if isinstance(operation, Select | Drop) else ())
        for texts in names:
            if isinstance(texts, str | bytes):
                raise UsageError(f"{texts!r} is one text where a list of them is needed")

    def _refuse_empty_names(self) -> None:
        accounts = (
            ("--summary", self.summary),
            ("--metrics", self.metrics),
            ("--report", self.report),
        )
        for option, path in accounts:
            if path is not None and not os.fspath(path):
                raise UsageError(f"{option} names no file: its value is empty")
