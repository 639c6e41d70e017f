"""Credits: what a chunk takes before its bytes are read and returns when its output has drained."""

from __future__ import annotations

import asyncio

from streamx.flow.buffer import BufferStatistics, WaitClock


class Credits:
    """Bound what is in flight over a whole flow, in chunks and in bytes.

    Buffers bound their own fill; credits bound the sum, also what waits in workers and in a
    reorder window behind a slow chunk. With nothing in flight a credit is always granted,
    however large, so the oldest chunk can proceed.

    Args:
        capacity: most chunks in flight, at least 1.
        capacity_bytes: most input bytes in flight.

    Example:
        >>> async def main() -> int:
        ...     credits = Credits(2, 1024)
        ...     await credits.acquire(0, 512)   # before reading chunk 0
        ...     credits.release(0)              # after its output has drained
        ...     return credits.statistics().fill
        >>> asyncio.run(main())
        0
    """

    def __init__(self, capacity: int, capacity_bytes: int) -> None:
        if capacity < 1 or capacity_bytes < 1:
            raise ValueError("a flow needs credit for at least one chunk and one byte")
        self.capacity = capacity
        self.capacity_bytes = capacity_bytes
        self._held: dict[int, int] = {}
        self._held_bytes = 0
        self._peak_held = 0
        self._peak_bytes = 0
        self._total = 0
        self._wait = WaitClock()
        self._returned = asyncio.Event()

    async def acquire(self, sequence: int, size_bytes: int) -> None:
        """Take the credit for one chunk of about `size_bytes`, waiting until there is one."""
        await self._wait_until_granted(sequence, size_bytes)
        self._total += 1

    async def grow(self, sequence: int, size_bytes: int) -> None:
        """Raise a held credit to `size_bytes`, for a chunk whose record turned out longer."""
        await self._wait_until_granted(sequence, size_bytes)

    def release(self, sequence: int) -> None:
        """Return the credit of a chunk that has left the flow."""
        self._held_bytes -= self._held.pop(sequence)
        self._returned.set()

    def statistics(self) -> BufferStatistics:
        """Return what is in flight now and at most, as a buffer would."""
        return BufferStatistics(
            fill=len(self._held),
            fill_bytes=self._held_bytes,
            capacity=self.capacity,
            capacity_bytes=self.capacity_bytes,
            peak_fill=self._peak_held,
            peak_bytes=self._peak_bytes,
            total=self._total,
            is_paused=len(self._held) >= self.capacity,
            producer_wait_seconds=self._wait.seconds,
            consumer_wait_seconds=0.0,
        )

    async def _wait_until_granted(self, sequence: int, size_bytes: int) -> None:
        with self._wait:
            while not self._is_grantable(sequence, size_bytes):
                self._returned.clear()
                await self._returned.wait()
        self._held_bytes += size_bytes - self._held.get(sequence, 0)
        self._held[sequence] = size_bytes
        self._peak_held = max(self._peak_held, len(self._held))
        self._peak_bytes = max(self._peak_bytes, self._held_bytes)

    def _is_grantable(self, sequence: int, size_bytes: int) -> bool:
        own_bytes = self._held.get(sequence, 0)
        others = len(self._held) - (sequence in self._held)
        if others == 0:
            return True
        return (
            others < self.capacity
            and self._held_bytes - own_bytes + size_bytes <= self.capacity_bytes
        )
