"""Fakes for testing flows: their speed is in the hands of the test, so nothing has to sleep."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence


class SlowSink:
    """A sink for `DrainWriter` that takes one write at a time, when the test lets it.

    Attributes:
        written: what was taken, the parts of each write joined.

    Example:
        >>> async def main() -> list[bytes]:
        ...     sink = SlowSink()
        ...     writing = asyncio.ensure_future(sink.write([b"la", b"te"]))
        ...     await settle()
        ...     assert not writing.done()
        ...     await sink.take()
        ...     return sink.written
        >>> asyncio.run(main())
        [b'late']
    """

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self._permits = asyncio.Semaphore(0)

    async def take(self, writes: int = 1) -> None:
        """Let that many writes through, and let everything run that can then go on."""
        for _ in range(writes):
            self._permits.release()
        await settle()

    async def write(self, parts: Sequence[bytes | memoryview]) -> None:
        """Wait for `take`, then keep what the parts hold."""
        await self._permits.acquire()
        self.written.append(b"".join(parts))


async def settle(rounds: int = 20) -> None:
    """Let all tasks run until each waits for something that only the test can give it."""
    for _ in range(rounds):
        await asyncio.sleep(0)
