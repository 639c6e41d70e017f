"""Measures what it takes to watch a run: the processor time of a snapshot, ten times a second.

python -m benchmarks.snapshots
"""

from __future__ import annotations

import os
import time
from statistics import median

import click

from streamx.flow import (
    BoundedBuffer,
    BufferStatistics,
    FlowCounts,
    FlowMonitor,
    LatencyHistogram,
)
from streamx.monitor.memory import resident_bytes
from streamx.monitor.record import Recorder

_ROUNDS = 9
_SNAPSHOTS = 2_000


def _monitor() -> FlowMonitor:
    """Return a monitor of all that a run with two worker processes has."""
    buffer: BoundedBuffer[bytes] = BoundedBuffer(4, 1024, size_of=len)

    def statistics() -> BufferStatistics:
        return buffer.statistics()

    latency = LatencyHistogram()
    for milliseconds in range(1, 1000):
        latency.note(milliseconds / 1000)
    return FlowMonitor(
        bytes_read=lambda: 0,
        total_bytes=None,
        bytes_written=lambda: 0,
        workers_busy=lambda: 0,
        workers=2,
        input_buffer=statistics,
        reorder_window=statistics,
        output_buffer=statistics,
        in_flight=statistics,
        counts=FlowCounts,
        memory_bytes=lambda: resident_bytes([os.getpid()] * 2),
        chunk_latency=latency,
        record_latency=latency,
    )


def _seconds_per_snapshot() -> float:
    monitor, recorder = _monitor(), Recorder()
    started = time.process_time()
    for _ in range(_SNAPSHOTS):
        recorder.show(monitor.snapshot())
    return (time.process_time() - started) / _SNAPSHOTS


def main() -> None:
    """Print the median of some rounds, and what share of a processor it comes to."""
    seconds = median(_seconds_per_snapshot() for _ in range(_ROUNDS))
    rate = 1 / Recorder.interval_seconds
    click.echo(f"{1e6 * seconds:.0f} microseconds, {rate:.0f} times a second: {rate * seconds:.2%}")


if __name__ == "__main__":
    main()
