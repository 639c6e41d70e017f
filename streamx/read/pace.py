"""ChunkPace: how much the next chunk should hold, by how long workers take for one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import monotonic

from streamx.chunk import Chunk, ChunkResult
from streamx.codec.layout import Part

Emit = Callable[[Part], Awaitable[None]]
Run = Callable[[Chunk, Emit], Awaitable[ChunkResult]]

_QUICK_SECONDS = 0.05
_SLOW_SECONDS = 0.2


class ChunkPace:
    """Makes chunks small at first, and larger as long as workers are through with one quickly.

    What a user's function takes for a record is not known before it has been called. If it is
    slow, small chunks keep all workers busy even where there are few records; if it is quick,
    large ones cost less. What a chunk holds makes no difference to the output.

    Args:
        most_bytes: what a chunk should hold at most.
        first_bytes: what the first should hold, and the least; unless given, all are alike.

    Attributes:
        chunk_size_bytes: what the next chunk should hold.

    >>> pace = ChunkPace(64, 16)
    >>> pace.note(16, seconds=0.001)
    >>> pace.chunk_size_bytes
    32
    """

    def __init__(self, most_bytes: int, first_bytes: int | None = None) -> None:
        self._first_bytes = min(first_bytes or most_bytes, most_bytes)
        self.chunk_size_bytes = self._first_bytes
        self.most_bytes = most_bytes

    def timed(self, run: Run) -> Run:
        """Return what runs a chunk and takes note of how long that took."""

        async def timed(chunk: Chunk, emit: Emit) -> ChunkResult:
            started = monotonic()
            result = await run(chunk, emit)
            self.note(len(chunk.data), monotonic() - started)
            return result

        return timed

    def note(self, size_bytes: int, seconds: float) -> None:
        """Take note of how long a chunk took. Those of another size than the next say nothing."""
        if 2 * size_bytes <= self.chunk_size_bytes:
            return
        if seconds < _QUICK_SECONDS:
            self.chunk_size_bytes = min(2 * self.chunk_size_bytes, self.most_bytes)
        elif seconds > _SLOW_SECONDS:
            self.chunk_size_bytes = max(self.chunk_size_bytes // 2, self._first_bytes)
