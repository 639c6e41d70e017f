"""The program on one page: a job becomes source, stages and sink, and flow.pipeline() runs them.

ChunkReader ──▶ BoundedBuffer ──▶ WorkerPool: Plan.run ──▶ ReorderWindow ──▶ DrainWriter ──▶ Sink
    ▲                                                                           │
    └──────────────── Credits: returned when a chunk's output has drained ◀─────┘
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from streamx.accounts import Accounts, accounts_of
from streamx.chunk import Chunk, ChunkResult
from streamx.codec.layout import Part
from streamx.delivery import Delivery
from streamx.ends import Inlet, open_found, open_journal, open_outputs, targets_of
from streamx.engine import open_engine
from streamx.errors import StreamxError, TooManyBadRecordsError
from streamx.flow import (
    Credits,
    DrainWriter,
    FlowMonitor,
    HealthLimits,
    ReorderWindow,
    WorkerPool,
    pipeline,
)
from streamx.in_place import refuse_changed, version_of
from streamx.intake import open_intake
from streamx.job import Job
from streamx.monitor.memory import resident_bytes
from streamx.monitor.progress import progress_views
from streamx.monitor.report import Report, Totals
from streamx.monitor.watch import watch
from streamx.read.reader import ChunkReader
from streamx.transform.resolve import Resolution
from streamx.write.rejects import Outputs

if TYPE_CHECKING:
    from streamx.engine.keeping import KeptProcesses
    from streamx.journal import Journal


class Preview(NamedTuple):
    """What is known before anything has run: the plan, a sample, and the input's size if known."""

    job: Job
    resolution: Resolution
    sample: bytes
    total_bytes: int | None


async def run(job: Job, warn: Callable[[str], None], inlet: Inlet | None = None) -> Report:
    """Run a job to its end: the output is whole when this returns, or as it was when it raises.

    Args:
        job: what to do.
        warn: called with each warning, as soon as it is known.
        inlet: what it reads, if that is open already.

    Raises:
        StreamxError: whatever ended the run.
    """
    with _locked(job), accounts_of(job, warn) as accounts:
        return await _run(job, accounts, inlet)


def _locked(job: Job) -> AbstractContextManager[None]:
    if not job.is_locked:
        return nullcontext()
    from streamx.lock import locked  # few runs need it

    return locked(job)


async def _run(job: Job, accounts: Accounts, inlet: Inlet | None) -> Report:
    started = time.monotonic()
    targets = targets_of(job)
    version = version_of(job.input) if job.in_place else None
    job, (source, reader) = (job, inlet) if inlet else await open_found(job, accounts.warn)
    try:
        journal = await open_journal(job, targets)
        outputs = await open_outputs(
            job, source, targets, journal, lambda: resolution.plan, accounts.warn
        )
        try:
            resolution = await resolved(job, reader, accounts.warn)
            if journal is not None:
                resolution = await journal.begin(resolution, reader)
            if job.is_divided:
                resolution = _divided(resolution, job)
            totals = Totals(
                source.name,
                resolution.plan,
                outputs.rejects_name,
                job.judge(),
                outputs.files,
                job.file_names,
            )
            if journal is not None:
                journal.count_in(totals)
            report = await convert(
                job, Inlet(source, reader), resolution, outputs, totals, accounts, started, journal
            )
            if version is not None:
                refuse_changed(job.input, version)
            await (outputs.commit() if journal is None else journal.commit(outputs))
            seconds = time.monotonic() - started
            report = replace(report, seconds=seconds, ran_in=job.placement.kind)
        except BaseException as error:
            if journal is None:
                await outputs.abort(keeps_rejects=isinstance(error, TooManyBadRecordsError))
            else:
                await journal.suspend(outputs)
            raise
    finally:
        await reader.close()
    return report


async def preview(job: Job, warn: Callable[[str], None], inlet: Inlet | None = None) -> Preview:
    """Read the head of a job's input and return what a run would make of it, and run nothing.

    Raises:
        StreamxError: the input cannot be read.
    """
    job, (source, reader) = (job, inlet) if inlet else await open_found(job, warn)
    try:
        resolution = await resolved(job, reader, warn)
    finally:
        await reader.close()
    sample = reader.sample(resolution, job.recipe.source)
    return Preview(job, resolution, sample, source.total_bytes)


