"""ThreadEngine: runs Plan.run in threads, which is enough where the codec releases the GIL."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor

from streamx.chunk import Chunk, ChunkResult
from streamx.codec.layout import Part
from streamx.transform.plan import Plan

# A step goes back to the event loop when it has made this much output: often enough that a chunk
# whose output is far larger than itself stays bounded, seldom enough that a chunk of the usual size
# takes one step, with four times as much output: each switch costs what converting 50 KiB does.
STEP_BYTES = 1024 * 1024


class ThreadEngine:
    """Runs a plan on chunks, in up to `workers` threads.

    Args:
        plan: what to do.
        workers: how many threads; 1 if the plan has a limit, which is counted in input order.
    """

    def __init__(self, plan: Plan, workers: int) -> None:
        if plan.limit is not None and workers != 1:
            raise ValueError("a limit is counted in order, by one worker")
        self._plan = plan
        self._remaining = plan.limit
        self._executor = ThreadPoolExecutor(workers, "streamx-worker")

    async def run(self, chunk: Chunk, emit: Callable[[Part], Awaitable[None]]) -> ChunkResult:
        """Run the plan on one chunk, emitting its output in parts."""
        loop = asyncio.get_running_loop()
        run = self._plan.run(chunk, self._remaining)
        while True:
            parts, result = await loop.run_in_executor(self._executor, _step, run)
            for part in parts:
                await emit(part)
            if result is not None:
                break
        if self._remaining is not None:
            self._remaining -= result.records_in
        return result

    async def close(self) -> None:
        """Let the threads end; a step that is running ends first."""
        await asyncio.to_thread(self._executor.shutdown, wait=True, cancel_futures=True)


def _step(run: Generator[Part, None, ChunkResult]) -> tuple[list[Part], ChunkResult | None]:
    parts: list[Part] = []
    size_bytes = 0
    while size_bytes < STEP_BYTES:
        try:
            parts.append(next(run))
        except StopIteration as stop:
            return parts, stop.value
        size_bytes += len(parts[-1])
    return parts, None
