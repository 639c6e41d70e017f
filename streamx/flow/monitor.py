"""FlowMonitor: takes snapshots of a running flow, for bars, reports and metrics to show."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace

from streamx.flow.health import Health, HealthJudge, HealthLimits
from streamx.flow.latency import LatencyHistogram, LatencyStatistics
from streamx.flow.statistics import BufferStatistics

# Since when a share of the time says who waits for whom, and not chance.
_MOSTLY = 0.5


@dataclass(frozen=True, slots=True)
class FlowCounts:
    """What became of the records so far.

    Attributes:
        records_in, records_out: read and written.
        records_rejected, records_skipped: bad ones that were set aside, and left out.
        records_dropped: given up since the flow was too slow for a live input.
        records_padded: short ones that were filled up.
        retries: calls of functions and requests that were made again.
        guesses: records of which something was guessed, by kind.
        files_written: that the output is divided into; None where it is one.
    """

    records_in: int = 0
    records_out: int = 0
    records_rejected: int = 0
    records_skipped: int = 0
    records_dropped: int = 0
    records_padded: int = 0
    retries: int = 0
    guesses: Mapping[str, int] = field(default_factory=dict)
    files_written: int | None = None

    @property
    def bad_records(self) -> int:
        """How many bad records are not in the output."""
        return self.records_rejected + self.records_skipped


@dataclass(frozen=True, slots=True)
class FlowSnapshot(FlowCounts):
    """A flow at one moment.

    Attributes:
        seconds: time since the flow started.
        bytes_read, total_bytes: input consumed, and its size where that is known.
        bytes_written: output so far.
        workers_busy, workers: workers at work, and how many there are.
        busy_share: share of the time since the last snapshot in which no worker waited for input.
        buffers: statistics by buffer name, in the order of the flow.
        chunk_latency: how long workers took for a chunk, waiting for room included.
        record_latency: how long each record took, where records are on their way one by one.
        recent_p99_seconds: the 99th percentile of late, of records if there is one of these; 0 as
            long as there have been too few.
        memory_bytes: what the process and its workers hold in memory; None where that is unknown.
        waiting_on: the part that has held the others up since the last snapshot: "reader",
            "workers" or "writer".
        health: how all that is to be judged.
    """

    seconds: float = 0.0
    bytes_read: int = 0
    total_bytes: int | None = None
    bytes_written: int = 0
    workers_busy: int = 0
    workers: int = 0
    busy_share: float = 0.0
    buffers: dict[str, BufferStatistics] = field(default_factory=dict)
    chunk_latency: LatencyStatistics = field(default_factory=LatencyStatistics)
    record_latency: LatencyStatistics | None = None
    recent_p99_seconds: float = 0.0
    memory_bytes: int | None = None
    waiting_on: str = "workers"
    health: Health = field(default_factory=Health)


@dataclass
class FlowMonitor:
    """Reads the counters of a flow's parts without touching the flow.

    The parts count for themselves; the monitor only holds functions that look at them, so a
    flow that nobody watches pays nothing.

    Attributes:
        bytes_read, bytes_written: tell how much input was consumed, and output made, so far.
        total_bytes: the input's size, or None where that is not known.
        workers_busy: tells how many workers are at work.
        workers: how many there are.
        input_buffer, reorder_window, output_buffer, in_flight: tell the statistics of these parts;
            of a flow without one of them, those of the nearest.
        counts: tells what became of the records; nothing by default.
        memory_bytes: tells what the process and its workers hold, or None.
        chunk_latency: where workers note how long a chunk took.
        record_latency: likewise for records that are on their way one by one; None without.
        limits: what is healthy.
        clock: tells the time in seconds, the same as the flow's event loop.
        started: when the flow did; now by default.

    Example:
        >>> import asyncio
        >>> from streamx.flow import BoundedBuffer
        >>> async def main() -> FlowSnapshot:
        ...     buffer: BoundedBuffer[bytes] = BoundedBuffer(4, 1024, size_of=len)
        ...     monitor = FlowMonitor(
        ...         bytes_read=lambda: 7,
        ...         total_bytes=None,
        ...         bytes_written=lambda: 0,
        ...         workers_busy=lambda: 0,
        ...         workers=1,
        ...         input_buffer=buffer.statistics,
        ...         reorder_window=buffer.statistics,
        ...         output_buffer=buffer.statistics,
        ...         in_flight=buffer.statistics,
        ...         limits=HealthLimits(judges_waiting=True),
        ...     )
        ...     for _ in range(4):
        ...         await buffer.put(b"a chunk")
        ...     return monitor.snapshot()
        >>> snapshot = asyncio.run(main())
        >>> snapshot.buffers["input buffer"].fill
        4
        >>> snapshot.health.buffer_fill
        <Level.CRITICAL: 2>
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
    counts: Callable[[], FlowCounts] = FlowCounts
    memory_bytes: Callable[[], int | None] = lambda: None
    chunk_latency: LatencyHistogram = field(default_factory=LatencyHistogram)
    record_latency: LatencyHistogram | None = None
    limits: HealthLimits = field(default_factory=HealthLimits)
    clock: Callable[[], float] = time.monotonic
    started: float | None = None
    _before: FlowSnapshot | None = None

    def __post_init__(self) -> None:
        self._started = self.clock() if self.started is None else self.started
        self._judge = HealthJudge(self.limits, self.record_latency or self.chunk_latency)

    def snapshot(self) -> FlowSnapshot:
        """Look at every part once, and return what there was to see.

        What is said of late, or since the last snapshot, is since this was called before.
        """
        buffers = {
            "input buffer": self.input_buffer(),
            "reorder window": self.reorder_window(),
            "output buffer": self.output_buffer(),
            "in flight": self.in_flight(),
        }
        records = self.record_latency
        snapshot = FlowSnapshot(
            **asdict(self.counts()),
            seconds=self.clock() - self._started,
            bytes_read=self.bytes_read(),
            total_bytes=self.total_bytes,
            bytes_written=self.bytes_written(),
            workers_busy=self.workers_busy(),
            workers=self.workers,
            buffers=buffers,
            chunk_latency=self.chunk_latency.statistics(),
            record_latency=None if records is None else records.statistics(),
            memory_bytes=self.memory_bytes(),
        )
        waiting_on, busy_share = bottleneck(self._before, snapshot)
        health = self._judge.judge(snapshot)
        self._before = replace(
            snapshot,
            waiting_on=waiting_on,
            busy_share=busy_share,
            health=health,
            recent_p99_seconds=self._judge.recent_p99_seconds,
        )
        return self._before


