"""ReorderWindow: puts output that is finished in any order back into the order of its input."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

from streamx.flow.buffer import BufferStatistics, WaitClock

P = TypeVar("P", bound=bytes | memoryview)
R = TypeVar("R")


class ReorderWindow(Generic[P, R]):
    """Collect the parts of numbered outputs and hand them on in the order of the numbers.

    Each number gets any number of parts and then one result. The numbers start at 0 and have
    no gaps. When the parts held reach `capacity_bytes`, producers wait; only the oldest number,
    which everything else waits for, may still put one part at a time. So the window holds
    `capacity_bytes` and one part at most, and can never block itself.

    Args:
        capacity: most numbers expected at a time, for the statistics; the credits hold it.
        capacity_bytes: most bytes of parts held.

    Example:
        >>> async def main() -> list[bytes | str]:
        ...     window: ReorderWindow[bytes, str] = ReorderWindow(2, 1024)
        ...     await window.put(1, b"second")
        ...     window.finish(1, "two")
        ...     await window.put(0, b"first")
        ...     window.finish(0, "one")
        ...     window.close()
        ...     return [item async for item in window]
        >>> asyncio.run(main())
        [b'first', 'one', b'second', 'two']
    """

    def __init__(self, capacity: int, capacity_bytes: int) -> None:
        self.capacity = capacity
        self.capacity_bytes = capacity_bytes
        self._parts: dict[int, deque[P]] = {}
        self._results: dict[int, R] = {}
        self._oldest = 0
        self._fill_bytes = 0
        self._is_closed = False
        self._changed = asyncio.Event()
        self._arrival = asyncio.Event()
        self._peak_fill = 0
        self._peak_bytes = 0
        self._total = 0
        self._producer_wait = WaitClock()
        self._consumer_wait = WaitClock()

    async def put(self, number: int, part: P) -> None:
        """Add the next part of an output, waiting for room first."""
        with self._producer_wait:
            while not self._has_room(number, len(part)):
                self._changed.clear()
                await self._changed.wait()
        self._parts.setdefault(number, deque()).append(part)
        self._fill_bytes += len(part)
        self._note_peaks()
        if number == self._oldest:
            self._arrival.set()

    def finish(self, number: int, result: R) -> None:
        """Add the result that ends an output; it takes no room."""
        self._results[number] = result
        self._note_peaks()
        if number == self._oldest:
            self._arrival.set()

    def close(self) -> None:
        """Say that every output has been finished."""
        self._is_closed = True
        self._arrival.set()

    def statistics(self) -> BufferStatistics:
        """Return a snapshot; `fill` counts the outputs that hold a part or a result."""
        return BufferStatistics(
            fill=self._fill(),
            fill_bytes=self._fill_bytes,
            capacity=self.capacity,
            capacity_bytes=self.capacity_bytes,
            peak_fill=self._peak_fill,
            peak_bytes=self._peak_bytes,
            total=self._total,
            is_paused=self._producer_wait.waiting > 0,
            producer_wait_seconds=self._producer_wait.seconds,
            consumer_wait_seconds=self._consumer_wait.seconds,
        )

    def __aiter__(self) -> ReorderWindow[P, R]:
        return self

    async def __anext__(self) -> P | R:
        with self._consumer_wait:
            while not self._has_next():
                if self._is_closed:
                    raise StopAsyncIteration
                self._arrival.clear()
                await self._arrival.wait()
        self._changed.set()
        parts = self._parts.get(self._oldest)
        if parts:
            part = parts.popleft()
            self._fill_bytes -= len(part)
            return part
        result = self._results.pop(self._oldest)
        self._parts.pop(self._oldest, None)
        self._oldest += 1
        self._total += 1
        return result

    def _has_next(self) -> bool:
        return bool(self._parts.get(self._oldest)) or self._oldest in self._results

    def _has_room(self, number: int, size_bytes: int) -> bool:
        if self._fill_bytes + size_bytes <= self.capacity_bytes:
            return True
        return number == self._oldest and not self._parts.get(number)

    def _fill(self) -> int:
        return len(self._parts.keys() | self._results.keys())

    def _note_peaks(self) -> None:
        self._peak_fill = max(self._peak_fill, self._fill())
        self._peak_bytes = max(self._peak_bytes, self._fill_bytes)
