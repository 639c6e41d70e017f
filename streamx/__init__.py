"""Transform large CSV, TSV and JSONL files and pipes in constant memory.

source ──▶ chunker ──▶ bounded buffer ──▶ workers ──▶ reorder window ──▶ drain-aware writer ──▶ sink
   ▲                                                                        │
   └──────────── a credit returns only after the write has drained ◀────────┘

>>> import streamx
>>> report = streamx.transform("in.csv", "out.jsonl", nulls=["NA"])   # doctest: +SKIP
>>> report.records_out                                                # doctest: +SKIP
336776
"""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from streamx.errors import (
    BadRecordError,
    CheckpointError,
    ClusterError,
    FunctionError,
    InputError,
    LockedError,
    OutputError,
    ReaderGoneError,
    StreamxError,
    TooManyBadRecordsError,
    UsageError,
)

if TYPE_CHECKING:
    from streamx.codec.record import Record
    from streamx.job_options import JobOptions
    from streamx.monitor.report import Report
    from streamx.read.http_options import Http
    from streamx.transform.functions import Apply
    from streamx.transform.operations import Drop, Limit, Rename, Select, Set, Where
    from streamx.transform.summary import ColumnSummary

__version__ = "0.1.0"

# The first import of a package makes it an attribute of its parent. Doing that now leaves the
# name to the function below; the package's modules are imported by their full names.
import_module("streamx.transform")

__all__ = [
    "Apply",
    "BadRecordError",
    "CheckpointError",
    "ClusterError",
    "Drop",
    "FunctionError",
    "Http",
    "InputError",
    "Limit",
    "LockedError",
    "OutputError",
    "ReaderGoneError",
    "Record",
    "Rename",
    "Report",
    "Select",
    "Set",
    "StreamxError",
    "TooManyBadRecordsError",
    "UsageError",
    "Where",
    "explain_async",
    "explain_retry_async",
    "retry",
    "retry_async",
    "schema",
    "schema_async",
    "summary_async",
    "transform",
    "transform_async",
]

_LAZY = {
    "Apply": "streamx.transform.functions",
    "Http": "streamx.read.http_options",
    "Record": "streamx.codec.record",
    "Report": "streamx.monitor.report",
    "Select": "streamx.transform.operations",
    "Drop": "streamx.transform.operations",
    "Rename": "streamx.transform.operations",
    "Set": "streamx.transform.operations",
    "Where": "streamx.transform.operations",
    "Limit": "streamx.transform.operations",
}

T = TypeVar("T")
StrPath = str | os.PathLike[str]
Inputs = StrPath | Sequence[StrPath]


def transform(
    input: Inputs = "-",
    output: StrPath = "-",
    *,
    on_warning: Callable[[str], None] | None = None,
    **options: Unpack[JobOptions],
) -> Report:
    """Transform files or standard input (`-`) into a file or standard output, and wait for it.

    Args:
        input, output: paths, or `-`. The format comes from the extension (.csv, .tsv, .tab,
            .jsonl, .ndjson, .json, each also with .gz, .bz2, .xz or .zst) or from `source_format`
            and `target_format`. The input may be a list of paths, a directory or a pattern, whose
            files are read as one; or a URL, and `Http` says how it is read. Both may be URLs of
            remote storage, such as s3://bucket/key.
        on_warning: called with each warning as it arises; the report holds them all.
        options: see streamx.job_options.Options.

    Returns:
        Records and bytes in and out, bad records that were left out, seconds, and the peak fill
        of every buffer.

    Raises:
        UsageError: the options cannot work; nothing was read.
        LockedError: another run holds the lock that `lock` or `lock_file` asks for; likewise.
        BadRecordError, FunctionError: a record breaks its format or a function failed, and
            `on_error` is "fail"; the output is as it was before.
        TooManyBadRecordsError: more records were bad than `max_errors`; likewise.
        InputError, OutputError: reading or writing failed; likewise.
        CheckpointError: `resume` cannot go on where the run before ended; likewise.
        ReaderGoneError: what reads the output has gone.
        ClusterError: the cluster cannot be reached, was lost, or cannot run this.

    Example:
        >>> from streamx import Select, transform
        >>> transform("in.csv", "out.csv", operations=[Select(("a", "b"))])  # doctest: +SKIP
    """
    return _wait_for("transform", transform_async(input, output, on_warning=on_warning, **options))


