"""BlockSource: what the sources have in common whose blocks are longer than what is asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod


class BlockSource(ABC):
    """Gives the bytes of blocks, and keeps the rest of one until it is asked for."""

    def __init__(self) -> None:
        self._rest = memoryview(b"")

    @abstractmethod
    async def _next_block(self) -> bytes | bytearray | memoryview | None:
        """Return the next block, which may be empty, or None at the end."""

    def read_now(self, view: memoryview) -> int | None:
        if not self._rest:
            return None
        count = min(len(self._rest), len(view))
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    async def read_into(self, view: memoryview) -> int:
        while not self._rest:
            block = await self._next_block()
            if block is None:
                return 0
            self._rest = memoryview(block)
        return self.read_now(view) or 0
