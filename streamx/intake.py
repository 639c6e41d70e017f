"""Intake: the way of chunks from the reader to the workers."""

from __future__ import annotations

from streamx.chunk import Chunk
from streamx.flow import BufferStatistics, Credits, Duplex, Limit
from streamx.flow.buffer import OnFull
from streamx.monitor.report import Totals
from streamx.sizing import Sizing


class Intake:
    """Chunks wait in the workers' own buffer, and the reader waits for credit; nothing is dropped.

    Attributes:
        reader_credits: taken by the reader before it reads a chunk.
        limit: of the workers' own buffer.
        stages: between the reader and the workers.
    """

    stages: tuple[Duplex, ...] = ()

    def __init__(self, sizing: Sizing, credits: Credits) -> None:
        self.reader_credits = credits
        self.limit: Limit[Chunk] = Limit(
            sizing.buffer_chunks, sizing.buffer_bytes, size_of=lambda chunk: len(chunk.data)
        )

    def statistics(self, workers_buffer: BufferStatistics) -> BufferStatistics:
        """Return those of the buffer in which chunks wait for a worker."""
        return workers_buffer


def open_intake(on_full: OnFull | None, sizing: Sizing, credits: Credits, totals: Totals) -> Intake:
    """Return the intake of a run.

    Args:
        on_full: what happens when there is no room.
        sizing: how much may wait.
        credits: of what is in flight.
        totals: what dropped records are added to.
    """
    if on_full is None or on_full == "block":
        return Intake(sizing, credits)
    from streamx.overflow import OverflowingIntake

    return OverflowingIntake(sizing, credits, on_full, totals)
