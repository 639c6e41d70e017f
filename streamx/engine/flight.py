"""Flight: the records of one chunk that are on their way through asynchronous functions."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace

from streamx.chunk import Chunk, ChunkResult, RejectLines
from streamx.codec.layout import Bad, Tally
from streamx.errors import UsageError
from streamx.transform.chain import Chain, Counter, Step
from streamx.transform.functions import Apply
from streamx.transform.operations import Limit, Where
from streamx.transform.plan import result_of
from streamx.transform.record_plan import RecordPlan, Records
from streamx.transform.results import CallError, Item

# A chunk starts no further records while this much of its output waits to be written.
MOST_WAITING_BYTES = 1024 * 1024
# What is kept of a bad record, about.
_FAULT_BYTES = 512


class Outcome:
    """What became of a record: its output, or results that wait for the header, or why neither.

    Attributes:
        bad: why the record has no output.
    """

    __slots__ = ("bad", "lines", "results", "tally", "waiting_bytes")

    def __init__(self, bad: Bad | None = None) -> None:
        self.results: list[Item] = []
        self.waiting_bytes = 0 if bad is None else _FAULT_BYTES
        self.lines: list[bytes] = []
        self.tally = Tally()
        self.bad = bad


class Flight:
    """The records of one chunk that are on their way.

    Attributes:
        starting: the task that starts them.
        has_ended: a failure or a limit has been reached.
        new_columns: what the results add to the header, if they decide it.
    """

    def __init__(
        self, chunk: Chunk, plan: RecordPlan, limits: tuple[int, ...], *, is_ordered: bool
    ) -> None:
        self.source = Records(chunk.data, plan.layout)
        self.counter = Counter(limits)
        self.starting: asyncio.Task[None] | None = None
        self.has_ended = False
        self.new_columns: tuple[str, ...] = ()
        self._waiting_bytes = 0
        self._has_room = asyncio.Event()
        self._chunk = chunk
        self._plan = plan
        self._is_ordered = is_ordered
        self._limit_behind = _number_behind(plan.steps)
        self._tasks: deque[asyncio.Future[Outcome]] = deque()
        self._running: set[asyncio.Future[Outcome]] = set()
        self._is_closed = False
        self._changed = asyncio.Event()
        self._tally = Tally()
        self._start_error: CallError | None = None

    def items(self, chain: Chain) -> Iterator[Item | None]:
        """Yield what steps before the first function make of the records; None to make a pause."""
        return chain.run(self._plan.aligned(self.source), self.counter)

    @property
    def has_room(self) -> bool:
        """Tell whether not too much output of this chunk waits to be written."""
        return self._waiting_bytes <= MOST_WAITING_BYTES

    async def wait_for_room(self) -> None:
        """Wait while much output of this chunk waits to be written.

        Chunks before it do not wait for that: all their records have started, or wait to start.
        """
        while not self.has_room:
            self._has_room.clear()
            await self._has_room.wait()

    def note_written(self, outcomes: Iterable[Outcome]) -> None:
        """Take note of what has been written."""
        self._waiting_bytes -= sum(outcome.waiting_bytes for outcome in outcomes)
        self._has_room.set()

    def start_no_more(self) -> None:
        """Say that no more is wanted, also if the next record waits for one that takes long."""
        if self.starting is not None:
            self.starting.cancel()

    def add(self, task: asyncio.Future[Outcome]) -> None:
        """Add a record that has started."""
        self._running.add(task)
        if self._is_ordered:
            self._tasks.append(task)
        task.add_done_callback(self._note_end)

    def close(self) -> None:
        """Say that all records have started."""
        self._is_closed = True
        self._changed.set()

    def add_bad(self, bad: Bad) -> None:
        """Add a record that cannot start."""
        outcome = Outcome(bad)
        task: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        task.set_result(outcome)
        self._waiting_bytes += outcome.waiting_bytes
        self._tasks.append(task)
        self._changed.set()

    def fail_at_start(self, error: CallError) -> None:
        """Say that no more can start, and why; what has started ends first."""
        self._start_error = error

    @property
    def is_first(self) -> bool:
        """Tell whether the chunk is the input's first."""
        return self._chunk.sequence == 0

    async def next(self) -> list[Outcome]:
        """Return the next outcomes as soon as there is any that may be written; none at the end."""
        while True:
            self._changed.clear()
            ready: list[Outcome] = []
            while self._tasks and self._tasks[0].done():
                ready.append(self._tasks.popleft().result())
            if ready:
                return ready
            if self._is_closed and not self._running and not self._tasks:
                return []
            await self._changed.wait()

    def ends_with(self, outcomes: Iterable[Outcome]) -> bool:
        """Tell whether one of the outcomes is a failure, at which the run ends."""
        return any(outcome.bad for outcome in outcomes)

    def gathered(self, outcomes: Iterable[Outcome]) -> bytes:
        """Return the output of some outcomes, up to a failure or a limit, and count it."""
        lines: list[bytes] = []
        for outcome in outcomes:
            lines += self._within_limit(outcome.lines)
            outcome.tally.records_out = 0
            self._tally.add(outcome.tally, 0)
            self._tally.bad = outcome.bad
            if self._tally.bad is not None or self._is_full:
                self.has_ended = True
                break
        self._tally.records_out += len(lines)
        return b"".join(lines)

    def full_rejects(self) -> Iterable[RejectLines]:
        """Return what goes to the rejects file, as soon as it is enough."""
        return ()

    def last_rejects(self) -> Iterable[RejectLines]:
        """Return the rest of what goes there."""
        return ()

    async def cancel(self) -> None:
        """Cancel what is still on its way."""
        running = tuple(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def result(self) -> ChunkResult:
        """Return what the chunk amounted to."""
        if self._tally.bad is None and self._start_error is not None:
            self._tally.bad = self._start_error.bad
        self.source.account(self._tally, self.counter)
        result = result_of(
            self._chunk, self._tally, self.counter.taken, is_last=self.counter.is_finished
        )
        return replace(result, new_columns=self.new_columns)

    def _within_limit(self, lines: list[bytes]) -> Iterable[bytes]:
        if self._limit_behind is None:
            return lines
        return self.counter.limited(self._limit_behind, lines)

    @property
    def _is_full(self) -> bool:
        """Tell whether the limit behind has been reached; one before ends only the start."""
        return self._limit_behind is not None and self.counter.has_reached(self._limit_behind)

    def _note_end(self, task: asyncio.Future[Outcome]) -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception() is None:
            self._waiting_bytes += task.result().waiting_bytes
        if not self._is_ordered:
            self._tasks.append(task)
        self._changed.set()


def parts_of(steps: tuple[Step, ...]) -> tuple[list[Step], list[Step], list[Step]]:
    """Return the steps before the first function, from it to the last one, and behind that.

    Raises:
        UsageError: a limit stands where records are not in order.
    """
    numbers = [number for number, step in enumerate(steps) if isinstance(step, Apply)]
    first, last = numbers[0], numbers[-1] + 1
    before, middle, behind = list(steps[:first]), list(steps[first:last]), list(steps[last:])
    limit_numbers = [number for number, step in enumerate(behind) if isinstance(step, Limit)]
    is_ordered = not limit_numbers or not any(
        isinstance(step, Where | Limit) for step in behind[limit_numbers[0] + 1 :]
    )
    if any(isinstance(step, Limit) for step in middle) or not is_ordered:
        raise UsageError(
            "--limit among asynchronous functions: write one before the first --fn, or as the last"
        )
    return before, middle, behind


def _number_behind(steps: tuple[Step, ...]) -> int | None:
    """Return the number of the limit behind the last function, if there is one."""
    before, _, behind = parts_of(steps)
    if not any(isinstance(step, Limit) for step in behind):
        return None
    return sum(isinstance(step, Limit) for step in before)
