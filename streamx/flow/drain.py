"""DrainWriter: accepts output until its high-water mark, then makes the producer wait for drain."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterable, Awaitable, Callable, Sequence

from streamx.flow.buffer import BufferClosedError
from streamx.flow.pipeline import together
from streamx.flow.statistics import BufferStatistics, Gauge
from streamx.flow.waiting import Signal, WaitingLine

Part = bytes | memoryview


class DrainWriter:
    """Decouple a producer of bytes from a slow sink, holding no more than a high-water mark.

    `write` returns at once while less than `high_water_bytes` wait; from there on it returns
    only when the sink has brought the backlog down to `low_water_bytes`, and nothing more is
    accepted, so the backlog is never longer than the high-water mark and one part. One task,
    `run`, hands the backlog to the sink in order.

    Args:
        sink: writes all of the parts given, a sequence of bytes or memoryviews, in order, taking
            as long as it needs. Never called while it is at work.
        high_water_bytes: backlog at which producers pause.
        low_water_bytes: backlog at which they resume; half of the high-water mark by default.
        high_water_parts: parts at which they pause, however small; they resume at half of them.

    Attributes:
        bytes_written: bytes that the sink has taken.

    Raises:
        ValueError: there is no room for a part and a byte, or the low-water mark is not below the
            high-water mark.

    Example:
        >>> import asyncio
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
        *,
        high_water_parts: int = 65_536,
    ) -> None:
        self.high_water_bytes = high_water_bytes
        self.low_water_bytes = high_water_bytes // 2 if low_water_bytes is None else low_water_bytes
        self.high_water_parts = high_water_parts
        if high_water_bytes < 1 or high_water_parts < 1:
            raise ValueError("a writer needs room for at least one part and one byte")
        if not 0 <= self.low_water_bytes < high_water_bytes:
            raise ValueError("the low-water mark must lie below the high-water mark")
        self.bytes_written = 0
        self._sink = sink
        self._backlog: deque[Part | Callable[[], None]] = deque()
        self._is_closed = False
        self._is_paused = False
        self._failure: BaseException | None = None
        self._gauge = Gauge()
        self._drained = WaitingLine()
        self._arrival = Signal()

    async def write(self, data: Part) -> None:
        """Add bytes to the backlog, and wait while it stands above the high-water mark.

        Cancelled in that wait, they are written all the same.

        Args:
            data: one part, held as it is and not copied; do not change it.

        Raises:
            BufferClosedError: the writer is closed, or writing has failed.
        """
        await self._wait_until_drained()
        if self._is_closed:
            raise BufferClosedError("write() after close()")
        self._backlog.append(data)
        self._gauge.add(len(data))
        self._arrival.notify()
        if self._is_full():
            self._is_paused = True
            await self._wait_until_drained()
        self._drained.wake()

    async def write_all(self, parts: AsyncIterable[Part]) -> None:
        """Write what comes until it ends, and return when all has reached the sink.

        It does what `run` and `close` do, so it can be the sink of a `pipeline`.

        Args:
            parts: bytes or memoryviews.
        """

        async def feed() -> None:
            async for part in parts:
                await self.write(part)
            self.close()

        await together(self.run(), feed())

    def call_when_drained(self, callback: Callable[[], None]) -> None:
        """Call back as soon as everything written so far has reached the sink.

        Args:
            callback: called once, between two writes; never if writing fails. What it raises
                ends `run`.
        """
        self._backlog.append(callback)
        self._arrival.notify()

    def close(self) -> None:
        """Say that nothing more will be written; `run` returns when the backlog is empty."""
        self._is_closed = True
        self._arrival.notify()

    async def run(self) -> None:
        """Hand the backlog to the sink until `close`; a failed write ends it with that error."""
        try:
            while True:
                await self._arrival.wait(lambda: self._is_closed or len(self._backlog) > 0)
                if not self._backlog:
                    return
                await self._write_backlog()
        except BaseException as failure:
            self._failure = failure
            self._drained.wake_all()
            raise

    def statistics(self) -> BufferStatistics:
        """Return a snapshot; the capacities are the high-water marks, `fill` counts parts."""
        return self._gauge.statistics(
            self.high_water_parts,
            self.high_water_bytes,
            self._drained.clock,
            self._arrival.clock,
            is_paused=self._is_paused,
        )

    async def _wait_until_drained(self) -> None:
        await self._drained.wait(lambda: not self._is_paused or self._failure is not None)
        if self._failure is not None:
            raise BufferClosedError("write() after the sink has failed") from self._failure

    def _is_full(self) -> bool:
        gauge = self._gauge
        return gauge.fill_bytes >= self.high_water_bytes or gauge.fill >= self.high_water_parts

    def _is_drained(self) -> bool:
        gauge = self._gauge
        return gauge.fill_bytes <= self.low_water_bytes and gauge.fill <= self.high_water_parts // 2

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
        self._gauge.remove(size_bytes, len(parts))
        if self._is_drained():
            self._is_paused = False
            self._drained.wake()
