"""MicroBatcher: gathers single items into batches, by size or by time, whichever comes first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from streamx.flow.buffer import BufferClosedError
from streamx.flow.waiting import WaitingLine

T = TypeVar("T")
R = TypeVar("R")

_BATCHES_HELD = 8


class BatchLengthError(ValueError):
    """A batch came back with more or fewer results than it had items."""


class MicroBatcher(Generic[T, R]):
    """Give many submitters of one item each the economy of a function that takes lists.

    A batch starts when it is full, or when its first item has waited long enough. Several may be
    on their way at a time. When it holds `capacity` items, submitters wait, in the order in which
    they came.

    Args:
        process_batch: gets a list of items, returns as many results in the same order. What it
            raises is raised to each submitter of that batch.
        max_size: items in a batch at most.
        max_wait_seconds: how long an item may wait for company.
        capacity: items at most that wait for a batch or are on their way in one, at least
            `max_size`; eight batches by default.

    Raises:
        ValueError: a batch holds no item, or more than there is room for.

    Example:
        >>> async def double(items: list[int]) -> list[int]:
        ...     return [2 * item for item in items]
        >>> async def main() -> list[int]:
        ...     batcher = MicroBatcher(double, max_size=2, max_wait_seconds=0.01)
        ...     return list(await asyncio.gather(*map(batcher.submit, [1, 2, 3])))
        >>> asyncio.run(main())
        [2, 4, 6]
    """

    def __init__(
        self,
        process_batch: Callable[[list[T]], Awaitable[Sequence[R]]],
        max_size: int,
        max_wait_seconds: float,
        *,
        capacity: int | None = None,
    ) -> None:
        self.capacity = _BATCHES_HELD * max_size if capacity is None else capacity
        if not 1 <= max_size <= self.capacity:
            raise ValueError("a batch holds at least one item, and no more than there is room for")
        self.max_size = max_size
        self.max_wait_seconds = max_wait_seconds
        self._process_batch = process_batch
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._held = 0
        self._room = WaitingLine()
        self._is_closed = False

    async def submit(self, item: T) -> R:
        """Put an item into the next batch, waiting for room first, and return its result.

        Cancelling this leaves the batch to the others.

        Raises:
            Exception: whatever `process_batch` raised for the batch.
            BatchLengthError: the batch gave another number of results.
            BufferClosedError: the batcher is closed.
        """
        await self._room.wait(lambda: self._is_closed or self._held < self.capacity)
        if self._is_closed:
            raise BufferClosedError("submit() after close()")
        self._held += 1
        self._room.wake()
        result = self._add(item)
        try:
            return await result
        finally:
            self._held -= 1
            self._room.wake()

    def flush(self) -> None:
        """Start a batch of what waits, without waiting for more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch = [(item, result) for item, result in self._waiting if not result.done()]
        self._waiting = []
        if batch:
            task = asyncio.get_running_loop().create_task(self._run(batch))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def close(self) -> None:
        """Cancel what is on its way; its submitters are cancelled too."""
        self._is_closed = True
        self._room.wake_all()
        if self._timer is not None:
            self._timer.cancel()
        for _, result in self._waiting:
            result.cancel()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _add(self, item: T) -> asyncio.Future[R]:
        loop = asyncio.get_running_loop()
        result: asyncio.Future[R] = loop.create_future()
        self._waiting.append((item, result))
        if len(self._waiting) == self.max_size:
            self.flush()
        elif self._timer is None:
            self._timer = loop.call_later(self.max_wait_seconds, self.flush)
        return result

    async def _run(self, batch: list[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            results = await self._process_batch([item for item, _ in batch])
            if len(results) != len(batch):
                raise BatchLengthError(f"{len(results)} results for {len(batch)} items")
        except asyncio.CancelledError:
            for _, future in batch:
                future.cancel()
            raise
        except Exception as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)