async def transform_async(
    input: Inputs = "-",
    output: StrPath = "-",
    *,
    on_warning: Callable[[str], None] | None = None,
    **options: Unpack[JobOptions],
) -> Report:
    """Do the same as `transform` within a running event loop; cancelling it cleans up."""
    from streamx.job import job_of

    job = job_of(input, output, options)
    if job.is_on_cluster:
        from streamx.cluster.run import run as run_on_cluster

        return await run_on_cluster(job, on_warning or _ignore)
    from streamx.pipeline import run

    return await run(job, on_warning or _ignore)


def retry(
    input: StrPath = "-",
    output: StrPath = "-",
    *,
    on_warning: Callable[[str], None] | None = None,
    **options: Unpack[JobOptions],
) -> Report:
    """Run the records of a rejects file again, and wait for it.

    Their format, columns and types are those of the first run, unless options say otherwise. What
    is bad again can go to a rejects file of its own, which names the first input, counts all
    attempts, and can be retried like the first.

    Args:
        input: path of a rejects file, or `-`; several of the same columns may be joined to one.
        output: path of a new file, or `-`.
        on_warning: called with each warning as it arises; the report holds them all.
        options: as for `transform`, but for how the input was read and resumed.

    Returns:
        The same as `transform`.

    Raises:
        BadRecordError: also if a line is no reject, or cannot be read like the first one.
        StreamxError: the same as `transform` raises.

    Example:
        >>> streamx.transform("in.csv", "out.jsonl", on_error="reject")  # doctest: +SKIP
        >>> streamx.retry("out.jsonl.rejects.jsonl", "more.jsonl", nulls=["n/a"])  # doctest: +SKIP
    """
    return _wait_for("retry", retry_async(input, output, on_warning=on_warning, **options))


async def retry_async(
    input: StrPath = "-",
    output: StrPath = "-",
    *,
    on_warning: Callable[[str], None] | None = None,
    **options: Unpack[JobOptions],
) -> Report:
    """Do the same as `retry` within a running event loop; cancelling it cleans up."""
    from streamx.pipeline import run
    from streamx.retrying import opened_retry

    async with opened_retry(input, output, options) as (job, inlet):
        return await run(job, on_warning or _ignore, inlet)


def schema(
    input: StrPath = "-",
    *,
    on_warning: Callable[[str], None] | None = None,
    **options: Unpack[JobOptions],
) -> dict[str, str]:
    """Return the columns of an input, of several files the first, with their types in JSON.

    The types are those that `transform` would write.
    The columns of JSONL are the keys of its first records; their values have types of their
    own, so the type is "json".

    Args:
        input: a path, a URL, or `-`, of which the first 10,000 records or the first MiB are read.
        on_warning: called with each warning as it arises.
        options: those of `transform` that say how an input is read, and its types.

    Returns:
        For each column in order its name and "string", "integer", "number", "boolean" or "json".

    Raises:
        UsageError: the options cannot work.
        InputError: the input cannot be read, or its head is not what its format allows.

    Example:
        >>> schema("in.csv", pinned_types={"id": "string"})  # doctest: +SKIP
        {'id': 'string', 'amount': 'number'}
    """
    return _wait_for("schema", schema_async(input, on_warning=on_warning, **options))


