"""Overflow: what a live input does that comes faster than it is taken and must not wait."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import replace

from streamx.chunk import Chunk, Place
from streamx.codec.counting import count_records
from streamx.errors import InputOverflowError
from streamx.flow import BoundedBuffer, BufferFullError, BufferStatistics, Credits, Limit
from streamx.flow.buffer import OnFull
from streamx.intake import Intake
from streamx.monitor.report import Totals
from streamx.sizing import Sizing


class OverflowingIntake(Intake):
    """The reader never waits: a chunk that finds no room is dropped, or another in its place.

    Chunks wait in a buffer in front of the workers, and take their credit when they leave it. The
    reader has credits of its own: for each that waits, one for the chunk that it reads and one for
    that which is about to leave. A dropped chunk returns its own at once. What is dropped leaves no
    gap in the sequence numbers, which chunks get as they leave the buffer.

    Args:
        sizing: how much may wait.
        credits: of what is on its way behind the buffer.
        on_full: which chunk is dropped when there is no room; "error" to end the run.
        totals: what dropped records are added to.
    """

    def __init__(
        self,
        sizing: Sizing,
        credits: Credits,
        on_full: OnFull,
        totals: Totals,
    ) -> None:
        super().__init__(sizing, credits)
        # In chunks only: what waits is bounded in bytes by its buffer, and the reader never waits.
        self.reader_credits = Credits(sizing.reserve_credits, sys.maxsize)
        self.stages = (self,)
        self._buffer: BoundedBuffer[Chunk] = BoundedBuffer(
            self.limit.capacity,
            self.limit.capacity_bytes,
            size_of=self.limit.size_of,
            on_full=on_full,
            on_drop=self._drop,
        )
        self.limit = Limit(1, sizing.chunk_size_bytes, size_of=self.limit.size_of)
        self._credits = credits
        self._totals = totals

    async def put(self, chunk: Chunk) -> None:
        """Add a chunk, or drop one, without waiting for room.

        Raises:
            InputOverflowError: there is no room, and that ends the run.
        """
        try:
            await self._buffer.put(chunk)
        except BufferFullError:
            waiting = self._buffer.statistics()
            raise InputOverflowError(
                f"{self._totals.source}, line {chunk.line} (byte {chunk.offset}): no room for what "
                f"follows: {waiting.fill} chunks ({waiting.fill_bytes:,} bytes) wait for a worker; "
                "--on-full error ends the run there, a larger --buffer holds more"
            ) from None
        # A worker that is idle takes it before the next one comes and finds no room.
        await asyncio.sleep(0)

    def close(self) -> None:
        """Say that nothing more will be put."""
        self._buffer.close()

    async def __aiter__(self) -> AsyncIterator[Chunk]:
        sequence = 0
        async for chunk in self._buffer:
            await self._credits.acquire(sequence, len(chunk.data))
            self.reader_credits.release(chunk.sequence)
            yield replace(chunk, sequence=sequence)
            sequence += 1

    def statistics(self, workers_buffer: BufferStatistics) -> BufferStatistics:
        idle_seconds = workers_buffer.consumer_wait_seconds
        return replace(self._buffer.statistics(), consumer_wait_seconds=idle_seconds)

    def _drop(self, chunk: Chunk) -> None:
        self.reader_credits.release(chunk.sequence)
        records = count_records(chunk.data, self._totals.plan.layout.source)
        self._totals.drop(records, Place(chunk.line, chunk.offset))
