"""Coordinator: plans splits, and has a cluster run them, some at a time.

bodies ──▶ scanning: WorkerPool ──▶ splits ──▶ running: WorkerPool ──▶ acceptance, in order
                                      ▲                                      │
                                      └── Credits: returned when a part is noted

It holds what is in flight and no more, however many splits there are, and moves no data.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterator
from dataclasses import replace
from itertools import islice
from typing import NamedTuple, Never

from streamx.cluster.acceptance import Acceptance, Outcome
from streamx.cluster.bodies import Body
from streamx.cluster.calls import RetriedCalls
from streamx.cluster.counted import counted, counted_credits, counted_window
from streamx.cluster.manifest import Part
from streamx.cluster.output import OutputFolder
from streamx.cluster.parts import is_as_written
from streamx.cluster.scan import RangeTask, scan_range
from streamx.cluster.split_run import SplitTask, run_split
from streamx.cluster.splits import Split, SplitPlanner
from streamx.cluster.transition import Transition
from streamx.errors import CheckpointError, InputError
from streamx.flow import FlowSnapshot, WorkerPool, pipeline
from streamx.job import Job
from streamx.monitor.report import Totals
from streamx.transform.plan import AnyPlan
from streamx.transform.resolve import Resolution

# For each thread of the cluster so many calls are submitted, so that it finds the next one at hand;
_CALLS_PER_THREAD = 2
# and so many splits are in flight for each call, so that a slow one holds nobody up for long.
_SPLITS_PER_CALL = 4


class Range(NamedTuple):
    """A range of a body that is to be scanned; None for a size where it can only be read whole."""

    body: Body
    offset: int
    size_bytes: int | None


class Scanned(NamedTuple):
    """The transition of the next range of a body, or None of one that is read whole."""

    body: Body
    transition: Transition | None


class Work(NamedTuple):
    """A split that is to be run, or the part that it has become already."""

    task: SplitTask
    known: Part | None


class Coordinator:
    """Runs the splits of a job.

    Args:
        job: what workers do; it travels with every split.
        resolution: what was made of the head of the input.
        calls: makes calls.
        output: where the parts go.
        totals: what all results are added to.
        split_bytes: how long a range is.
        is_one_output: the parts are to be joined, so that only the first one has a header.

    Attributes:
        credits: of what is in flight.
        running: has splits run; each is busy with one.
        acceptance: takes what comes of them.
    """

    def __init__(
        self,
        job: Job,
        resolution: Resolution,
        calls: RetriedCalls,
        output: OutputFolder,
        totals: Totals,
        split_bytes: int,
        *,
        is_one_output: bool,
    ) -> None:
        self._job = job
        self._resolution = resolution
        self._calls = calls
        self._output = output
        self._split_bytes = split_bytes
        self._is_one_output = is_one_output
        threads = calls.cluster.threads
        has_limits = bool(resolution.plan.limits)
        lanes = 1 if has_limits else _CALLS_PER_THREAD * threads
        in_flight = 1 if has_limits else _SPLITS_PER_CALL * lanes
        self.credits = counted_credits(in_flight)
        self.acceptance = Acceptance(resolution.plan, output, totals, self.credits)
        self._scanning: WorkerPool[Range, Never, Scanned] = WorkerPool(
            self._scan, lanes, counted(lanes), counted_window(_SPLITS_PER_CALL * lanes)
        )
        self.running: WorkerPool[Work, Never, Outcome] = WorkerPool(
            self._run, lanes, counted(lanes, _bytes_of), counted_window(in_flight)
        )
        self._known = islice(output.manifest, output.manifest.parts)  # and not those of this run

    async def run(self, bodies: AsyncIterable[Body]) -> None:
        """Run all splits of some bodies, until a limit or a bad record at the latest.

        Raises:
            StreamxError: what ended the run.
        """
        await pipeline(
            self._ranges(bodies),
            self._scanning,
            self._splits,
            self._works,
            self.running,
            self.acceptance.judged,
            self.acceptance.placing,
            sink=self.acceptance.note_all,
        )

    def stages(self, snapshot: FlowSnapshot) -> str:
        """Say how many splits are where."""
        busy = self.running.busy
        waiting = busy - snapshot.workers_busy + self.running.inbound.statistics().fill
        written = self._output.manifest.parts
        return f"splits: {snapshot.workers_busy} running, {waiting} waiting, {written:,} written"

    async def _ranges(self, bodies: AsyncIterable[Body]) -> AsyncIterator[Range]:
        is_first = True
        async for body in bodies:
            if not body.is_plain:
                yield Range(body, body.offset, None)
            else:
                for offset, size_bytes in self._cuts(body, is_first=is_first):
                    yield Range(body, offset, size_bytes)
            is_first = False

    def _cuts(self, body: Body, *, is_first: bool) -> Iterator[tuple[int, int]]:
        """Yield the bounds of ranges: at least one, so that an empty body is seen."""
        offset, end = body.offset, body.file.size_bytes
        opening_bytes = self._resolution.opening_bytes or 0
        size_bytes = max(self._split_bytes, opening_bytes + 1) if is_first else self._split_bytes
        while True:
            size_bytes = min(size_bytes, max(end - offset, 0))
            yield offset, size_bytes
            offset += size_bytes
            if offset >= end:
                return
            size_bytes = self._split_bytes

    async def _scan(self, range: Range, _: object) -> Scanned:
        body, offset, size_bytes = range
        if size_bytes is None:
            return Scanned(body, None)
        task = RangeTask(body.file, offset, size_bytes, self._resolution.plan.layout.source)
        what = f"the scan of {body.file.name} from byte {offset}"
        return Scanned(body, await self._calls.call(scan_range, task, what, is_urgent=False))

    async def _splits(self, scanned: AsyncIterable[Scanned]) -> AsyncIterator[Split]:
        """Put transitions together; if there is nothing to split, yield one empty split."""
        planner: SplitPlanner | None = None
        number = 0
        body: Body | None = None
        async for each in scanned:
            if planner is not None and each.body is not body:
                if (last := planner.end()) is not None:
                    yield last
                number, planner = planner.number, None
            body = each.body
            if each.transition is None:
                yield _whole(body, number)
                number += 1
                continue
            if planner is None:
                planner = _planner(body, number)
            if (split := planner.add(each.transition)) is not None:
                yield split
        if planner is not None:
            if (last := planner.end()) is not None:
                yield last
            number = planner.number
        if number == 0 and body is not None:
            yield replace(_whole(body, 0), size_bytes=0)

    async def _works(self, splits: AsyncIterable[Split]) -> AsyncIterator[Work]:
        async for split in splits:
            await self.credits.acquire(split.number, split.total_bytes)
            if split.number:
                await self.acceptance.is_opened.wait()
            opening_bytes = self._resolution.opening_bytes if split.number == 0 else None
            plan = self._plan_for(split)
            paths = self._output.draft_paths(split, has_rejects=self._job.writes_rejects)
            task = SplitTask(split, self._job, plan, opening_bytes, *paths)
            yield Work(task, self._next_known(split))

    def _plan_for(self, split: Split) -> AnyPlan:
        plan = with_limits(self.acceptance.plan, self.acceptance.limits)
        if split.number == 0 or not self._is_one_output:
            return plan
        return replace(plan, header=b"")  # type: ignore[type-var]  # both plans are dataclasses

    def _next_known(self, split: Split) -> Part | None:
        known = next(self._known, None)
        if known is not None and known.split != split.without_secrets():
            raise CheckpointError(
                f"{known.output.path} holds other records of {known.split.file.name} than it would "
                "now; name another output to begin anew"
            )
        return known

    async def _run(self, work: Work, _: object) -> Outcome:
        split, known = work.task.split, work.known
        if known is not None and await self._is_there(known):
            return Outcome(split, None, known)
        what = f"the split of {split.file.name} from line {split.line} (byte {split.offset}) on"
        result = await self._calls.call(run_split, work.task, what, is_urgent=True)
        return Outcome(split, result, known)

    async def _is_there(self, part: Part) -> bool:
        """Tell whether the files of a part are as they were written."""
        for file in self._output.files_of(part):
            try:
                what = f"the check of {file.path}"
                if not await self._calls.call(is_as_written, file, what, is_urgent=True):
                    return False
            except InputError:
                return False
        return True


def with_limits(plan: AnyPlan, limits: tuple[int, ...]) -> AnyPlan:
    """Return a plan with what is left of its limits."""
    return plan if plan.limits == limits else replace(plan, limits=limits)  # type: ignore[type-var]  # both plans are dataclasses


def _planner(body: Body, number: int) -> SplitPlanner:
    return SplitPlanner(body.file, number, offset=body.offset, line=body.line)


def _whole(body: Body, number: int) -> Split:
    return Split(number, body.file, body.offset, None, body.line, body.file.size_bytes)


def _bytes_of(work: Work) -> int:
    return work.task.split.total_bytes
