"""A source of bytes in memory, for tests of what reads another source."""

from __future__ import annotations

import asyncio

from streamx.read.sources import Source


class MemorySource:
    """Gives bytes, so many at a time."""

    name, total_bytes, is_live, is_slow, retries = "memory", None, False, False, 0

    def __init__(self, data: bytes, most_bytes: int) -> None:
        self._data, self._most_bytes, self.bytes_read = data, most_bytes, 0

    def read_now(self, view: memoryview) -> int | None:
        return None

    async def read_into(self, view: memoryview) -> int:
        start, count = self.bytes_read, min(len(view), self._most_bytes)
        block = self._data[start : start + count]
        view[: len(block)] = block
        self.bytes_read += len(block)
        return len(block)

    async def close(self) -> None:
        pass


def read_all(source: Source, view_bytes: int = 1 << 20) -> bytes:
    async def main() -> bytes:
        whole, view = b"", memoryview(bytearray(view_bytes))
        while count := await source.read_into(view):
            whole += view[:count]
        return whole

    return asyncio.run(main())
