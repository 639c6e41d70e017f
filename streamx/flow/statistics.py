"""BufferStatistics: what a bounded part says of itself, and what counts it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BufferStatistics:
    """A snapshot of a buffer.

    Attributes:
        fill, fill_bytes: what it holds now.
        capacity, capacity_bytes: its high-water marks, which the fill never exceeds
            (but for a single item larger than capacity_bytes, admitted alone).
        peak_fill, peak_bytes: the most it ever held.
        total: items that have been let in.
        is_paused: producers are waiting.
        producer_wait_seconds, consumer_wait_seconds: time during which at least one of them
            waited for room, for an item.
        producer_waits: how many times a producer had to wait.
        longest_producer_wait_seconds: the longest of these waits, one that is going on included.
        dropped: items that were dropped since the buffer was full, let in before or not.
    """

    fill: int
    fill_bytes: int
    capacity: int
    capacity_bytes: int
    peak_fill: int
    peak_bytes: int
    total: int
    is_paused: bool
    producer_wait_seconds: float
    consumer_wait_seconds: float
    producer_waits: int
    longest_producer_wait_seconds: float
    dropped: int


class WaitClock:
    """Measures waits, of any number of tasks at a time, in the time of the event loop.

    It is asked only by who has to wait, so what flows freely pays nothing for it.

    Attributes:
        waits: how many there have been.
    """

    def __init__(self) -> None:
        self.waits = 0
        self._starts: dict[object, float] = {}  # of the waits that are going on, oldest first
        self._anyone_since = 0.0
        self._seconds = 0.0
        self._longest_seconds = 0.0
        self._now = time.monotonic

    @property
    def is_anyone_waiting(self) -> bool:
        """Tell whether a wait is going on."""
        return bool(self._starts)

    @property
    def seconds(self) -> float:
        """The time during which at least one task waited, a wait that is going on included."""
        return self._seconds + (self._now() - self._anyone_since if self._starts else 0.0)

    @property
    def longest_seconds(self) -> float:
        """The longest wait of a task, one that is going on included."""
        for oldest in self._starts.values():
            return max(self._longest_seconds, self._now() - oldest)
        return self._longest_seconds

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Measure the wait of one task."""
        self._now = asyncio.get_running_loop().time
        started, wait = self._now(), object()
        if not self._starts:
            self._anyone_since = started
        self._starts[wait] = started
        self.waits += 1
        try:
            yield
        finally:
            del self._starts[wait]
            ended = self._now()
            self._longest_seconds = max(self._longest_seconds, ended - started)
            if not self._starts:
                self._seconds += ended - self._anyone_since


class Gauge:
    """Keeps the fill of a bounded part, its peaks and totals.

    Attributes:
        fill, fill_bytes: what it holds now.
        dropped: see BufferStatistics.
    """

    def __init__(self) -> None:
        self.fill = 0
        self.fill_bytes = 0
        self.dropped = 0
        self._peak_fill = 0
        self._peak_bytes = 0
        self._total = 0

    def add(self, size_bytes: int, items: int = 1) -> None:
        """Count what has come in: by default an item of that many bytes."""
        self.fill += items
        self.fill_bytes += size_bytes
        self._total += items
        self._peak_fill = max(self._peak_fill, self.fill)
        self._peak_bytes = max(self._peak_bytes, self.fill_bytes)

    def remove(self, size_bytes: int, items: int = 1) -> None:
        """Count what has left."""
        self.fill -= items
        self.fill_bytes -= size_bytes

    def statistics(
        self,
        capacity: int,
        capacity_bytes: int,
        producers: WaitClock,
        consumers: WaitClock | None = None,
        *,
        is_paused: bool | None = None,
    ) -> BufferStatistics:
        """Return a snapshot; it is paused while a producer waits, unless otherwise known."""
        return BufferStatistics(
            fill=self.fill,
            fill_bytes=self.fill_bytes,
            capacity=capacity,
            capacity_bytes=capacity_bytes,
            peak_fill=self._peak_fill,
            peak_bytes=self._peak_bytes,
            total=self._total,
            is_paused=producers.is_anyone_waiting if is_paused is None else is_paused,
            producer_wait_seconds=producers.seconds,
            consumer_wait_seconds=consumers.seconds if consumers else 0.0,
            producer_waits=producers.waits,
            longest_producer_wait_seconds=producers.longest_seconds,
            dropped=self.dropped,
        )