async def schema_async(
    input: StrPath = "-",
    *,
    on_warning: Callable[[str], None] | None = None,
    **options: Unpack[JobOptions],
) -> dict[str, str]:
    """Do the same as `schema` within a running event loop."""
    from streamx.job import job_of
    from streamx.job_input import source_format_of
    from streamx.pipeline import preview
    from streamx.read.files import first_file
    from streamx.values import record_format

    first = first_file(os.fspath(input))
    named = options.get("source_format")
    source = record_format(named or source_format_of(first, options.get("http")))
    options["target_format"] = "csv" if source == "jsonl" else "jsonl"
    seen = await preview(job_of(first, "-", options), on_warning or _ignore)
    columns = seen.resolution.plan.layout.columns
    return {column.name: "json" if source == "jsonl" else str(column.type) for column in columns}


async def summary_async(
    input: StrPath = "-",
    *,
    on_warning: Callable[[str], None] | None = None,
    **options: Unpack[JobOptions],
) -> tuple[int, list[ColumnSummary]]:
    """Return how many records the sample of an input has, and what it says about each column.

    The sample is the one that types are inferred from: the first 10,000 records or the first MiB.

    Args:
        input: a path, a URL, or `-`.
        on_warning: called with each warning as it arises.
        options: as for `schema`.

    Returns:
        The number of records, and for each column in order its name and type, how many nulls there
        are, and the first values that differ, as text.

    Raises:
        UsageError, InputError: as `schema` does.
    """
    from streamx.job import job_of
    from streamx.job_input import source_format_of
    from streamx.pipeline import preview
    from streamx.read.files import first_file
    from streamx.transform.summary import summarise
    from streamx.values import record_format

    first = first_file(os.fspath(input))
    named = options.get("source_format")
    source = record_format(named or source_format_of(first, options.get("http")))
    options["target_format"] = "csv" if source == "jsonl" else "jsonl"
    seen = await preview(job_of(first, "-", options), on_warning or _ignore)
    return summarise(seen.resolution.plan.layout, seen.sample)


async def explain_async(
    input: Inputs = "-",
    output: StrPath = "-",
    *,
    on_warning: Callable[[str], None] | None = None,
    **options: Unpack[JobOptions],
) -> str:
    """Return what `transform` would do with the same arguments, in lines for people.

    The head of the input is read and functions are imported; nothing is run or written.

    Args:
        input, output, on_warning, options: as for `transform`.

    Raises:
        UsageError: the options cannot work.
        InputError: the head of the input cannot be read.
    """
    from streamx.explain import explanation
    from streamx.job import job_of
    from streamx.pipeline import preview

    notes: list[str] = []
    seen = await preview(job_of(input, output, options), notes.append)
    for text in notes:
        (on_warning or _ignore)(text)
    return explanation(seen.job, seen.resolution, seen.total_bytes, notes)


async def explain_retry_async(
    input: StrPath = "-",
    output: StrPath = "-",
    *,
    on_warning: Callable[[str], None] | None = None,
    **options: Unpack[JobOptions],
) -> str:
    """Return what `retry` would do with the same arguments, as `explain_async` does.

    Args:
        input, output, on_warning, options: as for `retry`.

    Raises:
        UsageError: the options cannot work.
        InputError: the head of the input cannot be read, or is none of rejects.
    """
    from streamx.explain import explanation
    from streamx.pipeline import preview
    from streamx.retrying import opened_retry

    async with opened_retry(input, output, options) as (job, inlet):
        seen = await preview(job, on_warning or _ignore, inlet)
        return explanation(seen.job, seen.resolution, seen.total_bytes)


def _wait_for(name: str, coroutine: Coroutine[Any, Any, T]) -> T:
    import asyncio  # takes longer than all else that the command needs to start

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    coroutine.close()
    raise UsageError(f"{name}() cannot wait inside a running event loop; await {name}_async()")


def _ignore(_: str) -> None:
    """Take a warning that nobody wants to hear at once."""


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'streamx' has no attribute {name!r}")
