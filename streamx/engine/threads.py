"""ThreadEngine: runs Plan.run in threads, which is enough where the codec releases the GIL."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable, Generator
from functools import cache, partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, NamedTuple

from streamx import position
from streamx.chunk import Chunk, ChunkResult
from streamx.codec.layout import Bad, Part, Tally
from streamx.engine.watch import Watch
from streamx.transform.plan import AnyPlan, Runner, result_of

# A step goes back to the event loop when it has made this much output: often enough that a chunk
# whose output is far larger than itself stays bounded, seldom enough that a chunk of the usual size
# with four times as much output takes two steps: each switch costs what converting 50 KiB does.
STEP_BYTES = 2 * 1024 * 1024


class ThreadEngine:
    """Runs a plan on chunks, in `workers` threads.

    The threads are its own: an executor adds two futures and a lock to every step, which is more
    than converting a part of it takes.

    Args:
        plan: what to do.
        workers: how many threads; 1 if the plan has a limit, which is counted in input order, or if
            there is a timeout.
        timeout_seconds: how long a call of a function may take; None to wait for ever. A thread
            cannot be ended: the one whose call takes longer is left to itself, and the chunk fails.

    Attributes:
        lanes: how many chunks to run at a time: one more than there are threads, so that one that
            has ended a step finds the next at hand. A limit is counted chunk by chunk.
    """

    def __init__(
        self, plan: AnyPlan, workers: int, *, timeout_seconds: float | None = None
    ) -> None:
        if (plan.limits or timeout_seconds is not None) and workers != 1:
            raise ValueError("limits are counted, and calls timed, by one worker")
        self.lanes = 1 if plan.limits else workers + 1
        self._limits = plan.limits
        self._steps: SimpleQueue[_Step | None] = SimpleQueue()
        self._failures: list[Exception] = []
        self._timeout_seconds = timeout_seconds
        self._signs = _Signs()
        arguments = (plan, self._steps, self._failures, self._signs)
        self._threads = [
            Thread(target=_work, args=arguments, name=f"streamx-worker-{number}", daemon=True)
            for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    pids = ()
    record_latency = None

    async def run(self, chunk: Chunk, emit: Callable[[Part], Awaitable[None]]) -> ChunkResult:
        """Run the plan on one chunk, emitting its output in parts."""
        loop = asyncio.get_running_loop()
        run = _Run(chunk, self._limits)
        while True:
            ended: asyncio.Future[tuple[list[Part], ChunkResult | None]] = loop.create_future()
            self._steps.put(_Step(run, loop, ended))
            try:
                with self._limited(ended):
                    parts, result = await ended
            except _OverdueError:
                return self._overdue(chunk)
            for part in parts:
                await emit(part)
            if result is not None:
                break
        self._limits = result.left_of(self._limits)
        return result

    async def close(self) -> None:
        """Let the threads end; a step that is running ends first.

        Raises:
            Exception: what a user's function raised when it was told that the run has ended.
        """
        for _ in self._threads:
            self._steps.put(None)
        if self._signs.unwanted[0]:
            return
        for thread in self._threads:
            await asyncio.to_thread(thread.join)
        if self._failures:
            raise self._failures.pop()

    def _limited(self, ended: asyncio.Future[Any]) -> contextlib.AbstractContextManager[object]:
        """Fail what waits for the end of a step when a call in it takes too long."""
        if self._timeout_seconds is None:
            return contextlib.nullcontext()
        give_up = partial(_unless_settled, ended, partial(ended.set_exception, _OverdueError()))
        return Watch(self._signs, self._timeout_seconds, give_up)

    def _overdue(self, chunk: Chunk) -> ChunkResult:
        """Leave the thread to itself, and say where it is."""
        from streamx.blame import own_stack  # which a run without functions does without

        self._signs.unwanted[0] = 1
        frame = sys._current_frames().get(self._threads[0].ident or 0)
        traceback = "" if frame is None else own_stack(frame)
        found = (
            f"a function took longer than {self._timeout_seconds:g} s, and goes on: "
            "there is no way to stop it in this process"
        )
        bad = Bad(self._signs.position[0], found, "", "transform", traceback)
        return result_of(chunk, Tally(bad=bad), (), is_last=False)


class _OverdueError(Exception):
    """A call takes longer than it may."""


class _Signs:
    """The signs of life of a thread, see Watch, and a cell to tell it that it is given up."""

    def __init__(self) -> None:
        self.position, self.last, self.beats, self.waits, self.unwanted = (
            position.new_cell() for _ in range(5)
        )


class _Run:
    """A chunk on its way through a runner."""

    def __init__(self, chunk: Chunk, limits: tuple[int, ...]) -> None:
        self._chunk = chunk
        self._limits = limits
        self._parts: Generator[Part, None, ChunkResult] | None = None

    def advance(self, runner: Runner) -> tuple[list[Part], ChunkResult | None]:
        """Make the next few parts of the output, and the result if that was all."""
        if self._parts is None:
            self._parts = runner.run(self._chunk, self._limits)
        parts: list[Part] = []
        size_bytes = 0
        while size_bytes < STEP_BYTES:
            try:
                parts.append(next(self._parts))
            except StopIteration as stop:
                return parts, stop.value
            size_bytes += len(parts[-1])
        return parts, None


class _Step(NamedTuple):
    """A run to be taken further by a thread, and who waits for that."""

    run: _Run
    loop: asyncio.AbstractEventLoop
    ended: asyncio.Future[tuple[list[Part], ChunkResult | None]]


def _work(
    plan: AnyPlan, steps: SimpleQueue[_Step | None], failures: list[Exception], signs: _Signs
) -> None:
    """Take steps until there are no more, and keep nothing of one that was taken."""
    position.note_in(signs.position, signs.last, signs.waits, signs.unwanted)
    try:
        with contextlib.ExitStack() as stack:
            runner = cache(partial(_opened, plan, stack))
            while (step := steps.get()) is not None:
                signs.beats[0] += 1
                if not step.ended.done():
                    _take(step, runner)
                del step
    except Exception as error:  # of the end of a user's context
        failures.append(error)


def _opened(plan: AnyPlan, stack: contextlib.ExitStack) -> Runner:
    with position.waiting():  # to make functions ready is no call
        return stack.enter_context(plan.opened())


def _take(step: _Step, runner: Callable[[], Runner]) -> None:
    try:
        settle = partial(step.ended.set_result, step.run.advance(runner()))
    except BaseException as error:  # whatever it is, it is for who waits
        settle = partial(step.ended.set_exception, error)
    with contextlib.suppress(RuntimeError):  # the loop has been closed, so nobody waits
        step.loop.call_soon_threadsafe(_unless_settled, step.ended, settle)


def _unless_settled(ended: asyncio.Future[Any], settle: Callable[[], None]) -> None:
    if not ended.done():
        settle()
