"""PriorityBuffer: a bounded buffer whose most urgent item leaves first."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from streamx.flow.buffer import BoundedBuffer

T = TypeVar("T")


class PriorityBuffer(BoundedBuffer[T]):
    """A BoundedBuffer from which the item of the lowest priority number is taken first.

    Items of equal priority leave in the order in which they came in. Priority is among what is
    inside: producers that wait for room have their turn in the order in which they came.

    Args:
        capacity, capacity_bytes, size_of, low_water: as for BoundedBuffer, as is what they raise.
        priority_of: the priority of an item, anything that can be ordered; the lowest goes first.
            What it raises, or a comparison does, is raised by `put`, and the item is not in.

    Example:
        >>> import asyncio
        >>> async def main() -> list[str]:
        ...     buffer = PriorityBuffer(4, 1024, size_of=len, priority_of=len)
        ...     for word in ("later", "now", "soon", "too"):
        ...         await buffer.put(word)
        ...     buffer.close()
        ...     return [word async for word in buffer]
        >>> asyncio.run(main())
        ['now', 'too', 'soon', 'later']
    """

    def __init__(
        self,
        capacity: int,
        capacity_bytes: int,
        *,
        size_of: Callable[[T], int],
        priority_of: Callable[[T], Any],
        low_water: int | None = None,
    ) -> None:
        super().__init__(capacity, capacity_bytes, size_of=size_of, low_water=low_water)
        self._items = _Heap(priority_of)


class _Heap(Generic[T]):
    """Entries of a buffer, by priority and then by arrival."""

    def __init__(self, priority_of: Callable[[T], Any]) -> None:
        self._priority_of = priority_of
        self._arrivals = itertools.count()
        self._entries: list[tuple[Any, int, tuple[T, int]]] = []

    def append(self, entry: tuple[T, int], /) -> None:
        added = (self._priority_of(entry[0]), next(self._arrivals), entry)
        try:
            heapq.heappush(self._entries, added)
        except BaseException:  # of a comparison, on its way through the heap
            self._entries = [each for each in self._entries if each is not added]
            heapq.heapify(self._entries)
            raise

    def popleft(self) -> tuple[T, int]:
        return heapq.heappop(self._entries)[2]

    def __len__(self) -> int:
        return len(self._entries)
