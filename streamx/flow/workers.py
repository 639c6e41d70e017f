"""WorkerPool: a stage that runs an asynchronous function on many items at a time."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from streamx.flow.buffer import BoundedBuffer
from streamx.flow.pipeline import together
from streamx.flow.reorder import ReorderWindow

T = TypeVar("T")
P = TypeVar("P", bound=bytes | memoryview)
R = TypeVar("R")

Emit = Callable[[P], Awaitable[None]]
Work = Callable[[T, Emit[P]], Awaitable[R]]


class WorkerPool(Generic[T, P, R]):
    """Take items from `inbound`, work on `workers` of them at a time, put the output in `outbound`.

    Args:
        work: called with an item and a function that emits one part of its output (and waits
            while the window is full); returns the item's result.
        workers: how many items are worked on at a time, at least 1.
        inbound: where items come from, and wait for a worker.
        outbound: where output goes.
        is_ordered: output leaves in the order in which items were taken. Otherwise an item gets
            its place when it emits its first part, so a slow one holds nobody up.

    Example:
        >>> import asyncio
        >>> async def double(item: bytes, emit: Emit[bytes]) -> int:
        ...     await emit(item * 2)
        ...     return len(item)
        >>> async def main() -> list[bytes | int]:
        ...     inbound: BoundedBuffer[bytes] = BoundedBuffer(4, 1024, size_of=len)
        ...     outbound: ReorderWindow[bytes, int] = ReorderWindow(4, 1024)
        ...     pool = WorkerPool(double, 2, inbound, outbound)
        ...     await inbound.put(b"ab")
        ...     inbound.close()
        ...     await pool.run()
        ...     return [item async for item in outbound]
        >>> asyncio.run(main())
        [b'abab', 2]
    """

    def __init__(
        self,
        work: Work[T, P, R],
        workers: int,
        inbound: BoundedBuffer[T],
        outbound: ReorderWindow[P, R],
        *,
        is_ordered: bool = True,
    ) -> None:
        if workers < 1:
            raise ValueError("a pool needs at least one worker")
        self.workers = workers
        self.busy = 0
        self.inbound = inbound
        self.outbound = outbound
        self._work = work
        self._is_ordered = is_ordered
        self._numbers = itertools.count()

    async def run(self) -> None:
        """Work until `inbound` is closed and empty, then close `outbound`."""
        await together(*(self._run_worker() for _ in range(self.workers)))
        self.outbound.close()

    async def _run_worker(self) -> None:
        async for item in self.inbound:
            number = next(self._numbers) if self._is_ordered else None
            self.busy += 1
            try:
                await self._run_item(item, number)
            finally:
                self.busy -= 1

    async def _run_item(self, item: T, number: int | None) -> None:
        async def emit(part: P) -> None:
            nonlocal number
            if number is None:
                number = next(self._numbers)
            await self.outbound.put(number, part)

        result = await self._work(item, emit)
        self.outbound.finish(next(self._numbers) if number is None else number, result)
