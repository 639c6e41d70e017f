"""Wrapped: what all sources around another source have in common."""

from __future__ import annotations

from streamx.read.sources import Source


class Wrapped:
    """A source whose bytes come from another, which counts them."""

    def __init__(self, inner: Source) -> None:
        self._inner = inner
        self.name = inner.name
        self.total_bytes = inner.total_bytes
        self.is_live = inner.is_live
        self.is_slow = inner.is_slow

    @property
    def bytes_read(self) -> int:
        return self._inner.bytes_read

    @property
    def retries(self) -> int:
        return self._inner.retries

    def read_now(self, view: memoryview) -> int | None:
        return None

    async def close(self) -> None:
        await self._inner.close()
