"""A run on a cluster, from its options to its report."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from hashlib import sha256
from typing import Any

import streamx
from streamx.accounts import Accounts, accounts_of
from streamx.cluster.bodies import bodies_of
from streamx.cluster.calls import Cluster, RetriedCalls
from streamx.cluster.coordinator import Coordinator
from streamx.cluster.dask_opening import open_dask
from streamx.cluster.folders import folder_of
from streamx.cluster.joining import join
from streamx.cluster.output import OutputFolder
from streamx.cluster.splits import most_splits
from streamx.ends import open_found
from streamx.errors import OutputError, TooManyBadRecordsError
from streamx.flow import FlowMonitor
from streamx.flow.statistics import Gauge, WaitClock
from streamx.job import Job
from streamx.lock import locked
from streamx.monitor.memory import resident_bytes
from streamx.monitor.progress import progress_views
from streamx.monitor.report import Report, Totals
from streamx.monitor.watch import watch
from streamx.pipeline import resolved
from streamx.read.files import InputFile
from streamx.resume import functions_of, options_of
from streamx.sizing import MIB, available_cpus
from streamx.transform.carried import Carried
from streamx.transform.functions import Apply
from streamx.transform.operations import Operation
from streamx.transform.resolve import Resolution
from streamx.write.publish import Target
from streamx.write.rejects import remove_rejects

_SPLIT_BYTES = 64 * MIB
_SPLIT_RETRIES = 3
# What a split knows nothing of, since it is the whole run's.
_OF_THE_WHOLE: dict[str, Any] = {
    "inputs": (),
    "progress": "off",
    "engine": "local",
    **dict.fromkeys(("rejects", "lock_file", "summary", "metrics", "report")),
    **dict.fromkeys(("scheduler", "client", "split_size_bytes", "split_retries")),
    **dict.fromkeys(("resume", "lock", "concat"), False),
}
_SUFFIXES = {"csv": ".csv", "tsv": ".tsv", "jsonl": ".jsonl"}


async def run(job: Job, warn: Callable[[str], None]) -> Report:
    """Run a job on the cluster that it names, to its end.

    Args:
        job: what to do.
        warn: called with each warning, as soon as it is known.

    Raises:
        StreamxError: whatever ended the run. What is finished stays, and can be resumed.
    """
    with locked(job) if job.is_locked else nullcontext(), accounts_of(job, warn) as accounts:
        scheduler = None if job.scheduler is None else os.fspath(job.scheduler)
        cluster = await open_dask(job.client, scheduler, job.workers or available_cpus())
        try:
            return await run_on(cluster, job, accounts)
        finally:
            await cluster.close()


async def run_on(cluster: Cluster, job: Job, accounts: Accounts) -> Report:
    """Run a job on a cluster that is there."""
    started = time.monotonic()
    files = job.files
    assert files is not None, "a cluster reads files"
    own, resolution = await _resolved(worker_job(job, files, cluster.threads), accounts)
    split_bytes = job.split_size_bytes or _SPLIT_BYTES
    ends = _Ends(job, files, resolution, most_splits(files, split_bytes))
    totals = Totals(job.input_name, resolution.plan, ends.rejects_name, job.judge())
    retries = _SPLIT_RETRIES if job.split_retries is None else job.split_retries
    calls = RetriedCalls(cluster, retries)
    await asyncio.to_thread(ends.folder.open, resumes=job.resume)
    coordinator = Coordinator(
        own,
        resolution,
        calls,
        ends.folder,
        totals,
        split_bytes,
        is_one_output=job.concat,
    )
    total_bytes = sum(file.size_bytes for file in files)
    monitor = _monitor(coordinator, cluster, totals, total_bytes, started)
    shown = progress_views(
        job.progress, total_bytes, job.input_name, lambda: job.advisor, coordinator.stages
    )
    try:
        async with watch(monitor, [*accounts.views, *shown]):
            await coordinator.run(bodies_of(own, files, resolution))
    except BaseException as error:
        await ends.suspend(keeps_rejects=isinstance(error, TooManyBadRecordsError))
        raise
    await ends.complete(totals)
    for text in totals.warnings():
        accounts.warn(text)
    if calls.retried:
        accounts.warn(
            f"{job.input_name}: {calls.retried:,} calls of workers were made again, since a worker "
            "had died or could not read or write"
        )
    report = totals.report(monitor.snapshot(), tuple(accounts.warnings))
    return replace(report, seconds=time.monotonic() - started, ran_in="dask")


def worker_job(job: Job, files: Sequence[InputFile], threads: int) -> Job:
    """Return what one thread of a worker is to do, of one file: a local job that can travel.

    Args:
        job: the whole.
        files: the input.
        threads: how many there are, which share a rate.
    """
    return replace(
        job,
        input=files[0].address,
        output="part",
        source_format=job.source,
        target_format=job.target,
        operations=[_carried(step) for step in job.chain],
        rate=None if job.rate is None else job.rate / threads,
        on_error="reject" if job.writes_rejects else job.on_error,
        workers=1,
        **_OF_THE_WHOLE,
    )


def _carried(step: Operation) -> Operation:
    """Return a step in a form in which other machines can take it.

    A callable that has no place, such as a lambda, goes as code; see cloudpickle.
    """
    placed = step.elsewhere() if isinstance(step, Apply) else None
    return step if placed is None else Carried.of(placed)


async def _resolved(job: Job, accounts: Accounts) -> tuple[Job, Resolution]:
    job, (_, reader) = await open_found(job, accounts.warn)
    try:
        return job, await resolved(job, reader, accounts.warn)
    finally:
        await reader.close()


class _Ends:
    """Where a run on a cluster writes: a directory of parts, and what it is made into.

    Raises:
        OutputError: something cannot be written there.
    """

    def __init__(
        self, job: Job, files: Sequence[InputFile], resolution: Resolution, most_parts: int
    ) -> None:
        self._job = job
        self._plan = resolution.plan
        self._joined = self._target_of(job.output, files) if job.concat else None
        rejects = os.fspath(job.rejects or f"{job.output_path}.rejects.jsonl")
        self._rejects = self._target_of(rejects, files) if job.writes_rejects else None
        path = f"{job.output}.parts" if job.concat else job.output_path
        folder = folder_of(path, is_durable=job.fsync)
        identity = identity_of(job, files)
        self.folder = OutputFolder(folder, _SUFFIXES[job.target], most_parts, identity)

    @property
    def rejects_name(self) -> str | None:
        """What to call the rejects file, or None if there is to be none."""
        return None if self._rejects is None else self._rejects.name

    async def suspend(self, *, keeps_rejects: bool) -> None:
        """Keep what there is for a later run, and remove what nobody has accepted.

        Args:
            keeps_rejects: they say why the run has failed, so they are wanted now.
        """
        with suppress(OutputError):  # what ended the run says more
            await self.folder.manifest.flush()
            if keeps_rejects:
                await self._publish_rejects()
        with suppress(OutputError):
            await asyncio.to_thread(self.folder.remove_drafts)

    async def complete(self, totals: Totals) -> None:
        """Make the output whole, the rejects first, so that no record is in neither.

        Raises:
            OutputError: that failed.
        """
        await self.folder.manifest.flush()
        await asyncio.to_thread(self.folder.remove_drafts)
        await self._publish_rejects()
        if self._joined is None:
            await asyncio.to_thread(self.folder.complete, totals.state())
        else:
            await join(self.folder.output_paths(), self._joined)
            await asyncio.to_thread(self.folder.remove)

    async def _publish_rejects(self) -> None:
        """Join the rejects of the parts to one file; one of an earlier run goes, if there are none.

        Raises:
            OutputError: that failed.
        """
        if self._rejects is None:
            return
        if any(True for _ in self.folder.rejects_paths()):
            await join(self.folder.rejects_paths(), self._rejects)
        else:
            await asyncio.to_thread(remove_rejects, self._rejects)

    def _target_of(self, path: str, files: Sequence[InputFile]) -> Target:
        for file in files:  # none of which it may be
            target = Target.of(path, file.path, is_direct=False, is_durable=self._job.fsync)
        return target


def identity_of(job: Job, files: Sequence[InputFile]) -> dict[str, Any]:
    """Return what a run is known again by, under names for messages."""
    listing = "\n".join(f"{each.path} {each.size_bytes} {each.version}" for each in files)
    return {
        "the version of streamx": streamx.__version__,
        "the files of the input": sha256(listing.encode(errors="surrogateescape")).hexdigest(),
        "options": options_of(job),
        "the files of functions": functions_of(job),
    }


def _monitor(
    coordinator: Coordinator, cluster: Cluster, totals: Totals, total_bytes: int, started: float
) -> FlowMonitor:
    """Return what looks at the counters of a run, whose chunks are splits."""
    nothing, clock = Gauge(), WaitClock()
    running = coordinator.running
    return FlowMonitor(
        bytes_read=lambda: coordinator.acceptance.bytes_read,
        total_bytes=total_bytes,
        bytes_written=lambda: coordinator.acceptance.bytes_written,
        workers_busy=lambda: min(running.busy, cluster.threads),
        workers=cluster.threads,
        input_buffer=running.inbound.statistics,
        reorder_window=running.outbound.statistics,
        output_buffer=lambda: nothing.statistics(1, 1, clock),
        in_flight=coordinator.credits.statistics,
        counts=totals.counts,
        memory_bytes=lambda: resident_bytes([]),
        chunk_latency=running.latency,
        started=started,
    )
