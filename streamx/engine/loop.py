"""LoopEngine: runs a chain of asynchronous functions on the event loop, many records at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from streamx.chunk import Chunk, ChunkResult
from streamx.codec.layout import Part
from streamx.engine.flight import Flight, Outcome, parts_of
from streamx.engine.lenient_flight import LenientFlight
from streamx.engine.starting import ByPriority, InInputOrder, Starting
from streamx.flow import LatencyHistogram, together
from streamx.flow.adaptive import AdaptiveLimit
from streamx.transform.async_chain import AsyncChain
from streamx.transform.chain import Chain, Counter
from streamx.transform.functions import Calls
from streamx.transform.lenient_source import Faults
from streamx.transform.opening import Deciding, new_names
from streamx.transform.operations import Limit
from streamx.transform.record_plan import RecordPlan
from streamx.transform.results import CallError, Item, stop
from streamx.transform.retries import RetryCount

Emit = Callable[[Part], Awaitable[None]]

# Chunks are handed on early, so that many records are on their way even if a chunk holds few.
_MOST_LANES = 32


class LoopEngine:
    """Runs a plan with asynchronous functions.

    Records start in input order, or by the plan's priority, `plan.calls.concurrency` of them on
    their way at a time, across chunks. One that is slow holds up nobody: those behind it go on as
    far as credits reach, are encoded when they have ended and wait for it as bytes.

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
        self._faults = Faults()
        self._before = Chain(before, refuse=self._faults.refuse if plan.lenience else stop)
        self._retries = RetryCount()
        self._middle = AsyncChain(middle, plan.calls, self._note_overload, self._retries.note)
        self._behind = Chain([step for step in behind if not isinstance(step, Limit)])
        self._encoder = plan.encoder()
        self._is_settled = asyncio.Event()
        if not plan.is_open:
            self._is_settled.set()
        self._slots = _slots(plan.calls)
        self._starting = self._starting_of(plan)
        self._turn = asyncio.Lock()  # to read records: a chunk's all come before the next one's
        self._is_entered = False

    pids = ()

    @property
    def record_latency(self) -> LatencyHistogram:
        """How long each record took, from its start to its encoded result."""
        return self._slots.latency

    async def run(self, chunk: Chunk, emit: Emit) -> ChunkResult:
        """Run the plan on one chunk, emitting its output as records end."""
        flight = self._flight(chunk)
        try:
            await together(self._start(flight), self._emit(flight, emit))
        finally:
            await flight.cancel()
        for lines in flight.last_rejects():
            await emit(lines)
        result = replace(flight.result(), retries=self._retries.taken())
        self._limits = result.left_of(self._limits)
        return result

    async def close(self) -> None:
        """Leave the contexts of the functions."""
        if self._is_entered:
            self._is_entered = False
            await self._middle.__aexit__(None, None, None)

    def _flight(self, chunk: Chunk) -> Flight:
        known = chunk, self._plan.of(chunk.file), self._limits
        if self._plan.lenience is None:
            return Flight(*known, is_ordered=self._is_ordered)
        return LenientFlight(*known, self._plan.lenience, self._faults, is_ordered=self._is_ordered)

    async def _start(self, flight: Flight) -> None:
        async with self._turn:
            await self._enter()
            if not flight.is_first:
                await self._is_settled.wait()
            flight.starting = asyncio.current_task()
            try:
                await self._starting.read(flight, flight.items(self._before))
            except CallError as error:
                flight.fail_at_start(error)
        await self._starting.start_rest(flight)
        flight.close()

    def _starting_of(self, plan: RecordPlan) -> Starting:
        if plan.priority is None:
            return InInputOrder(self._slots, self._take)
        from streamx.transform.priority import urgency_of

        urgency, is_lenient = urgency_of(plan.priority), plan.lenience is not None
        return ByPriority(self._slots, self._take, urgency, is_lenient=is_lenient)

    async def _enter(self) -> None:
        if not self._is_entered:
            self._before.__enter__()
            self._behind.__enter__()
            await self._middle.__aenter__()
            self._is_entered = True

    def _note_overload(self) -> None:
        self._slots.note_overload()

    async def _take(self, item: Item, started: float) -> Outcome:
        """Take one record through everything; what goes wrong is part of the outcome."""
        outcome, is_sign = Outcome(), False
        try:
            for result in self._behind.run(await self._middle.run(item), Counter(())):
                outcome.results.append(result)
                if self._is_settled.is_set():
                    self._encode(outcome)
            is_sign = True
        except CallError as error:
            return Outcome(error.bad)
        finally:
            self._slots.release(started, is_sign=is_sign)
        if outcome.bad is None:
            outcome.waiting_bytes = sum(map(len, outcome.lines))
        return outcome

    def _encode(self, outcome: Outcome) -> None:
        """Encode the results of a record; if one cannot be, there is none of them."""
        for result in outcome.results:
            if outcome.bad is None:
                outcome.lines.append(self._encoder.encode([result], outcome.tally))
                bad, outcome.tally.bad = outcome.tally.bad, None
                if bad is not None:
                    outcome.bad = replace(bad, stage="encode")
                    outcome.lines.clear()
        outcome.results.clear()

    async def _emit(self, flight: Flight, emit: Emit) -> None:
        if flight.is_first and not self._is_settled.is_set():
            await self._emit_opening(flight, emit)
        while not flight.has_ended and (outcomes := await flight.next()):
            await self._emit_outcomes(outcomes, flight, emit)
        if flight.has_ended:
            flight.start_no_more()

    async def _emit_opening(self, flight: Flight, emit: Emit) -> None:
        """Hold the first results back until they have decided the columns."""
        held: list[Outcome] = []
        deciding = Deciding()
        while not deciding.is_enough and (outcomes := await flight.next()):
            held += outcomes
            deciding.take(result for outcome in outcomes for result in outcome.results)
            if flight.ends_with(outcomes):
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

    async def _emit_outcomes(self, outcomes: list[Outcome], flight: Flight, emit: Emit) -> None:
        for outcome in outcomes:
            self._encode(outcome)
        part = flight.gathered(outcomes)
        if part:
            await emit(part)
        for lines in flight.full_rejects():
            await emit(lines)
        flight.note_written(outcomes)


def _slots(calls: Calls) -> AdaptiveLimit:
    """Return what bounds the records on their way."""
    if calls.concurrency == "auto":
        return AdaptiveLimit(most=calls.most_concurrency)
    return AdaptiveLimit(calls.concurrency, calls.concurrency, is_fixed=True)
