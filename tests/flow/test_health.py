"""Each metric is judged by its limits, and a full buffer is a fault only where it is one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streamx.flow import (
    BufferStatistics,
    FlowSnapshot,
    Health,
    HealthLimits,
    LatencyHistogram,
    Level,
)
from streamx.flow.health import HealthJudge

MIB = 1024 * 1024
EMPTY = BufferStatistics(
    fill=0,
    fill_bytes=0,
    capacity=100,
    capacity_bytes=100,
    peak_fill=0,
    peak_bytes=0,
    total=0,
    is_paused=False,
    producer_wait_seconds=0.0,
    consumer_wait_seconds=0.0,
    producer_waits=0,
    longest_producer_wait_seconds=0.0,
    dropped=0,
)
LIVE = HealthLimits(judges_waiting=True)


def at(
    seconds: float, *, buffer: BufferStatistics = EMPTY, memory_bytes: int = 0, **counts: int
) -> FlowSnapshot:
    buffers = {"input buffer": buffer, "output buffer": EMPTY}
    return FlowSnapshot(seconds=seconds, buffers=buffers, memory_bytes=memory_bytes, **counts)


def judged(*snapshots: FlowSnapshot, limits: HealthLimits = LIVE) -> Health:
    judge = HealthJudge(limits, LatencyHistogram())
    return [judge.judge(snapshot) for snapshot in snapshots][-1]


@pytest.mark.parametrize(
    ("fill", "level"),
    [(49, Level.HEALTHY), (50, Level.WARNING), (80, Level.WARNING), (81, Level.CRITICAL)],
)
def test_fill_is_judged_for_live_inputs_and_where_records_may_be_dropped(
    fill: int, level: Level
) -> None:
    full = at(1, buffer=replace(EMPTY, fill=fill))
    assert judged(full).buffer_fill == level
    assert judged(full, limits=HealthLimits(is_lossy=True)).buffer_fill == level
    assert judged(full, limits=HealthLimits()).buffer_fill == Level.HEALTHY


def test_fill_that_grows_for_ten_seconds_is_critical() -> None:
    growing = [at(second, buffer=replace(EMPTY, fill=second)) for second in range(12)]
    assert judged(*growing).buffer_fill == Level.CRITICAL
    assert judged(*growing[:8]).buffer_fill == Level.HEALTHY
    assert judged(*growing, at(12)).buffer_fill == Level.HEALTHY


@pytest.mark.parametrize(
    ("wait_seconds", "level"),
    [(0.09, Level.HEALTHY), (0.11, Level.WARNING), (0.9, Level.WARNING), (1.1, Level.CRITICAL)],
)
def test_wait_is_judged_per_put_since_the_last_look(wait_seconds: float, level: Level) -> None:
    before = replace(EMPTY, total=5, producer_wait_seconds=1_000.0)
    after = replace(before, total=15, producer_wait_seconds=1_000.0 + wait_seconds)
    assert judged(at(1, buffer=before), at(2, buffer=after)).producer_wait == level


@pytest.mark.parametrize(
    ("dropped", "is_lossy", "level"),
    [
        (0, True, Level.HEALTHY),
        (9, True, Level.WARNING),
        (10, True, Level.CRITICAL),
        (1, False, Level.CRITICAL),
    ],
)
def test_dropped_records_are_judged_by_their_share(
    dropped: int, is_lossy: bool, level: Level
) -> None:
    snapshot = at(1, records_in=1000, records_dropped=dropped)
    assert judged(snapshot, limits=HealthLimits(is_lossy=is_lossy)).dropped == level


def test_memory_that_grows_is_a_warning_and_beyond_the_bound_critical() -> None:
    steady = [at(second, memory_bytes=100 * MIB) for second in range(11)]
    assert judged(*steady).memory == Level.HEALTHY
    assert judged(*steady, at(11, memory_bytes=120 * MIB)).memory == Level.WARNING
    assert judged(at(0), at(1, memory_bytes=120 * MIB)).memory == Level.HEALTHY
    bounded = HealthLimits(memory_critical_bytes=110 * MIB)
    assert judged(at(0, memory_bytes=120 * MIB), limits=bounded).memory == Level.CRITICAL


@pytest.mark.parametrize(
    ("factor", "level"), [(1.2, Level.HEALTHY), (2.0, Level.WARNING), (4.0, Level.CRITICAL)]
)
def test_latency_is_judged_by_its_own_median(factor: float, level: Level) -> None:
    latency = LatencyHistogram()
    judge = HealthJudge(HealthLimits(), latency)
    for second in range(5):
        for _ in range(100):
            latency.note(0.01)
        assert judge.judge(at(second)).latency == Level.HEALTHY
    for _ in range(100):
        latency.note(0.01 * factor)
    health = judge.judge(at(6))
    assert (health.latency, health.worst) == (level, level)
