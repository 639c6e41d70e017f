"""Sources that give what another gives, decoded in some way."""

from __future__ import annotations

from collections.abc import Collection

from streamx.read.sources import Source


class WrappedSource:
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


class JudgedSource(WrappedSource):
    """A source that looks at the first bytes of another, to decide what is made of it."""

    def __init__(self, inner: Source) -> None:
        super().__init__(inner)
        self._start: bytes | None = None  # None before anything was read

    @property
    def passed_on(self) -> Source:
        """What gives the bytes, as far as that is known."""
        return self if self._start is None else self._inner

    def read_now(self, view: memoryview) -> int | None:
        return None if self._start is None or self._start else self._inner.read_now(view)

    async def read_into(self, view: memoryview) -> int:
        if self._start is None:
            self._start = await self._judge(len(view))
        if not self._start:
            return await self._inner.read_into(view)
        count = min(len(self._start), len(view))
        view[:count] = self._start[:count]
        self._start = self._start[count:]
        return count

    async def _judge(self, wanted_bytes: int) -> bytes:
        """Read as much as it takes, and see to what comes; return what passes as it is."""
        raise NotImplementedError

    async def _start_of(self, marks: Collection[bytes], most_bytes: int) -> bytes:
        """Read until it is known which of the marks, if any, the source begins with."""
        start = b""
        while any(mark.startswith(start) and mark != start for mark in marks):
            block = await block_of(self._inner, most_bytes - len(start))
            if not block:
                break
            start += block
        return start


async def block_of(source: Source, most_bytes: int) -> bytes:
    """Return what a source gives next, or nothing at its end."""
    block = memoryview(bytearray(most_bytes))
    return bytes(block[: await source.read_into(block)])
