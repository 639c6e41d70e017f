"""The ends of a run: what it reads and what it writes, opened as its options say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from streamx.compression import compression_of
from streamx.errors import UsageError
from streamx.formats import FileFormat, Reading, Writing
from streamx.job import Job
from streamx.read.decode import wrap
from streamx.read.http_options import Http, is_url
from streamx.read.reader import LINGER_SECONDS, ChunkReader
from streamx.read.sources import Source, TypedSource, open_source
from streamx.transform.expected import Expectation, carried
from streamx.transform.operations import columns_read
from streamx.transform.plan import AnyPlan
from streamx.write.compress import compressed
from streamx.write.publish import Target
from streamx.write.rejects import Outputs, rejects_target
from streamx.write.sinks import Sink, open_sink

if TYPE_CHECKING:
    from streamx.journal import Journal
    from streamx.read.files import InputFile
    from streamx.write.directory import DirectoryLayout


Opened = Callable[[], Awaitable[Source]]


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
        job.input_paths,
        is_direct=job.is_direct,
        is_durable=job.fsync,
        replaces_input=job.in_place,
    )
    if job.backup is not None:
        output = replace(output, backup=f"{output.path}{job.backup}")
    return Targets(output, _rejects_of(job, output))


def _rejects_of(job: Job, output: Target) -> Target | None:
    return rejects_target(job.rejects, job.input_paths, output) if job.writes_rejects else None


async def open_inlet(job: Job, warn: Callable[[str], None]) -> Inlet:
    """Open what a job reads.

    Raises:
        InputError: it cannot be opened.
        UsageError: it cannot be read as the options say.
    """
    if job.is_many and not job.is_on_cluster:
        return await _open_files(job, warn)
    return await open_first(job, warn)


async def _open_files(job: Job, warn: Callable[[str], None]) -> Inlet:
    """Return what reads the files of a job, one after the other."""
    from streamx.read.files_reader import FilesReader  # few runs read several
    from streamx.read.files_source import FilesSource

    assert job.files is not None, "there are some"
    source = FilesSource(job.files, job.input_name, partial(_open_one, job, _once(warn)))
    if None not in job.formats_read:
        await source.learn_types()
    return Inlet(source, FilesReader(source, job.pace, job.sizing.max_record_bytes))


def _once(warn: Callable[[str], None]) -> Callable[[str], None]:
    """Return what warns of nothing a second time, as files are opened twice."""
    said: set[str] = set()

    def warn_once(text: str) -> None:
        if text not in said:
            said.add(text)
            warn(text)

    return warn_once


async def _open_one(
    job: Job, warn: Callable[[str], None], file: InputFile, opened: Opened
) -> Source:
    """Open the records of one of a job's files, which has a compression and a format of its own."""
    format = job.format_of_file(file.name)
    encoding = job.encoding if format is None or format.is_text else "utf-8"

    async def text() -> Source:
        return wrap(await opened(), compression=compression_of(file.name), encoding=encoding)

    return await _records_of(job, format, file.address, text, warn)


async def open_first(job: Job, warn: Callable[[str], None]) -> Inlet:
    """Open what a job reads, or the first of its files.

    Raises:
        InputError, UsageError: see `open_inlet`.
    """
    source = await _records_of(
        job, job.reads, job.first_input, partial(_open_text, job, warn), warn
    )
    reader = ChunkReader(
        source,
        job.pace,
        job.sizing.max_record_bytes,
        linger_seconds=0 if job.line_buffered else LINGER_SECONDS,
    )
    return Inlet(source, reader)


async def _records_of(
    job: Job,
    format: FileFormat | None,
    path: str,
    opened: Opened,
    warn: Callable[[str], None],
) -> Source:
    """Return the records of a file, as lines where it is of a format that has none."""
    if format is None or format.source is None:
        return await opened()
    reading = Reading(
        path=path,
        opened=opened,
        max_record_bytes=job.sizing.max_record_bytes,
        warn=warn,
        records_at=job.records_at or "",
        columns=columns_read(job.chain),
        sheet=job.sheet,
        has_header=job.has_header,
        skip_lines=job.skip_lines,
        max_memory_bytes=job.max_memory_bytes,
    )
    return await format.source(reading)


async def _open_text(job: Job, warn: Callable[[str], None]) -> Source:
    """Open the bytes of an input, decompressed and in UTF-8."""
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
    # What is to be sniffed is not decoded yet, and what is no text never.
    is_text = job.reads is None or job.reads.is_text
    encoding = "utf-8" if not is_text or (job.sniff and job.encoding is None) else job.encoding
    return wrap(source, compression=job.input_compression, encoding=encoding)


async def open_found(job: Job, warn: Callable[[str], None]) -> tuple[Job, Inlet]:
    """Open what a job reads, and return the job with what is found out there as well.

    Raises:
        StreamxError: the same as `open_inlet` raises.
    """
    if not job.is_many:
        return await _open_found_first(job, warn)
    if job.sniff:
        job, first = await _open_found_first(job, warn)
        await first.reader.close()
    return job, await open_inlet(job, warn)


async def _open_found_first(job: Job, warn: Callable[[str], None]) -> tuple[Job, Inlet]:
    inlet = await open_first(job, warn)
    if isinstance(inlet.source, TypedSource) and job.nested != "flatten":
        known = dict.fromkeys(inlet.source.types, "string")  # JSON says what its values are
        return replace(job, known_columns=known), inlet
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
    job: Job,
    source: Source,
    targets: Targets,
    journal: Journal | None,
    plan: Callable[[], AnyPlan],
    warn: Callable[[str], None],
) -> Outputs:
    """Open what a job writes.

    Args:
        job: what to do.
        source: what it reads.
        targets: where it writes.
        journal: opens the outputs instead, if the run may be resumed.
        plan: returns what is done, once something is written.
        warn: called with what the user should know of the output.

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
    format = job.writes
    if format is not None and format.sink is not None:
        sink = format.sink(_writing(job, sink, source, plan, warn))
    return await Outputs.beside(sink, targets.rejects, job.compressing_rejects)


def _writing(
    job: Job,
    inner: Sink,
    source: Source,
    plan: Callable[[], AnyPlan],
    warn: Callable[[str], None],
) -> Writing:
    def expected() -> Expectation:
        names = None if job.columns is None else tuple(job.columns)
        drops = job.extra_keys == "drop"
        added: dict[str, Any] = {} if job.add_source is None else {job.add_source: None}
        if job.source == "jsonl":
            known = source.types if isinstance(source, TypedSource) else {}
            types = carried({**known, **added} if known else {}, job.chain)
            return Expectation(types, names, job.pinned_types, drops_extra_keys=drops)
        own = {each.name: each for each in plan().layout.columns}
        columns = carried({**own, **added}, job.chain)
        types = {name: each and each.type for name, each in columns.items()}
        pinned = {name: str(each.type) for name, each in columns.items() if each and each.is_pinned}
        return Expectation(types, names, pinned, drops_extra_keys=drops)

    return Writing(
        inner=inner,
        expected=expected,
        warn=warn,
        compression=job.compress,
        compression_level=job.compression_level,
        row_group_bytes=job.row_group_bytes,
    )


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
