"""Health: whether what a flow shows of itself is as it should be, metric by metric."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from streamx.flow.latency import LatencyHistogram

if TYPE_CHECKING:
    from streamx.flow.monitor import FlowSnapshot

_LOOK_SECONDS = 1.0
_REMEMBERED_LOOKS = 60
# Fewer chunks or records than these say nothing of a 99th percentile.
_LEAST_LATENCIES = 20
_GROWTH_BYTES = 16 * 1024 * 1024
_GROWTH = 1.1


class Level(IntEnum):
    """How a metric is."""

    HEALTHY = 0
    WARNING = 1
    CRITICAL = 2


@dataclass(frozen=True, slots=True)
class HealthLimits:
    """Where a metric begins to be a warning, and where to be critical.

    Attributes:
        fill_warning, fill_critical: share of a buffer that is full.
        growing_seconds: how long a fill may grow, or memory be compared over.
        latency_warning, latency_critical: the 99th percentile over its running median.
        wait_warning_seconds, wait_critical_seconds: what a producer waits for room, per put.
        dropped_critical: share of the records that were dropped.
        memory_critical_bytes: what the process and its workers may hold, if that is bounded.
        is_lossy: records may be dropped, since the user chose so.
        judges_waiting: a full buffer is a fault, as for a live input, and not backpressure at work.
    """

    fill_warning: float = 0.5
    fill_critical: float = 0.8
    growing_seconds: float = 10.0
    latency_warning: float = 1.5
    latency_critical: float = 3.0
    wait_warning_seconds: float = 0.01
    wait_critical_seconds: float = 0.1
    dropped_critical: float = 0.01
    memory_critical_bytes: int | None = None
    is_lossy: bool = False
    judges_waiting: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """How each metric is.

    Attributes:
        buffer_fill: how full the fullest buffer is; healthy wherever waiting is no fault.
        latency: the 99th percentile of late, beside its running median.
        producer_wait: what producers waited per put in the last second; as for the fill.
        dropped: records that were given up.
        memory: whether it grows, or is beyond what it may be.
    """

    buffer_fill: Level = Level.HEALTHY
    latency: Level = Level.HEALTHY
    producer_wait: Level = Level.HEALTHY
    dropped: Level = Level.HEALTHY
    memory: Level = Level.HEALTHY

    @property
    def worst(self) -> Level:
        """The worst of them.

        >>> Health(memory=Level.WARNING).worst
        <Level.WARNING: 1>
        """
        return max(self.buffer_fill, self.latency, self.producer_wait, self.dropped, self.memory)


@dataclass(frozen=True, slots=True)
class _Look:
    """What is remembered of a snapshot."""

    seconds: float
    fill: float
    memory_bytes: int


class HealthJudge:
    """Judges one snapshot after the other; remembers what it needs, a minute at most.

    Args:
        limits: where a metric becomes a warning, and critical.
        latency: the times of what is being worked on.

    Attributes:
        recent_p99_seconds: the 99th percentile of the last times that were enough to have one.
    """

    def __init__(self, limits: HealthLimits, latency: LatencyHistogram) -> None:
        self._limits = limits
        self._latency = latency
        self._latencies = latency.counts()
        self.recent_p99_seconds = 0.0
        self._p99s: deque[float] = deque(maxlen=_REMEMBERED_LOOKS)
        self._looks: deque[_Look] = deque(maxlen=_REMEMBERED_LOOKS)
        self._before: FlowSnapshot | None = None
        self._wait = self._latency_level = Level.HEALTHY

    def judge(self, snapshot: FlowSnapshot) -> Health:
        """Return the health at a snapshot, which must be later than the one before."""
        if self._before is None or snapshot.seconds - self._before.seconds >= _LOOK_SECONDS:
            self._wait = self._producer_wait(snapshot)
            self._latency_level = self._latency_since_last_look()
            self._looks.append(_Look(snapshot.seconds, _fill(snapshot), snapshot.memory_bytes or 0))
            self._before = snapshot
        judges_waiting = self._limits.judges_waiting or self._limits.is_lossy
        return Health(
            buffer_fill=self._fill_level(_fill(snapshot)) if judges_waiting else Level.HEALTHY,
            latency=self._latency_level,
            producer_wait=self._wait if judges_waiting else Level.HEALTHY,
            dropped=self._dropped(snapshot),
            memory=self._memory(snapshot.memory_bytes or 0),
        )

    def _fill_level(self, fill: float) -> Level:
        limits = self._limits
        recent = self._recent()
        fills = [each.fill for each in recent]
        is_long = len(recent) > 1 and (
            recent[-1].seconds - recent[0].seconds >= limits.growing_seconds - _LOOK_SECONDS
        )
        if is_long and fills == sorted(fills) and fills[0] < fills[-1]:
            return Level.CRITICAL
        return _level(fill, limits.fill_warning, limits.fill_critical)

    def _latency_since_last_look(self) -> Level:
        statistics = self._latency.statistics(self._latencies)
        if statistics.count < _LEAST_LATENCIES:
            return self._latency_level
        self._latencies = self._latency.counts()
        p99_seconds = statistics.p99_seconds
        usual_seconds = _median(self._p99s) if self._p99s else p99_seconds
        self._p99s.append(p99_seconds)
        self.recent_p99_seconds = p99_seconds
        limits = self._limits
        return _level(p99_seconds / usual_seconds, limits.latency_warning, limits.latency_critical)

    def _producer_wait(self, snapshot: FlowSnapshot) -> Level:
        waits = []
        for name in ("input buffer", "output buffer"):
            buffer = snapshot.buffers[name]
            earlier = self._before and self._before.buffers[name]
            puts = buffer.total - (earlier.total if earlier else 0)
            waited = buffer.producer_wait_seconds
            waited -= earlier.producer_wait_seconds if earlier else 0.0
            waits.append(waited / max(puts, 1))
        limits = self._limits
        return _level(max(waits), limits.wait_warning_seconds, limits.wait_critical_seconds)

    def _dropped(self, snapshot: FlowSnapshot) -> Level:
        dropped = snapshot.records_dropped
        if not dropped:
            return Level.HEALTHY
        share = dropped / max(snapshot.records_in, dropped)
        is_critical = not self._limits.is_lossy or share >= self._limits.dropped_critical
        return Level.CRITICAL if is_critical else Level.WARNING

    def _memory(self, memory_bytes: int) -> Level:
        most_bytes = self._limits.memory_critical_bytes
        if most_bytes is not None and memory_bytes > most_bytes:
            return Level.CRITICAL
        recent = self._recent()
        span_seconds = recent[-1].seconds - recent[0].seconds
        before_bytes = recent[0].memory_bytes
        is_growing = memory_bytes > max(_GROWTH * before_bytes, before_bytes + _GROWTH_BYTES)
        # What a start takes is no growth.
        is_start = span_seconds < self._limits.growing_seconds - _LOOK_SECONDS
        return Level.WARNING if is_growing and not is_start else Level.HEALTHY

    def _recent(self) -> list[_Look]:
        since = self._looks[-1].seconds - self._limits.growing_seconds
        return [each for each in self._looks if each.seconds >= since]


def _level(value: float, warning: float, critical: float) -> Level:
    if value > critical:
        return Level.CRITICAL
    return Level.WARNING if value >= warning else Level.HEALTHY


def _median(values: Iterable[float]) -> float:
    """Return the middle one; importing the module that has this takes longer than a run's start."""
    in_order = sorted(values)
    return in_order[len(in_order) // 2]


def _fill(snapshot: FlowSnapshot) -> float:
    """Return how full the fullest buffer is."""
    return max(
        snapshot.buffers["input buffer"].fill / max(snapshot.buffers["input buffer"].capacity, 1),
        snapshot.buffers["output buffer"].fill_bytes
        / max(snapshot.buffers["output buffer"].capacity_bytes, 1),
    )
