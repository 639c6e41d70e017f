"""LoopEngine: runs a chain of asynchronous functions on the event loop, many records at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace

from streamx.chunk import Chunk, ChunkResult
from streamx.codec.layout import Part, Tally
from streamx.errors import UsageError
from streamx.flow import together
from streamx.flow.adaptive import AdaptiveLimit
from streamx.transform.async_chain import AsyncChain
from streamx.transform.chain import Chain, Counter, Step
from streamx.transform.functions import Apply, Calls
from streamx.transform.opening import Deciding, new_names
from streamx.transform.operations import Limit, Where
from streamx.transform.plan import result_of
from streamx.transform.record_plan import RecordPlan, Records
from streamx.transform.results import CallError, Item

Emit = Callable[[Part], Awaitable[None]]

# Chunks are handed on early, so that many records are on their way even if a chunk holds few.
_MOST_LANES = 32
# A chunk starts no further records while this much of its output waits to be written.
_MOST_WAITING_BYTES = 1024 * 1024


class LoopEngine:
    """Runs a plan with asynchronous functions.

    Records start in input order, `plan.calls.concurrency` of them on their way at a time, across
    chunks. One that is slow holds up nobody: those behind it go on as far as credits reach, are
    encoded when they have ended and wait for it as bytes.

    Args:
        plan: what to do.
        is_ordered: output in the order of the input.

    Attributes:
        lanes: how many chunks to run at a time. A limit is counted chunk by chunk.
    """

    def __init__(
        self,
        plan: RecordPlan,
        *,
        is_ordered: bool = True,
    ) -> None:
        before, middle, behind = parts_of(plan.steps)
        self.lanes = 1 if plan.limits else _MOST_LANES
        self._plan = plan
        self._limits = plan.limits
        self._is_ordered = is_ordered
        self._before = Chain(before)
        self._middle = AsyncChain(middle, plan.calls, self._note_overload)
        self._behind = Chain([step for step in behind if not isinstance(step, Limit)])
        self._encoder = plan.encoder()
        self._is_settled = asyncio.Event()
        if not plan.is_open:
            self._is_settled.set()
        self._slots = _slots(plan.calls)
        self._turn = asyncio.Lock()  # to start records: a chunk's all start before the next one's
        self._is_entered = False

    async def run(self, chunk: Chunk, emit: Emit) -> ChunkResult:
        """Run the plan on one chunk, emitting its output as records end."""
        flight = _Flight(chunk, self._plan, self._limits, self._is_ordered)
        try:
            await together(self._start(flight), self._emit(flight, emit))
        finally:
            await flight.cancel()
        result = flight.result()
        self._limits = result.left_of(self._limits)
        return result

    async def close(self) -> None:
        """Leave the contexts of the functions."""
        if self._is_entered:
            self._is_entered = False
            await self._middle.__aexit__(None, None, None)

    async def _start(self, flight: _Flight) -> None:
        async with self._turn:
            await self._enter()
            if not flight.is_first:
                await self._is_settled.wait()
            flight.starting = asyncio.current_task()
            try:
                for item in self._before.run(flight.source, flight.counter):
                    await flight.wait_for_room()
                    started = await self._slots.acquire()
                    flight.add(asyncio.create_task(self._take(item, started)))
            except CallError as error:
                flight.fail_at_start(error)
        flight.close()

    async def _enter(self) -> None:
        if not self._is_entered:
            self._before.__enter__()
            self._behind.__enter__()
            await self._middle.__aenter__()
            self._is_entered = True

    def _note_overload(self) -> None:
        self._slots.note_overload()

    async def _take(self, item: Item, started: float) -> _Outcome:
        """Take one record through everything; what goes wrong is part of the outcome."""
        outcome = _Outcome(item[1])
        try:
            for result in self._behind.run(await self._middle.run(item), Counter(())):
                outcome.results.append(result)
                if self._is_settled.is_set():
                    self._encode(outcome)
        except CallError as error:
            outcome.error = error
        finally:
            self._slots.release(started, is_sign=outcome.error is None)
        outcome.waiting_bytes = sum(map(len, outcome.lines))
        return outcome

    def _encode(self, outcome: _Outcome) -> None:
        for result in outcome.results:
            outcome.lines.append(self._encoder.encode([result], outcome.tally))
        outcome.results.clear()

    async def _emit(self, flight: _Flight, emit: Emit) -> None:
        if flight.is_first and not self._is_settled.is_set():
            await self._emit_opening(flight, emit)
        while not flight.has_ended and (outcomes := await flight.next()):
            await self._emit_outcomes(outcomes, flight, emit)
        if flight.has_ended:
            flight.start_no_more()

    async def _emit_opening(self, flight: _Flight, emit: Emit) -> None:
        """Hold the first results back until they have decided the columns."""
        held: list[_Outcome] = []
        deciding = Deciding()
        while not deciding.is_enough and (outcomes := await flight.next()):
            held += outcomes
            deciding.take(result for outcome in outcomes for result in outcome.results)
            if any(outcome.error for outcome in outcomes):
                break
        results = (result for outcome in held for result in outcome.results)
        names = new_names(results, self._plan.columns)
        assert self._plan.open_header is not None
        header = self._plan.open_header.with_columns(names)
        self._plan = self._plan.settled(names)
        self._encoder = self._plan.encoder()
        self._is_settled.set()
        flight.new_columns = names
        if header:
            await emit(header)
        await self._emit_outcomes(held, flight, emit)

    async def _emit_outcomes(self, outcomes: list[_Outcome], flight: _Flight, emit: Emit) -> None:
        for outcome in outcomes:
            self._encode(outcome)
        part = flight.gathered(outcomes)
        if part:
            await emit(part)
        flight.note_written(outcomes)


class _Outcome:
    """What became of a record: its output, or results that wait for the header, or an error."""

    __slots__ = ("error", "lines", "position", "results", "tally", "waiting_bytes")

    def __init__(self, position: int) -> None:
        self.position = position
        self.results: list[Item] = []
        self.waiting_bytes = 0
        self.lines: list[bytes] = []
        self.tally = Tally()
        self.error: CallError | None = None


class _Flight:
    """The records of one chunk that are on their way.

    Attributes:
        starting: the task that starts them.
        has_ended: a failure or a limit has been reached.
        new_columns: what the results add to the header, if they decide it.
    """

    def __init__(
        self, chunk: Chunk, plan: RecordPlan, limits: tuple[int, ...], is_ordered: bool
    ) -> None:
        self.source = Records(chunk.data, plan.layout)
        self.counter = Counter(limits)
        self.starting: asyncio.Task[None] | None = None
        self.has_ended = False
        self.new_columns: tuple[str, ...] = ()
        self._waiting_bytes = 0
        self._has_room = asyncio.Event()
        self._chunk = chunk
        self._is_ordered = is_ordered
        self._limit_behind = _number_behind(plan.steps)
        self._tasks: deque[asyncio.Task[_Outcome]] = deque()
        self._running: set[asyncio.Task[_Outcome]] = set()
        self._is_closed = False
        self._changed = asyncio.Event()
        self._tally = Tally()
        self._start_error: CallError | None = None

    async def wait_for_room(self) -> None:
        """Wait while much output of this chunk waits to be written.

        Chunks before it do not wait for that: all their records have started.
        """
        while self._waiting_bytes > _MOST_WAITING_BYTES:
            self._has_room.clear()
            await self._has_room.wait()

    def note_written(self, outcomes: Iterable[_Outcome]) -> None:
        """Take note of what has been written."""
        self._waiting_bytes -= sum(outcome.waiting_bytes for outcome in outcomes)
        self._has_room.set()

    def start_no_more(self) -> None:
        """Say that no more is wanted, also if the next record waits for one that takes long."""
        if self.starting is not None:
            self.starting.cancel()

    def add(self, task: asyncio.Task[_Outcome]) -> None:
        """Add a record that has started."""
        self._running.add(task)
        if self._is_ordered:
            self._tasks.append(task)
        task.add_done_callback(self._note_end)

    def close(self) -> None:
        """Say that all records have started."""
        self._is_closed = True
        self._changed.set()

    def fail_at_start(self, error: CallError) -> None:
        """Say that no more can start, and why; what has started ends first."""
        self._start_error = error

    @property
    def is_first(self) -> bool:
        """Tell whether the chunk is the input's first."""
        return self._chunk.sequence == 0

    async def next(self) -> list[_Outcome]:
        """Return the next outcomes as soon as there is any that may be written; none at the end."""
        while True:
            self._changed.clear()
            ready: list[_Outcome] = []
            while self._tasks and self._tasks[0].done():
                ready.append(self._tasks.popleft().result())
            if ready:
                return ready
            if self._is_closed and not self._running and not self._tasks:
                return []
            await self._changed.wait()

    def gathered(self, outcomes: Iterable[_Outcome]) -> bytes:
        """Return the output of some outcomes, up to a failure or a limit, and count it."""
        lines: list[bytes] = []
        for outcome in outcomes:
            lines += self._within_limit(outcome.lines)
            outcome.tally.records_out = 0
            bad, outcome.tally.bad = outcome.tally.bad, None
            self._tally.add(outcome.tally, 0)
            if outcome.error is not None:
                self._tally.bad = outcome.error.bad("transform")
            elif bad is not None:
                self._tally.bad = replace(bad, stage="encode")
            if self._tally.bad is not None or self._is_full:
                self.has_ended = True
                break
        self._tally.records_out += len(lines)
        return b"".join(lines)

    async def cancel(self) -> None:
        """Cancel what is still on its way."""
        running = tuple(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def result(self) -> ChunkResult:
        """Return what the chunk amounted to."""
        if self._tally.bad is None and self._start_error is not None:
            self._tally.bad = self._start_error.bad("transform")
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

    def _note_end(self, task: asyncio.Task[_Outcome]) -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception() is None:
            self._waiting_bytes += task.result().waiting_bytes
        if not self._is_ordered:
            self._tasks.append(task)
        self._changed.set()


def _slots(calls: Calls) -> AdaptiveLimit:
    """Return what bounds the records on their way."""
    if calls.concurrency == "auto":
        return AdaptiveLimit(most=calls.most_concurrency)
    return AdaptiveLimit(calls.concurrency, calls.concurrency, is_fixed=True)


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
