"""Runs a split where it was sent: reads it, runs the plan, and writes a part of the output.

A split is run as a job of its own, by the same flow as any, with one worker. So what holds of
memory, bad records, functions that hang and processes that die holds here.
"""

from __future__ import annotations

import time
from array import array
from dataclasses import dataclass, field, replace

from streamx.accounts import Accounts
from streamx.chunk import ChunkResult, Failure, Place
from streamx.cluster.parts import Draft, PartSink, open_part
from streamx.cluster.splits import Split
from streamx.cluster.worker import this_worker
from streamx.compression import compression_of
from streamx.ends import Inlet
from streamx.engine.keeping import KeptProcesses
from streamx.errors import BadRecordError, FunctionError, StreamxError
from streamx.job import Job
from streamx.monitor.report import Totals
from streamx.pipeline import convert
from streamx.read.decode import wrap
from streamx.read.ranges import open_file, open_range
from streamx.read.reader import ChunkReader
from streamx.transform.plan import AnyPlan
from streamx.transform.resolve import Resolution
from streamx.write.rejects import NoRejects, Outputs, RejectsSink


@dataclass(frozen=True, slots=True)
class SplitTask:
    """What a worker needs to run a split; small, whatever the split holds.

    Attributes:
        split: what to read.
        job: what to do, for one worker.
        plan: what was made of the head of the input.
        opening_bytes: what the first chunk has to hold, if that makes a difference.
        output: where that is written, as a draft; see open_part.
        rejects: likewise; None where none are written.
    """

    split: Split
    job: Job
    plan: AnyPlan
    opening_bytes: int | None
    output: str
    rejects: str | None


@dataclass(frozen=True, slots=True)
class SplitResult:
    """What a split amounted to.

    Attributes:
        result: the sum of the results of its chunks, as if it had been one. With a failure, the
            output and the rejects hold what came before that.
        output: what was written.
        rejects: likewise, if a record was rejected.
        seconds: how long it took.
    """

    result: ChunkResult
    output: Draft
    rejects: Draft | None
    seconds: float


def run_split(task: SplitTask) -> SplitResult:
    """Run a split, and wait for its end.

    Raises:
        InputError: the split cannot be read.
        OutputError: the part cannot be written.
        StreamxError: something else than a record ended the run.
    """
    worker = this_worker()
    # What an instance holds is written when it is left, so that belongs to its split.
    kept = None if task.job.placement.has_instances else worker.kept
    return worker.run(_run(task, kept))


async def _run(task: SplitTask, kept: KeptProcesses | None) -> SplitResult:
    started = time.monotonic()
    source, reader = await _open(task)
    try:
        output, rejects = await _open_parts(task)
        outputs = Outputs(output, NoRejects() if rejects is None else RejectsSink(rejects, None))
        try:
            totals = await _convert(task, Inlet(source, reader), outputs, kept)
            await outputs.commit()
        except BaseException:
            await outputs.abort(keeps_rejects=False)
            raise
    finally:
        await reader.close()
    return SplitResult(
        totals.result_of(task.split),
        output.draft(),
        None if rejects is None or outputs.rejects.is_empty else rejects.draft(),
        time.monotonic() - started,
    )


async def _open(task: SplitTask) -> Inlet:
    split, job = task.split, task.job
    file = split.file
    if split.size_bytes is None:
        compression = compression_of(file.name)
        source = wrap(await open_file(file), compression=compression, encoding=job.encoding)
    else:
        source = await open_range(file, split.offset, split.size_bytes)
    source.name = file.name
    reader = ChunkReader(source, job.pace, job.sizing.max_record_bytes)
    if split.size_bytes is None:
        await reader.move_to(Place(split.line, split.offset), 0)
    return Inlet(source, reader)


async def _open_parts(task: SplitTask) -> tuple[PartSink, PartSink | None]:
    is_durable = task.job.fsync
    output = await open_part(task.output, is_durable=is_durable)
    if task.rejects is None:
        return output, None
    try:
        return output, await open_part(task.rejects, is_durable=is_durable)
    except BaseException:
        await output.abort()
        raise


async def _convert(
    task: SplitTask, inlet: Inlet, outputs: Outputs, kept: KeptProcesses | None
) -> SplitTotals:
    split = task.split
    plan = task.plan
    lenience = plan.lenience
    if lenience is not None:
        plan = replace(plan, lenience=replace(lenience, source=split.file.name))  # type: ignore[type-var]  # both plans are dataclasses
    resolution = Resolution(plan, split.offset, split.line, opening_bytes=task.opening_bytes)
    totals = SplitTotals(split.file.name, plan)
    accounts = Accounts(lambda _: None)
    try:
        await convert(
            task.job,
            inlet,
            resolution,
            outputs,
            totals,
            accounts,
            time.monotonic(),
            kept=kept,
        )
    except (BadRecordError, FunctionError):
        if totals.failure is None:
            raise
    return totals


@dataclass
class SplitTotals(Totals):
    """Adds up the results of a split's chunks to one.

    Attributes:
        failure: what ended the split, if a record did.
        new_columns: of an output whose header was open.
    """

    failure: Failure | None = None
    new_columns: tuple[str, ...] = ()
    taken: tuple[int, ...] = ()
    is_last: bool = False
    bad_places: array[int] = field(default_factory=lambda: array("Q"))

    def add(self, result: ChunkResult) -> StreamxError | None:
        """Add a chunk's result; return the error that ends the split there, if there is one."""
        places = iter(result.bad_places)
        for number, line, offset in zip(places, places, places, strict=True):
            self.bad_places.extend((self.records_in + number, line, offset))
        self.failure = result.failure
        self.new_columns += result.new_columns
        self.is_last = result.is_last
        so_far = self.taken or (0,) * len(result.taken)
        self.taken = tuple(map(sum, zip(so_far, result.taken, strict=True)))
        return super().add(result)

    def result_of(self, split: Split) -> ChunkResult:
        """Return the sum, as that of a chunk which is the whole split."""
        return replace(
            self.result(split.number),
            failure=self.failure and replace(self.failure, source=split.file.name),
            bad_places=self.bad_places,
            taken=self.taken or (0,) * len(self.plan.limits),
            is_last=self.is_last,
            new_columns=self.new_columns,
        )
