"""Credits: what a chunk takes before its bytes are read and returns when its output has drained."""

from __future__ import annotations

from streamx.flow.statistics import BufferStatistics, Gauge
from streamx.flow.waiting import Signal


class Credits:
    """Bound what is in flight over a whole flow, in chunks and in bytes.

    Buffers bound their own fill; credits bound the sum, also what waits in workers and in a
    reorder window behind a slow chunk. With nothing in flight a credit is always granted,
    however large, so the oldest chunk can proceed.

    Args:
        capacity: most chunks in flight, at least 1.
        capacity_bytes: most input bytes in flight, at least 1.

    Raises:
        ValueError: there is no credit for a chunk and a byte.

    Source: credit-based flow control, as in Kung, Blackwell and Chapman, "Credit-based flow control
    for ATM networks" (1994), and in HTTP/2 (RFC 9113, 5.2).

    Example:
        >>> import asyncio
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
        self._gauge = Gauge()
        self._returned = Signal()

    async def acquire(self, sequence: int, size_bytes: int) -> None:
        """Take the credit for one chunk, waiting until there is one.

        Args:
            sequence: the chunk's number, by which its credit is known.
            size_bytes: about what it will hold.
        """
        await self.grow(sequence, size_bytes)

    async def grow(self, sequence: int, size_bytes: int) -> None:
        """Raise a held credit, for a chunk whose record turned out longer, waiting until it may.

        Args:
            sequence: the chunk's number.
            size_bytes: what it is to hold in all.
        """
        await self._returned.wait(lambda: self._is_grantable(sequence, size_bytes))
        held_bytes = self._held.get(sequence)
        if held_bytes is None:
            self._gauge.add(size_bytes)
        else:
            self._gauge.add(size_bytes - held_bytes, items=0)
        self._held[sequence] = size_bytes

    def release(self, sequence: int) -> None:
        """Return the credit of a chunk that has left the flow.

        Args:
            sequence: the chunk's number.

        Raises:
            KeyError: it holds none.
        """
        self._gauge.remove(self._held.pop(sequence))
        self._returned.notify()

    def statistics(self) -> BufferStatistics:
        """Return what is in flight now and at most, as a buffer would."""
        return self._gauge.statistics(
            self.capacity,
            self.capacity_bytes,
            self._returned.clock,
            is_paused=len(self._held) >= self.capacity,
        )

    def _is_grantable(self, sequence: int, size_bytes: int) -> bool:
        own_bytes = self._held.get(sequence, 0)
        others = len(self._held) - (sequence in self._held)
        if others == 0:
            return True
        return (
            others < self.capacity
            and self._gauge.fill_bytes - own_bytes + size_bytes <= self.capacity_bytes
        )
