"""Explanation: says what a run would do, without doing it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from streamx.codec import CODEC_NAME
from streamx.codec.layout import CsvFormat, printable
from streamx.job import Job
from streamx.monitor.stderr import Note
from streamx.sizing import MIB
from streamx.transform.functions import Apply
from streamx.transform.operations import Drop, Limit, Operation, Rename, Select, Set, Where
from streamx.transform.resolve import Resolution

_PLACES = {
    "threads": "in threads: {}",
    "processes": "in worker processes: {}",
    "loop": "on the event loop",
    "caller": "in one thread, since no other process can find the function",
}


def explanation(
    job: Job, resolution: Resolution, total_bytes: int | None, told: Sequence[str] = ()
) -> str:
    """Return what a run would do, in lines for people.

    Args:
        job: what is asked for.
        resolution: what the head of the input makes of it.
        total_bytes: the input's size, where it is known.
        told: what was told of the input when it was opened.
    """
    notes = [("sniffed", text) for text in told if isinstance(text, Note)]
    facts = [
        *_flow(job, total_bytes),
        *notes,
        *_columns(job, resolution),
        *_steps(job),
        *_work(job),
    ]
    width = max(len(name) for name, _ in facts)
    return "".join(f"{name:<{width}}  {printable(text)}\n" for name, text in facts)


def _flow(job: Job, total_bytes: int | None) -> Iterator[tuple[str, str]]:
    size = "" if total_bytes is None else f", {total_bytes:,} bytes"
    zipped = f", {job.input_compression.name}" if job.input_compression else ""
    name = "standard input" if job.input == "-" else job.input_name
    yield "input", f"{name}: {job.input_format}{zipped}{size}"
    if job.http is not None and job.http.paginate is not None:
        size = "" if job.http.page_size is None else f", {job.http.page_size:,} records each"
        yield "", f"pages by {job.http.paginate}{size}"
    zipped = ""
    if job.compressing is not None:
        zipped = f", {job.compressing.compression.name}, level {job.compressing.level}"
    name = "standard output" if job.output == "-" else job.output_name
    yield "output", f"{name}: {job.output_format}{zipped}"
    if job.partition_by:
        yield "", f"a file for each value of {', '.join(job.partition_by)}"
    if job.split_records is not None:
        yield "", f"files of {job.split_records:,} records"


def _columns(job: Job, resolution: Resolution) -> Iterator[tuple[str, str]]:
    plan = resolution.plan
    layout = plan.layout
    is_typed = isinstance(layout.source, CsvFormat)
    for number, column in enumerate(layout.columns):
        kind = f": {column.type}{', pinned' if column.is_pinned else ''}" if is_typed else ""
        yield "columns" if number == 0 else "", f"{column.name}{kind}"
    if not layout.columns:
        yield "columns", "as they come"
    open_header = plan.open_header
    header = open_header.with_columns([]) if open_header else plan.header
    if header:
        more = ", and keys that are new in the first results" if open_header else ""
        yield "header", header.decode(errors="replace").rstrip("\r\n") + more
    for number, warning in enumerate(resolution.warnings):
        yield "warnings" if number == 0 else "", warning


def _steps(job: Job) -> Iterator[tuple[str, str]]:
    for number, operation in enumerate(job.chain, 1):
        yield "steps" if number == 1 else "", f"{number}. {_step(operation)}"


def _step(operation: Operation) -> str:
    match operation:
        case Select(names):
            return f"select {', '.join(names)}"
        case Drop(names):
            return f"drop {', '.join(names)}"
        case Rename(old, new):
            return f"rename {old} to {new}"
        case Where(condition):
            return f"keep where {condition}"
        case Set(name, value):
            return f"set {name} = {value}"
        case Limit(records):
            return f"stop after {records:,} records"
        case Apply():
            return f"call {operation.name}"


def _work(job: Job) -> Iterator[tuple[str, str]]:
    sizing, place = job.sizing, job.placement.kind
    if job.is_on_cluster:
        where = job.scheduler or "of processes on this machine"
        yield "cluster", f"Dask, {where}; for each thread of a worker"
        sizing = replace(job, scheduler=None, client=None, workers=1).sizing
    yield "work", f"{_PLACES[place].format(sizing.workers)}; {CODEC_NAME} codec"
    if place == "loop":
        yield "", f"records on their way at a time: {job.recipe.calls.concurrency}"
        if job.priority is not None:
            yield "", f"of those that wait, the lowest first: {job.priority}"
    yield (
        "chunks",
        f"{sizing.chunk_size_bytes // 1024:,} KiB each, at most {sizing.credits} in flight",
    )
    most = f"at most {sizing.buffer_chunks} chunks or {sizing.buffer_bytes:,} bytes"
    beyond = f", then {job.on_full}" if job.overflows else ""
    yield "buffer", f"{most} wait for a worker{beyond}"
    yield "memory", f"at most {-(-sizing.peak_bytes // MIB)} MiB, functions not counted"
