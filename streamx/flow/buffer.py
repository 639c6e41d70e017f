"""BoundedBuffer: a queue with room for a number of items and a number of bytes, and no more."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


class BufferClosedError(Exception):
    """Something was put into a closed buffer, or asked of one that is closed and empty."""


@dataclass(frozen=True, slots=True)
class BufferStatistics:
    """A snapshot of a buffer.

    Attributes:
        fill, fill_bytes: what it holds now.
        capacity, capacity_bytes: its high-water marks, which the fill never exceeds
            (but for a single item larger than capacity_bytes, admitted alone).
        peak_fill, peak_bytes: the most it ever held.
        total: items that have passed through or are inside.
        is_paused: its producers are waiting for the low-water mark.
        producer_wait_seconds, consumer_wait_seconds: time during which at least one of them
            waited for room, for an item.
    """

    fill: int
    fill_bytes: int
    capacity: int
    capacity_bytes: int
    peak_fill: int
    peak_bytes: int
    total: int
    is_paused: bool
    producer_wait_seconds: float
    consumer_wait_seconds: float


class WaitClock:
    """Adds up the time during which at least one task waits, in `with` blocks."""

    def __init__(self) -> None:
        self.waiting = 0
        self._seconds = 0.0
        self._since = 0.0

    @property
    def seconds(self) -> float:
        """The time so far, a wait that is going on included."""
        return self._seconds + (time.monotonic() - self._since if self.waiting else 0.0)

    def __enter__(self) -> None:
        if self.waiting == 0:
            self._since = time.monotonic()
        self.waiting += 1

    def __exit__(self, *_: object) -> None:
        self.waiting -= 1
        if self.waiting == 0:
            self._seconds += time.monotonic() - self._since


class BoundedBuffer(Generic[T]):
    """A first-in, first-out buffer between one or more producers and consumers.

    A producer that finds no room pauses until the fill has fallen to the low-water mark, so
    that it is not woken for every single item. An item larger than `capacity_bytes` is
    admitted when the buffer is empty: it could pass no other way.

    Args:
        capacity: most items held (the high-water mark), at least 1.
        capacity_bytes: most bytes held, at least 1.
        size_of: bytes of one item; `len` for bytes.
        low_water: items at which paused producers resume; half of the capacity by default.

    Example:
        >>> async def main() -> list[bytes]:
        ...     buffer: BoundedBuffer[bytes] = BoundedBuffer(4, 1024, size_of=len)
        ...     await buffer.put(b"a chunk")
        ...     buffer.close()
        ...     return [item async for item in buffer]
        >>> asyncio.run(main())
        [b'a chunk']
    """

    def __init__(
        self,
        capacity: int,
        capacity_bytes: int,
        *,
        size_of: Callable[[T], int],
        low_water: int | None = None,
    ) -> None:
        if capacity < 1 or capacity_bytes < 1:
            raise ValueError("a buffer needs room for at least one item and one byte")
        self.capacity = capacity
        self.capacity_bytes = capacity_bytes
        self.low_water = capacity // 2 if low_water is None else low_water
        if not 0 <= self.low_water < capacity:
            raise ValueError("the low-water mark must lie below the capacity")
        self._size_of = size_of
        self._items: deque[tuple[T, int]] = deque()
        self._fill_bytes = 0
        self._is_closed = False
        self._room = asyncio.Event()
        self._room.set()
        self._arrival = asyncio.Event()
        self._peak_fill = 0
        self._peak_bytes = 0
        self._total = 0
        self._producer_wait = WaitClock()
        self._consumer_wait = WaitClock()

    async def put(self, item: T) -> None:
        """Add an item, waiting for room first.

        Raises:
            BufferClosedError: the buffer is closed, or was closed during the wait.
        """
        size_bytes = self._size_of(item)
        with self._producer_wait:
            while not self._has_room(size_bytes) and not self._is_closed:
                self._room.clear()
                await self._room.wait()
        if self._is_closed:
            raise BufferClosedError("put() after close()")
        self._items.append((item, size_bytes))
        self._fill_bytes += size_bytes
        self._total += 1
        self._peak_fill = max(self._peak_fill, len(self._items))
        self._peak_bytes = max(self._peak_bytes, self._fill_bytes)
        self._arrival.set()

    async def get(self) -> T:
        """Take the oldest item, waiting for one first.

        Raises:
            BufferClosedError: the buffer is closed and empty.
        """
        with self._consumer_wait:
            while not self._items and not self._is_closed:
                self._arrival.clear()
                await self._arrival.wait()
        if not self._items:
            raise BufferClosedError("get() from a closed and empty buffer")
        item, size_bytes = self._items.popleft()
        self._fill_bytes -= size_bytes
        if len(self._items) <= self.low_water and self._fill_bytes <= self.capacity_bytes // 2:
            self._room.set()
        return item

    def close(self) -> None:
        """Say that nothing more will be put; what is inside can still be taken."""
        self._is_closed = True
        self._room.set()
        self._arrival.set()

    def statistics(self) -> BufferStatistics:
        """Return a snapshot of fill, peaks and waiting times."""
        return BufferStatistics(
            fill=len(self._items),
            fill_bytes=self._fill_bytes,
            capacity=self.capacity,
            capacity_bytes=self.capacity_bytes,
            peak_fill=self._peak_fill,
            peak_bytes=self._peak_bytes,
            total=self._total,
            is_paused=not self._room.is_set(),
            producer_wait_seconds=self._producer_wait.seconds,
            consumer_wait_seconds=self._consumer_wait.seconds,
        )

    def __aiter__(self) -> BoundedBuffer[T]:
        return self

    async def __anext__(self) -> T:
        try:
            return await self.get()
        except BufferClosedError:
            raise StopAsyncIteration from None

    def _has_room(self, size_bytes: int) -> bool:
        if not self._items:
            return True
        is_paused = not self._room.is_set()
        return (
            not is_paused
            and len(self._items) < self.capacity
            and self._fill_bytes + size_bytes <= self.capacity_bytes
        )
