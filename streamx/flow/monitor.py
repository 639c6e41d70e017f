"""FlowMonitor: takes snapshots of a running flow, for bars, reports and metrics to show."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from streamx.flow.statistics import BufferStatistics


@dataclass(frozen=True, slots=True)
class FlowSnapshot:
    """A flow at one moment.

    Attributes:
        seconds: time since the flow started.
        bytes_read, total_bytes: input consumed, and its size where that is known.
        bytes_written, records: output so far.
        bad_records: records left out so far.
        workers_busy, workers: workers at work, and how many there are.
        buffers: statistics by buffer name, in the order of the flow.
        waiting_on: the part that holds the others up: "reader", "workers" or "writer".
    """

    seconds: float
    bytes_read: int
    total_bytes: int | None
    bytes_written: int
    records: int
    workers_busy: int
    workers: int
    buffers: dict[str, BufferStatistics]
    waiting_on: str
    bad_records: int = 0


@dataclass
class FlowMonitor:
    """Reads the counters of a flow's parts without touching the flow.

    The parts count for themselves; the monitor only holds functions that look at them, so a
    flow that nobody watches pays nothing.
    """

    bytes_read: Callable[[], int]
    total_bytes: int | None
    bytes_written: Callable[[], int]
    workers_busy: Callable[[], int]
    workers: int
    input_buffer: Callable[[], BufferStatistics]
    reorder_window: Callable[[], BufferStatistics]
    output_buffer: Callable[[], BufferStatistics]
    in_flight: Callable[[], BufferStatistics]
    records: int = 0
    bad_records: int = 0
    started: float = field(default_factory=time.monotonic)
    _looked_at: float = field(default_factory=time.monotonic)
    _waits: tuple[float, float] = (0.0, 0.0)

    def snapshot(self) -> FlowSnapshot:
        """Look at every part once."""
        buffers = {
            "input buffer": self.input_buffer(),
            "reorder window": self.reorder_window(),
            "output buffer": self.output_buffer(),
            "in flight": self.in_flight(),
        }
        return FlowSnapshot(
            seconds=time.monotonic() - self.started,
            bytes_read=self.bytes_read(),
            total_bytes=self.total_bytes,
            bytes_written=self.bytes_written(),
            records=self.records,
            workers_busy=self.workers_busy(),
            workers=self.workers,
            buffers=buffers,
            waiting_on=self._bottleneck(buffers),
            bad_records=self.bad_records,
        )

    def _bottleneck(self, buffers: dict[str, BufferStatistics]) -> str:
        """Name the part that others have mostly been waiting for since the last snapshot."""
        now = time.monotonic()
        waits = (
            buffers["output buffer"].producer_wait_seconds,
            buffers["input buffer"].consumer_wait_seconds,
        )
        elapsed = max(now - self._looked_at, 1e-9)
        for_writer, for_reader = (
            (wait - before) / elapsed for wait, before in zip(waits, self._waits, strict=True)
        )
        self._looked_at, self._waits = now, waits
        if for_writer > 0.5:
            return "writer"
        return "reader" if for_reader > 0.5 else "workers"
