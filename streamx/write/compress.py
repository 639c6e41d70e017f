"""Compression on the way out: several blocks at a time, or little by little for a live reader."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from streamx.compression import Compressing, Stream
from streamx.write.sinks import Sink, WrappingSink


class CompressedSink(WrappingSink):
    """Compresses blocks of a fixed size on several threads into another sink, in their order.

    Args:
        inner: where the compressed bytes go.
        compressing: how.
    """

    def __init__(self, inner: Sink, compressing: Compressing) -> None:
        super().__init__(inner)
        self._level = compressing.level
        self._threads = compressing.threads
        self._block_bytes = compressing.compression.block_bytes
        self._coder = compressing.compression.loaded()
        self._open = bytearray()  # what makes no whole block yet
        # Blocks that are not written, with what they become.
        self._pending: deque[tuple[bytearray, asyncio.Future[bytes]]] = deque()
        self._is_begun = False

    async def write(self, parts: Sequence[bytes | memoryview]) -> None:
        for part in parts:
            rest = memoryview(part)
            while rest:
                room_bytes = self._block_bytes - len(self._open)
                self._open += rest[:room_bytes]
                rest = rest[room_bytes:]
                if len(self._open) == self._block_bytes:
                    self._begin_block()
                while len(self._pending) > self._threads:
                    await self._write_oldest()
        while self._pending and self._pending[0][1].done():
            await self._write_oldest()

    async def _end(self) -> None:
        if self._open or not self._is_begun:
            self._begin_block()
        while self._pending:
            await self._write_oldest()

    def _begin_block(self) -> None:
        block, self._open = self._open, bytearray()
        self._is_begun = True
        loop = asyncio.get_running_loop()
        compressed = loop.run_in_executor(None, self._coder.compress, block, self._level)
        self._pending.append((block, compressed))

    async def _write_oldest(self) -> None:
        _, compressed = self._pending[0]
        await self._inner.write([await compressed])
        self._pending.popleft()


class FlushingSink(WrappingSink):
    """Compresses into one member, and ends every write so that a reader can decode it at once.

    Args:
        inner: where the compressed bytes go.
        stream: compresses them.
    """

    def __init__(self, inner: Sink, stream: Stream) -> None:
        super().__init__(inner)
        self._stream = stream

    async def write(self, parts: Sequence[bytes | memoryview]) -> None:
        await self._inner.write(await asyncio.to_thread(self._stream.flushed, parts))

    async def _end(self) -> None:
        await self._inner.write([self._stream.ended()])


def compressed(sink: Sink, compressing: Compressing | None, *, is_live: bool = False) -> Sink:
    """Return a sink that compresses into another, or the other if nothing is to be compressed.

    Args:
        sink: the other.
        compressing: how.
        is_live: what comes is to be read at once, where the compression allows that.
    """
    if compressing is None:
        return sink
    stream = compressing.compression.loaded().stream
    if is_live and stream is not None:
        return FlushingSink(sink, stream(compressing.level))
    return CompressedSink(sink, compressing)
