"""WorkerPool: runs an asynchronous function on many items at a time."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Generic, NamedTuple, Never, TypeVar, overload

from streamx.flow.buffer import BoundedBuffer, Limit
from streamx.flow.latency import LatencyHistogram
from streamx.flow.pipeline import together
from streamx.flow.reorder import ReorderWindow

T = TypeVar("T")
P = TypeVar("P", bound=bytes | memoryview)
R = TypeVar("R")

Emit = Callable[[P], Awaitable[None]]
Work = Callable[[T, Emit[P]], Awaitable[R]]


class _Task(NamedTuple, Generic[T, R]):
    """An item, and who waits for its result, if anyone does."""

    item: T
    result: asyncio.Future[R] | None


class WorkerPool(Generic[T, P, R]):
    """Work on `workers` items at a time; a limited number of others waits.

    With `outbound` it is a stage of a pipeline: items are `put`, and their output leaves through
    the window, in order or not. Any failure is the pool's. Without, it is a work queue: whoever
    has something to do submits it, and gets a future of what comes of it.

    Args:
        work: called with an item, and for a stage with a function that emits one part of its output
            (and waits while the window is full); returns the item's result.
        workers: how many items are worked on at a time, at least 1.
        inbound: the limit of what waits for a worker.
        outbound: where output goes.
        is_ordered: output leaves in the order in which items were taken. Otherwise an item gets
            its place when it emits its first part, so a slow one holds nobody up.

    Attributes:
        busy: workers at work.
        latency: how long each item took, waiting for room in `outbound` included.

    Raises:
        ValueError: there is no worker, or a limit has no room.

    Example:
        >>> async def double(item: bytes, emit: Emit[bytes]) -> int:
        ...     await emit(item * 2)
        ...     return len(item)
        >>> async def main() -> list[bytes | int]:
        ...     outbound: ReorderWindow[bytes, int] = ReorderWindow(4, 1024)
        ...     pool = WorkerPool(double, 2, Limit(4, 1024, size_of=len), outbound)
        ...     await pool.put(b"ab")
        ...     pool.close()
        ...     await pool.run()
        ...     return [item async for item in pool]
        >>> asyncio.run(main())
        [b'abab', 2]

        >>> async def upper(item: str) -> str:
        ...     return item.upper()
        >>> async def submitting() -> str:
        ...     pool = WorkerPool(upper, 2, Limit(4, 1024, size_of=len))
        ...     async with asyncio.TaskGroup() as group:
        ...         group.create_task(pool.run())
        ...         result = await pool.submit("a word")
        ...         pool.close()
        ...         return await result
        >>> asyncio.run(submitting())
        'A WORD'
    """

    @overload
    def __init__(
        self: WorkerPool[T, Never, R],
        work: Callable[[T], Awaitable[R]],
        workers: int,
        inbound: Limit[T],
    ) -> None: ...

    @overload
    def __init__(
        self,
        work: Work[T, P, R],
        workers: int,
        inbound: Limit[T],
        outbound: ReorderWindow[P, R],
        *,
        is_ordered: bool = True,
    ) -> None: ...

    def __init__(
        self,
        work: Callable[..., Awaitable[R]],
        workers: int,
        inbound: Limit[T],
        outbound: ReorderWindow[P, R] | None = None,
        *,
        is_ordered: bool = True,
    ) -> None:
        if workers < 1:
            raise ValueError("a pool needs at least one worker")
        self.workers = workers
        self.busy = 0
        self.latency = LatencyHistogram()
        self.inbound: BoundedBuffer[_Task[T, R]] = _of_tasks(inbound).buffer()
        self._outbound = outbound
        self._work: Callable[[T], Awaitable[R]] = work
        if outbound is not None:
            self._work = _emitting(work, outbound, is_ordered=is_ordered)

    @property
    def outbound(self) -> ReorderWindow[P, R]:
        """The window through which the output leaves.

        Raises:
            TypeError: the pool has none.
        """
        if self._outbound is None:
            raise TypeError("this pool has no outbound window; submit() gives its results")
        return self._outbound

    async def put(self, item: T) -> None:
        """Add an item whose output leaves through `outbound`, waiting for room first.

        Raises:
            BufferClosedError: the pool is closed, or has ended.
        """
        await self.inbound.put(_Task(item, None))

    async def submit(self, item: T) -> asyncio.Future[R]:
        """Add an item, waiting for room first, and return a future of its result or its failure.

        If that is cancelled before a worker has taken the item, nobody works on it. When the pool
        ends before its time, so are those it still owes.

        Raises:
            BufferClosedError: the pool is closed, or has ended.
            TypeError: it has a window, through which its results leave.
        """
        if self._outbound is not None:
            raise TypeError("this pool's results leave through its outbound window; put() items")
        result: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        await self.inbound.put(_Task(item, result))
        return result

    def close(self) -> None:
        """Say that nothing more will be put or submitted; `run` returns when all is worked on."""
        self.inbound.close()

    async def run(self) -> None:
        """Work until the pool is closed and nothing is left, then close `outbound`.

        Raises:
            BaseException: whatever `work` first raised for an item that was put.
        """
        try:
            await together(*(self._run_worker() for _ in range(self.workers)))
        finally:
            self.inbound.close()
            async for task in self.inbound:
                if task.result is not None:
                    task.result.cancel()
        if self._outbound is not None:
            self._outbound.close()

    def __aiter__(self) -> AsyncIterator[P | R]:
        return aiter(self.outbound)

    async def _run_worker(self) -> None:
        now = asyncio.get_running_loop().time
        async for item, result in self.inbound:
            self.busy += 1
            started = now()
            try:
                if result is None:
                    await self._work(item)
                elif not result.cancelled():
                    await self._work_for(item, result)
                self.latency.note(now() - started)
            finally:
                self.busy -= 1

    async def _work_for(self, item: T, result: asyncio.Future[R]) -> None:
        """Work on what was submitted; a failure is the submitter's affair, and not the pool's."""
        try:
            value = await self._work(item)
        except asyncio.CancelledError:
            result.cancel()
            worker = asyncio.current_task()
            if worker is not None and worker.cancelling():
                raise
        except Exception as failure:
            if not result.cancelled():
                result.set_exception(failure)
        else:
            if not result.cancelled():
                result.set_result(value)


def _of_tasks(limit: Limit[T]) -> Limit[_Task[T, Any]]:
    return Limit(
        limit.capacity,
        limit.capacity_bytes,
        size_of=lambda task: limit.size_of(task.item),
        low_water=limit.low_water,
    )


def _emitting(
    work: Work[T, P, R], outbound: ReorderWindow[P, R], *, is_ordered: bool
) -> Callable[[T], Awaitable[R]]:
    """Return work whose output goes through a window."""
    numbers = itertools.count()

    async def run(item: T) -> R:
        number = next(numbers) if is_ordered else None

        async def emit(part: P) -> None:
            nonlocal number
            if number is None:
                number = next(numbers)
            await outbound.put(number, part)

        result = await work(item, emit)
        await outbound.finish(next(numbers) if number is None else number, result)
        return result

    return run
