"""DrainWriter: accepts output until its high-water mark, then makes the producer wait for drain."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from streamx.flow.buffer import BufferStatistics, WaitClock

Part = bytes | memoryview


class DrainWriter:
    """Decouple a producer of bytes from a slow sink, holding no more than a high-water mark.

    `write` returns at once while less than `high_water_bytes` wait; from there on it returns
    only when the sink has brought the backlog down to `low_water_bytes`. One task, `run`,
    hands the backlog to the sink in order.

    Args:
        sink: writes all of the parts given, in order, taking as long as it needs.
        high_water_bytes: backlog at which producers pause.
        low_water_bytes: backlog at which they resume; half of the high-water mark by default.

    Example:
        >>> written = []
        >>> async def sink(parts: Sequence[Part]) -> None:
        ...     written.extend(parts)
        >>> async def main() -> None:
        ...     writer = DrainWriter(sink, 1024)
        ...     async with asyncio.TaskGroup() as group:
        ...         group.create_task(writer.run())
        ...         await writer.write(b"some output")
        ...         writer.close()
        >>> asyncio.run(main())
        >>> written
        [b'some output']
    """

    def __init__(
        self,
        sink: Callable[[Sequence[Part]], Awaitable[None]],
        high_water_bytes: int,
        low_water_bytes: int | None = None,
    ) -> None:
        self.high_water_bytes = high_water_bytes
        self.low_water_bytes = high_water_bytes // 2 if low_water_bytes is None else low_water_bytes
        if not 0 <= self.low_water_bytes < high_water_bytes:
            raise ValueError("the low-water mark must lie below the high-water mark")
        self.bytes_written = 0
        self._sink = sink
        self._backlog: deque[Part | Callable[[], None]] = deque()
        self._backlog_parts = 0
        self._backlog_bytes = 0
        self._is_closed = False
        self._arrival = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self._peak_parts = 0
        self._peak_bytes = 0
        self._total = 0
        self._producer_wait = WaitClock()
        self._consumer_wait = WaitClock()

    async def write(self, data: Part) -> None:
        """Add bytes to the backlog, then wait while it stands above the high-water mark."""
        self._backlog.append(data)
        self._backlog_parts += 1
        self._backlog_bytes += len(data)
        self._total += 1
        self._peak_parts = max(self._peak_parts, self._backlog_parts)
        self._peak_bytes = max(self._peak_bytes, self._backlog_bytes)
        self._arrival.set()
        if self._backlog_bytes >= self.high_water_bytes:
            self._drained.clear()
        with self._producer_wait:
            await self._drained.wait()

    def call_when_drained(self, callback: Callable[[], None]) -> None:
        """Call back as soon as everything written so far has reached the sink."""
        self._backlog.append(callback)
        self._arrival.set()

    def close(self) -> None:
        """Say that nothing more will be written; `run` returns when the backlog is empty."""
        self._is_closed = True
        self._arrival.set()

    async def run(self) -> None:
        """Hand the backlog to the sink until `close`; a failed write ends it with that error."""
        while True:
            with self._consumer_wait:
                while not self._backlog:
                    if self._is_closed:
                        return
                    self._arrival.clear()
                    await self._arrival.wait()
            await self._write_backlog()

    def statistics(self) -> BufferStatistics:
        """Return a snapshot; `capacity_bytes` is the high-water mark, `fill` counts parts."""
        return BufferStatistics(
            fill=self._backlog_parts,
            fill_bytes=self._backlog_bytes,
            capacity=0,
            capacity_bytes=self.high_water_bytes,
            peak_fill=self._peak_parts,
            peak_bytes=self._peak_bytes,
            total=self._total,
            is_paused=not self._drained.is_set(),
            producer_wait_seconds=self._producer_wait.seconds,
            consumer_wait_seconds=self._consumer_wait.seconds,
        )

    async def _write_backlog(self) -> None:
        """Write what has gathered in one go: small parts would cost a switch of threads each."""
        parts: list[Part] = []
        callbacks: list[Callable[[], None]] = []
        while self._backlog:
            entry = self._backlog.popleft()
            if callable(entry):
                callbacks.append(entry)
            else:
                parts.append(entry)
        if parts:
            await self._write_through(parts)
        for callback in callbacks:
            callback()

    async def _write_through(self, parts: list[Part]) -> None:
        await self._sink(parts)
        size_bytes = sum(map(len, parts))
        self.bytes_written += size_bytes
        self._backlog_parts -= len(parts)
        self._backlog_bytes -= size_bytes
        if self._backlog_bytes <= self.low_water_bytes:
            self._drained.set()
