"""The job of a retry: what a rejects file says of its records, and the options that change it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from streamx.codec.layout import MAX_RECORD_BYTES
from streamx.compression import compression_of
from streamx.ends import Inlet
from streamx.errors import UsageError
from streamx.job import Job, job_of
from streamx.job_options import JobOptions
from streamx.read.decode import is_utf8, wrap
from streamx.read.reject_lines import Shape
from streamx.read.rejects_reader import Overrides, RejectsReader
from streamx.read.sources import open_source
from streamx.storage import local_path
from streamx.values import at_least

# What the rejects file decides, and what needs an input that is as it was.
_REFUSED = (
    "source_format",
    "known_columns",
    "skip_lines",
    "sniff",
    "http",
    "checkpoint",
    "resume",
    "allow_growth",
    "checkpoint_interval_seconds",
    "partition_by",
    "split_records",
    "on_full",
    "line_buffered",
    "engine",
    "scheduler",
    "client",
    "split_size_bytes",
    "split_retries",
    "concat",
)


@asynccontextmanager
async def opened_retry(
    input: str | os.PathLike[str], output: str | os.PathLike[str], options: JobOptions
) -> AsyncIterator[tuple[Job, Inlet]]:
    """Open a rejects file, and close it at the end.

    Returns:
        The job that runs its records again, and what it reads.

    Raises:
        UsageError: an option cannot work, or the output is that of the first run.
        InputError: the file cannot be opened, or its first line is no reject.
    """
    path = local_path(os.fspath(input))
    for name in _REFUSED:
        if name in options:
            raise UsageError(f"a retry takes no option {name!r}")
    _refuse_first_output(path, local_path(os.fspath(output)))
    encoding = options.get("encoding") or "utf-8"
    is_utf8(encoding)
    at_least(options.get("max_record_bytes"), 1, "--max-record-bytes")
    source = wrap(await open_source(path), compression=compression_of(path), encoding="utf-8")
    reader = RejectsReader(source, options.get("max_record_bytes") or MAX_RECORD_BYTES, encoding)
    try:
        shape = await reader.first_shape()
        job = job_of(path, output, _known_from(shape, options))
        reader.pace = job.pace
        reader.overrides = Overrides(
            delimiter=options.get("delimiter") is not None,
            quote=options.get("quote") is not None,
            columns=job.source == "jsonl" and job.columns is not None,
            types=set(job.pinned_types) if job.types == "infer" else None,
        )
        yield job, Inlet(source, reader)
    finally:
        await reader.close()


def _known_from(shape: Shape | None, options: JobOptions) -> JobOptions:
    """Return the options with what the first reject says, where they do not say otherwise."""
    known = options.copy()
    if shape is None:
        known["source_format"], known["known_columns"] = "csv", {}
    elif shape.delimiter is None:
        known["source_format"] = "jsonl"
        if shape.columns and options.get("columns") is None:
            known["known_columns"] = shape.columns
    else:
        known["source_format"], known["known_columns"] = "csv", shape.columns
        known["delimiter"] = options.get("delimiter") or shape.delimiter
        known["quote"] = options.get("quote") or shape.quote
    return known


def _refuse_first_output(rejects: str, output: str) -> None:
    """Refuse to put the few records of a retry in the place of all others."""
    if output != "-" and os.path.abspath(rejects) == os.path.abspath(f"{output}.rejects.jsonl"):
        raise UsageError(
            f"{output} is the output that {rejects} belongs to, and would be replaced; "
            "name another file, whose content can be appended to it"
        )
