"""The ends of a run: what it reads and what it writes, opened as its options say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from streamx.compression import compression_of
from streamx.errors import UsageError
from streamx.job import Job
from streamx.read.decode import wrap
from streamx.read.http_options import Http, is_url
from streamx.read.reader import LINGER_SECONDS, ChunkReader
from streamx.read.sources import Source, open_source
from streamx.write.compress import compressed
from streamx.write.publish import Target
from streamx.write.rejects import Outputs, rejects_target
from streamx.write.sinks import open_sink

if TYPE_CHECKING:
    from streamx.journal import Journal
    from streamx.read.files import InputFile


class Targets(NamedTuple):
    """Where output and rejects shall go; None where none are written."""

    output: Target
    rejects: Target | None


class Inlet(NamedTuple):
    """What a job reads, open, and what cuts it into chunks and closes it."""

    source: Source
    reader: ChunkReader


def targets_of(job: Job) -> Targets:
    """Look at where a job writes, without touching it.

    Raises:
        UsageError: it is the input, or both are the same.
        OutputError: it cannot be written.
    """
    output = Target.of(
        job.output,
        job.input_paths,
        is_direct=job.is_direct,
        is_durable=job.fsync,
        replaces_input=job.in_place,
    )
    if job.backup is not None:
        output = replace(output, backup=f"{output.path}{job.backup}")
    if not job.writes_rejects:
        return Targets(output, None)
    return Targets(output, rejects_target(job.rejects, job.input_paths, output))


async def open_inlet(job: Job, warn: Callable[[str], None]) -> Inlet:
    """Open what a job reads.

    Raises:
        InputError: it cannot be opened.
        UsageError: it cannot be read as the options say.
    """
    if job.is_many and not job.is_on_cluster:
        return _open_files(job)
    return await open_first(job, warn)


def _open_files(job: Job) -> Inlet:
    """Return what reads the files of a job, one after the other."""
    from streamx.read.files_reader import FilesReader  # few runs read several
    from streamx.read.files_source import FilesSource

    assert job.files is not None, "there are some"
    source = FilesSource(job.files, job.input_name, partial(_decoded, job))
    return Inlet(source, FilesReader(source, job.pace, job.sizing.max_record_bytes))


def _decoded(job: Job, file: InputFile, source: Source) -> Source:
    """Return the text of one of a job's files; each has a compression, and a format, of its own."""
    source = wrap(source, compression=compression_of(file.name), encoding=job.encoding)
    return _records_of(source, job) if job.is_json(file.name) else source


async def open_first(job: Job, warn: Callable[[str], None]) -> Inlet:
    """Open what a job reads, or the first of its files.

    Raises:
        InputError, UsageError: see `open_inlet`.
    """
    if is_url(job.input):
        from streamx.read.remote import open_remote  # with all that the web takes

        source = await open_remote(
            job.input,
            job.http or Http(),
            is_compressed=job.input_compression is not None,
            most_page_bytes=job.sizing.max_record_bytes,
            warn=warn,
        )
    else:
        source = await open_source(job.first_input)
    if job.on_full is not None and not source.is_live:
        await source.close()
        raise UsageError("--on-full needs a live standard input; this one is a file and can wait")
    # What is to be sniffed is not decoded yet.
    encoding = "utf-8" if job.sniff and job.encoding is None else job.encoding
    source = wrap(source, compression=job.input_compression, encoding=encoding)
    if job.is_json_input:
        source = _records_of(source, job)
    reader = ChunkReader(
        source,
        job.pace,
        job.sizing.max_record_bytes,
        linger_seconds=0 if job.line_buffered else LINGER_SECONDS,
    )
    return Inlet(source, reader)


def _records_of(source: Source, job: Job) -> Source:
    """Return the records of a JSON text as lines."""
    from streamx.read.json_array import JsonArraySource  # for this alone

    return JsonArraySource(source, job.records_at or "", job.sizing.max_record_bytes)


async def open_found(job: Job, warn: Callable[[str], None]) -> tuple[Job, Inlet]:
    """Open what a job reads, and return the job with what is to be sniffed there as well.

    Raises:
        StreamxError: the same as `open_inlet` raises.
    """
    if not job.sniff:
        return job, await open_inlet(job, warn)
    from streamx.sniffing import sniffed  # few runs want it

    inlet = await open_first(job, warn)
    try:
        found = await sniffed(job, inlet)
    except BaseException:
        await inlet.reader.close()
        raise
    warn(found.note)
    if job.is_many:
        await found.inlet.reader.close()
        return found.job, await open_inlet(found.job, warn)
    return found.job, found.inlet


async def open_journal(job: Job, targets: Targets) -> Journal | None:
    """Return the journal of a run that can be resumed, else None.

    Raises:
        CheckpointError: the run cannot go on where the one before had come to.
    """
    if not job.is_checkpointed:
        return None
    from streamx.journal import Journal  # with what it takes to compare two runs

    return await Journal.open(job, *targets)


async def open_outputs(
    job: Job, source: Source, targets: Targets, journal: Journal | None
) -> Outputs:
    """Open what a job writes.

    Raises:
        OutputError: it cannot be opened.
    """
    if journal is not None:
        return await journal.open_outputs(*targets)
    sink = await open_sink(targets.output)
    sink = compressed(sink, job.compressing, is_live=source.is_live)
    if job.is_json_output:
        from streamx.write.json_array import JsonArraySink  # for this alone

        sink = JsonArraySink(sink)
    return await Outputs.beside(sink, targets.rejects, job.compressing_rejects)
