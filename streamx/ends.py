"""The ends of a run: what it reads and what it writes, opened as its options say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

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
    from streamx.write.directory import DirectoryLayout


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
    if job.is_divided:
        from streamx.write.directory import directory_target  # for this alone

        output = directory_target(job.output_path, is_durable=job.fsync)
        return Targets(output, _rejects_of(job, output))
    output = Target.of(
        job.output,
        job.input,
        is_direct=job.is_direct,
        is_durable=job.fsync,
        replaces_input=job.in_place,
    )
    if job.backup is not None:
        output = replace(output, backup=f"{output.path}{job.backup}")
    return Targets(output, _rejects_of(job, output))


def _rejects_of(job: Job, output: Target) -> Target | None:
    return rejects_target(job.rejects, job.input, output) if job.writes_rejects else None


async def open_inlet(job: Job, warn: Callable[[str], None]) -> Inlet:
    """Open what a job reads.

    Raises:
        InputError: it cannot be opened.
        UsageError: it cannot be read as the options say.
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
        from streamx.read.json_array import JsonArraySource  # for this alone

        path, most_bytes = job.records_at or "", job.sizing.max_record_bytes
        source = JsonArraySource(source, path, most_bytes)
    reader = ChunkReader(
        source,
        job.pace,
        job.sizing.max_record_bytes,
        linger_seconds=0 if job.line_buffered else LINGER_SECONDS,
    )
    return Inlet(source, reader)


async def open_found(job: Job, warn: Callable[[str], None]) -> tuple[Job, Inlet]:
    """Open what a job reads, and return the job with what is to be sniffed there as well.

    Raises:
        StreamxError: the same as `open_inlet` raises.
    """
    inlet = await open_inlet(job, warn)
    if not job.sniff:
        return job, inlet
    from streamx.sniffing import sniffed  # few runs want it

    try:
        found = await sniffed(job, inlet)
    except BaseException:
        await inlet.reader.close()
        raise
    warn(found.note)
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
    if job.is_divided:
        from streamx.write.directory import open_directory  # for this alone

        directory = open_directory(targets.output, _directory_layout(job))
        outputs = await Outputs.beside(directory, targets.rejects, job.compressing_rejects)
        return replace(outputs, files=directory.files)
    sink = await open_sink(targets.output)
    sink = compressed(sink, job.compressing, is_live=source.is_live)
    if job.is_json_output:
        from streamx.write.json_array import JsonArraySink  # for this alone

        sink = JsonArraySink(sink)
    return await Outputs.beside(sink, targets.rejects, job.compressing_rejects)


def _directory_layout(job: Job) -> DirectoryLayout:
    """Return what the files of a divided output are."""
    from streamx.write.directory import DirectoryLayout  # for this alone

    compressing = job.compressing
    return DirectoryLayout(
        job.recipe.partition_by,
        job.split_records,
        job.recipe.target,
        f".{job.target}{compressing.compression.suffixes[0] if compressing else ''}",
        job.division_buffer_bytes,
        compressing,
    )
