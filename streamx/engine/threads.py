"""ThreadEngine: runs Plan.run in threads, which is enough where the codec releases the GIL."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Generator
from functools import cache, partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, NamedTuple

from streamx.chunk import Chunk, ChunkResult
from streamx.codec.layout import Part
from streamx.transform.plan import AnyPlan, Runner

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
        workers: how many threads; 1 if the plan has a limit, which is counted in input order.

    Attributes:
        lanes: how many chunks to run at a time: one more than there are threads, so that one that
            has ended a step finds the next at hand. A limit is counted chunk by chunk.
    """

    def __init__(self, plan: AnyPlan, workers: int) -> None:
        if plan.limits and workers != 1:
            raise ValueError("a limit is counted in order, by one worker")
        self.lanes = 1 if plan.limits else workers + 1
        self._limits = plan.limits
        self._steps: SimpleQueue[_Step | None] = SimpleQueue()
        self._failures: list[Exception] = []
        arguments = (plan, self._steps, self._failures)
        self._threads = [
            Thread(target=_work, args=arguments, name=f"streamx-worker-{number}", daemon=True)
            for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, chunk: Chunk, emit: Callable[[Part], Awaitable[None]]) -> ChunkResult:
        """Run the plan on one chunk, emitting its output in parts."""
        loop = asyncio.get_running_loop()
        run = _Run(chunk, self._limits)
        while True:
            ended: asyncio.Future[tuple[list[Part], ChunkResult | None]] = loop.create_future()
            self._steps.put(_Step(run, loop, ended))
            parts, result = await ended
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
        for thread in self._threads:
            await asyncio.to_thread(thread.join)
        if self._failures:
            raise self._failures.pop()


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


def _work(plan: AnyPlan, steps: SimpleQueue[_Step | None], failures: list[Exception]) -> None:
    """Take steps until there are no more, and keep nothing of one that was taken."""
    try:
        with contextlib.ExitStack() as stack:
            runner = cache(lambda: stack.enter_context(plan.opened()))
            while (step := steps.get()) is not None:
                _take(step, runner)
                del step
    except Exception as error:  # of the end of a user's context
        failures.append(error)


def _take(step: _Step, runner: Callable[[], Runner]) -> None:
    try:
        settle = partial(step.ended.set_result, step.run.advance(runner()))
    except BaseException as error:  # whatever it is, it is for who waits
        settle = partial(step.ended.set_exception, error)
    with contextlib.suppress(RuntimeError):  # the loop has been closed, so nobody waits
        step.loop.call_soon_threadsafe(_unless_cancelled, step.ended, settle)


def _unless_cancelled(ended: asyncio.Future[Any], settle: Callable[[], None]) -> None:
    if not ended.done():
        settle()
