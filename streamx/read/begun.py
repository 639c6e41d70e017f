"""BegunSource: gives what was read of a source to be looked at once more, then the rest."""

from __future__ import annotations

import asyncio

from streamx.read.sources import Source
from streamx.read.wrapped import WrappedSource


class BegunSource(WrappedSource):
    """A source some of which has been read.

    Args:
        inner: gives the rest.
        start: what was read.
        reading: a read that is under way and gives what comes next, if there is one.
    """

    def __init__(
        self, inner: Source, start: bytes, reading: asyncio.Task[memoryview] | None
    ) -> None:
        super().__init__(inner)
        self._start = memoryview(start)
        self._reading = reading

    @property
    def passed_on(self) -> Source:
        """What gives the bytes from here on."""
        return self if self._start or self._reading is not None else self._inner

    def read_now(self, view: memoryview) -> int | None:
        if self._start:
            return self._take(view)
        return None if self._reading is not None else self._inner.read_now(view)

    async def read_into(self, view: memoryview) -> int:
        if not self._start and self._reading is not None:
            self._start = await self._reading
            self._reading = None
            if not self._start:
                return 0
        return self._take(view) if self._start else await self._inner.read_into(view)

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await super().close()

    def _take(self, view: memoryview) -> int:
        count = min(len(self._start), len(view))
        view[:count] = self._start[:count]
        self._start = self._start[count:]
        return count
