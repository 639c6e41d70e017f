"""BoundedBuffer: a queue with room for a number of items and a number of bytes, and no more."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

from streamx.flow.statistics import BufferStatistics, Gauge
from streamx.flow.waiting import WaitingLine

T = TypeVar("T")

OnFull = Literal["block", "drop-oldest", "drop-newest", "error"]


class BufferClosedError(Exception):
    """Something was put into a closed buffer, or asked of one that is closed and empty."""


class BufferFullError(Exception):
    """Something was put into a full buffer that was told to refuse it."""


@dataclass(frozen=True, slots=True)
class Limit(Generic[T]):
    """How much a buffer may hold, in items and in bytes; what is made of it refuses wrong values.

    Attributes:
        capacity: most items held (the high-water mark), at least 1.
        capacity_bytes: most bytes held, at least 1.
        size_of: bytes of one item; `len` for bytes.
        low_water: items at which paused producers resume; half of the capacity by default.

    Example:
        >>> Limit(4, 1024, size_of=len).buffer().statistics().capacity_bytes
        1024
    """

    capacity: int
    capacity_bytes: int
    size_of: Callable[[T], int]
    low_water: int | None = None

    def buffer(self) -> BoundedBuffer[T]:
        """Return a buffer that holds no more.

        Raises:
            ValueError: there is no room for an item and a byte, or the low-water mark is too high.
        """
        return BoundedBuffer(
            self.capacity, self.capacity_bytes, size_of=self.size_of, low_water=self.low_water
        )


class Items(Protocol[T]):
    """What a buffer keeps its items in, each with its size in bytes; a deque, for one."""

    def append(self, entry: tuple[T, int], /) -> None: ...

    def popleft(self) -> tuple[T, int]: ...

    def __len__(self) -> int: ...


class BoundedBuffer(Generic[T]):
    """A first-in, first-out buffer between any number of producers and consumers.

    A producer that finds no room pauses until the fill has fallen to the low-water mark, so
    that it is not woken for every single item. Producers have their turn in the order in which
    they came, and so have consumers. An item larger than `capacity_bytes` is admitted when the
    buffer is empty: it could pass no other way. Cancelling a `put` that waits means that the item
    is not in; cancelling a `get`, that nothing was taken.

    Args:
        capacity: most items held (the high-water mark), at least 1.
        capacity_bytes: most bytes held, at least 1.
        size_of: bytes of one item; `len` for bytes.
        low_water: items at which paused producers resume; half of the capacity by default.
        on_full: what happens to a `put` that finds no room: it waits ("block"), or makes room by
            dropping what came first ("drop-oldest"), or its own item is dropped ("drop-newest"),
            or it raises BufferFullError ("error"). None but the first ever waits.
        on_drop: called with each item dropped, so that what was counted for it can be given back.

    Raises:
        ValueError: there is no room for an item and a byte, or the low-water mark is not below
            the capacity.

    Example:
        >>> import asyncio
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
        on_full: OnFull = "block",
        on_drop: Callable[[T], object] | None = None,
    ) -> None:
        if capacity < 1 or capacity_bytes < 1:
            raise ValueError("a buffer needs room for at least one item and one byte")
        self.capacity = capacity
        self.capacity_bytes = capacity_bytes
        self.low_water = capacity // 2 if low_water is None else low_water
        if not 0 <= self.low_water < capacity:
            raise ValueError("the low-water mark must lie below the capacity")
        self.on_full = on_full
        self._on_drop = on_drop
        self._size_of = size_of
        self._items: Items[T] = deque()
        self._gauge = Gauge()
        self._is_closed = False
        self._producers = WaitingLine()
        self._consumers = WaitingLine()

    async def put(self, item: T) -> None:
        """Add an item, waiting for room first, or doing what `on_full` says.

        Cancelled while it waits, the item is not in.

        Raises:
            BufferClosedError: the buffer is closed, or was closed during the wait.
            BufferFullError: there is no room, and `on_full` is "error".
        """
        self._refuse_if_closed()
        size_bytes = self._size_of(item)
        if self._producers.is_occupied or not self._has_room(size_bytes):
            if not await self._may_enter(item, size_bytes):
                return
            self._refuse_if_closed()
        try:
            self._items.append((item, size_bytes))
            self._gauge.add(size_bytes)
        finally:
            self._producers.wake()
            self._consumers.wake()

    async def get(self) -> T:
        """Take and return the oldest item, waiting for one first.

        Cancelled while it waits, nothing is taken.

        Raises:
            BufferClosedError: the buffer is closed and empty.
        """
        if not self._is_closed and (self._consumers.is_occupied or not self._items):
            await self._consumers.wait(lambda: self._is_closed or len(self._items) > 0)
        if not self._items:
            raise BufferClosedError("get() from a closed and empty buffer")
        item = self._take()
        if self._is_at_low_water():
            self._producers.wake()
        self._consumers.wake()
        return item

    def close(self) -> None:
        """Say that nothing more will be put; what is inside can still be taken."""
        self._is_closed = True
        self._producers.wake_all()
        self._consumers.wake_all()

    def statistics(self) -> BufferStatistics:
        """Return a snapshot of fill, peaks and waiting times."""
        return self._gauge.statistics(
            self.capacity, self.capacity_bytes, self._producers.clock, self._consumers.clock
        )

    def __aiter__(self) -> BoundedBuffer[T]:
        return self

    async def __anext__(self) -> T:
        try:
            return await self.get()
        except BufferClosedError:
            raise StopAsyncIteration from None

    async def _may_enter(self, item: T, size_bytes: int) -> bool:
        """Find room for an item; return whether it may have it."""
        match self.on_full:
            case "block":
                await self._producers.wait(lambda: self._is_closed or self._has_room(size_bytes))
            case "drop-oldest":
                while not self._has_room(size_bytes):
                    self._drop(self._take())
            case "drop-newest":
                self._drop(item)
                return False
            case "error":
                raise BufferFullError(
                    f"put() of {size_bytes} bytes into a buffer that holds "
                    f"{self._gauge.fill} of {self.capacity} items and "
                    f"{self._gauge.fill_bytes} of {self.capacity_bytes} bytes"
                )
        return True

    def _take(self) -> T:
        item, size_bytes = self._items.popleft()
        self._gauge.remove(size_bytes)
        return item

    def _drop(self, item: T) -> None:
        self._gauge.dropped += 1
        if self._on_drop is not None:
            self._on_drop(item)

    def _refuse_if_closed(self) -> None:
        if self._is_closed:
            raise BufferClosedError("put() after close()")

    def _has_room(self, size_bytes: int) -> bool:
        gauge = self._gauge
        return gauge.fill == 0 or (
            gauge.fill < self.capacity and gauge.fill_bytes + size_bytes <= self.capacity_bytes
        )

    def _is_at_low_water(self) -> bool:
        gauge = self._gauge
        return gauge.fill <= self.low_water and gauge.fill_bytes <= self.capacity_bytes // 2