async def resolved(job: Job, reader: ChunkReader, warn: Callable[[str], None]) -> Resolution:
    """Read as much of the head as decides what a job's plan is, and return that."""
    resolution = await reader.resolution(job.recipe)
    for text in resolution.warnings:
        warn(text)
    return resolution


def _divided(resolution: Resolution, job: Job) -> Resolution:
    """Return what is to be run where the output goes to many files."""
    from streamx.transform.dividing import DividedPlan  # few runs need it

    plan = DividedPlan.of(resolution.plan, job.recipe.partition_by)
    return replace(resolution, plan=plan)


async def convert(
    job: Job,
    inlet: Inlet,
    resolution: Resolution,
    outputs: Outputs,
    totals: Totals,
    accounts: Accounts,
    started: float,
    journal: Journal | None = None,
    kept: KeptProcesses | None = None,
) -> Report:
    """Run the flow of a job from its first record to the end of what it reads, and commit nothing.

    Args:
        job: what to do.
        inlet: what is read.
        resolution: what was made of its head.
        outputs, totals: take what is made, and the results.
        accounts: what tells of the run.
        started: when that began, by the monotonic clock.
        journal: what follows the run, if it may be resumed.
        kept: processes for functions that outlast the run, if there are any.
    """
    source, reader = inlet
    plan, sizing = resolution.plan, job.sizing
    credits = Credits(sizing.credits, sizing.credit_bytes)
    intake = open_intake(job.on_full, sizing, credits, totals)
    engine = open_engine(
        plan, job.placement, sizing.workers, job.recipe.calls, is_ordered=job.is_ordered, kept=kept
    )
    pool: WorkerPool[Chunk, Part, ChunkResult] = WorkerPool(
        reader.around(engine.run),
        engine.lanes,
        intake.limit,
        ReorderWindow(sizing.credits, sizing.window_bytes),
        is_ordered=job.is_ordered,
    )
    writer = DrainWriter(outputs.output.write, sizing.output_bytes)
    rejects = DrainWriter(outputs.rejects.write, sizing.output_bytes)
    monitor = FlowMonitor(
        bytes_read=lambda: source.bytes_read,
        total_bytes=source.total_bytes,
        bytes_written=lambda: totals.bytes_out(writer.bytes_written),
        workers_busy=lambda: min(pool.busy, sizing.workers),
        workers=sizing.workers,
        input_buffer=lambda: intake.statistics(pool.inbound.statistics()),
        reorder_window=pool.outbound.statistics,
        output_buffer=writer.statistics,
        in_flight=credits.statistics,
        counts=lambda: totals.counts(source.retries),
        memory_bytes=lambda: resident_bytes(engine.pids),
        chunk_latency=pool.latency,
        record_latency=engine.record_latency,
        limits=HealthLimits(
            memory_critical_bytes=job.max_memory_bytes,
            is_lossy=job.overflows,
            judges_waiting=source.is_live,
        ),
        started=started,
    )
    chunks = reader.chunks(resolution, plan.layout.source, intake.reader_credits)
    delivery = Delivery(writer, rejects, totals, credits)
    if journal is not None:
        chunks = journal.noting(chunks, reader)
        delivery = replace(delivery, note=journal.take)
    flow = pipeline(chunks, *intake.stages, pool, sink=delivery.run)
    shown = progress_views(job.progress, source.total_bytes, source.name, lambda: job.advisor)
    try:
        async with watch(monitor, [*accounts.views, *shown]):
            await (flow if journal is None else journal.run_beside(flow))
    except BaseException:
        with suppress(StreamxError):  # what ended the run says more than what came of that
            await engine.close()
        raise
    await engine.close()
    for text in totals.warnings():
        accounts.warn(text)
    return totals.report(monitor.snapshot(), tuple(accounts.warnings))