def bottleneck(before: FlowSnapshot | None, after: FlowSnapshot) -> tuple[str, float]:
    """Return the part that others waited for between two snapshots, and how busy the workers were.

    A reader that waits for credit is held up itself, by whoever has it: the writer, if workers wait
    and it does not. Output that is smaller than its input never fills the output buffer.

    Args:
        before: the first snapshot, or None for the start of the flow.
        after: the second one.

    Returns:
        "reader", "workers" or "writer", and the share of the time, from 0 to 1, in which no worker
        waited for input.
    """
    seconds = max(after.seconds - (before.seconds if before else 0.0), 1e-9)

    def share(name: str, wait: str) -> float:
        earlier = getattr(before.buffers[name], wait) if before else 0.0
        return float((getattr(after.buffers[name], wait) - earlier) / seconds)

    idle = share("input buffer", "consumer_wait_seconds")
    busy_share = min(max(1 - idle, 0.0), 1.0)
    if share("output buffer", "producer_wait_seconds") > _MOSTLY:
        return "writer", busy_share
    if idle <= _MOSTLY:
        return "workers", busy_share
    if share("in flight", "producer_wait_seconds") <= _MOSTLY:
        return "reader", busy_share
    is_writing = share("output buffer", "consumer_wait_seconds") <= _MOSTLY
    return "writer" if is_writing else "workers", busy_share
