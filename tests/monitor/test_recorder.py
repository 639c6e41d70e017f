"""A recorder keeps a bounded series, whatever the length of the run."""

from __future__ import annotations

from streamx.flow import FlowSnapshot, Health, Level
from streamx.monitor.record import Recorder


def test_series_is_bounded_and_reaches_from_start_to_end() -> None:
    recorder = Recorder()
    seconds = 0.0
    while seconds < 100_000:
        recorder.show(FlowSnapshot(seconds=seconds, memory_bytes=int(seconds)))
        seconds += recorder.interval_seconds
    recorder.close(FlowSnapshot(seconds=seconds, memory_bytes=5), True)
    times = [snapshot.seconds for snapshot in recorder.series]
    assert 500 <= len(times) <= 1001
    assert times == sorted(times)
    assert times[0] == 0
    assert times[-1] == recorder.last.seconds == seconds
    assert recorder.memory_peak_bytes == int(max(times[:-1]))


def test_worst_health_is_remembered() -> None:
    recorder = Recorder()
    recorder.show(FlowSnapshot(health=Health(memory=Level.CRITICAL)))
    recorder.close(FlowSnapshot(health=Health(latency=Level.WARNING)), True)
    assert (recorder.worst["memory"], recorder.worst["latency"]) == (Level.CRITICAL, Level.WARNING)
    assert recorder.worst["dropped"] == Level.HEALTHY
