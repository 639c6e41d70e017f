"""Recorder: keeps of a run's snapshots what its summary and page tell of it."""

from __future__ import annotations

from streamx.flow import FlowSnapshot, Health, Level

_MOST_SNAPSHOTS = 1000


class Recorder:
    """Keeps ten snapshots a second, and of longer runs fewer: half of them whenever there are many.

    Attributes:
        series: the snapshots in order.
        last: the last one; an empty one before the first.
        memory_peak_bytes: the most memory seen in a snapshot, if the system tells.
        worst: the worst health of each metric.
    """

    interval_seconds = 0.1

    def __init__(self) -> None:
        self.series: list[FlowSnapshot] = []
        self.last = FlowSnapshot()
        self.memory_peak_bytes: int | None = None
        self.worst: dict[str, Level] = dict.fromkeys(Health.__slots__, Level.HEALTHY)

    def show(self, snapshot: FlowSnapshot) -> None:
        """Keep a snapshot."""
        if len(self.series) >= _MOST_SNAPSHOTS:
            del self.series[1::2]
            self.interval_seconds *= 2
        self.series.append(snapshot)
        self._note(snapshot)

    def close(self, snapshot: FlowSnapshot, is_complete: bool) -> None:
        """Keep the last one, in place of one just before: so short a time shows no rate."""
        if len(self.series) > 1 and (
            snapshot.seconds - self.series[-1].seconds < self.interval_seconds / 2
        ):
            self.series.pop()
        self.series.append(snapshot)
        self._note(snapshot)

    def _note(self, snapshot: FlowSnapshot) -> None:
        self.last = snapshot
        if snapshot.memory_bytes is not None:
            self.memory_peak_bytes = max(self.memory_peak_bytes or 0, snapshot.memory_bytes)
        for metric, worst in self.worst.items():
            self.worst[metric] = max(worst, getattr(snapshot.health, metric))
