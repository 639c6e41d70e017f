"""LatencyHistogram: how long things took, as quantiles, in a few kilobytes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from operator import mul, sub

_BUCKETS_PER_DOUBLING = 8
_LEAST_SECONDS = 1e-6
_BUCKETS = 40 * _BUCKETS_PER_DOUBLING  # up to twelve days
_MIDDLE_SECONDS: tuple[float, ...] = tuple(
    _LEAST_SECONDS * 2 ** ((bucket + 0.5) / _BUCKETS_PER_DOUBLING) for bucket in range(_BUCKETS)
)


@dataclass(frozen=True, slots=True)
class LatencyStatistics:
    """How long things took.

    Attributes:
        count: how many there were.
        p50_seconds, p99_seconds: what half, and 99 of 100, stayed within; 0 if there were none.
        total_seconds: all together.
    """

    count: int = 0
    p50_seconds: float = 0.0
    p99_seconds: float = 0.0
    total_seconds: float = 0.0


class LatencyHistogram:
    """Counts times in buckets that each reach 9 % further than the one before.

    A quantile is the middle of its bucket, so it is off by 5 % at most, and so is the total. There
    are 320 buckets, from a microsecond to twelve days.

    Example:
        >>> latency = LatencyHistogram()
        >>> for milliseconds in range(1, 101):
        ...     latency.note(milliseconds / 1000)
        >>> statistics = latency.statistics()
        >>> statistics.count, round(statistics.p50_seconds, 2), round(statistics.p99_seconds, 1)
        (100, 0.05, 0.1)
    """

    def __init__(self) -> None:
        self._counts = [0] * _BUCKETS

    def note(self, seconds: float) -> None:
        """Count one time.

        Args:
            seconds: how long it was; what is beyond the last bucket is counted in that.
        """
        if seconds <= _LEAST_SECONDS:
            self._counts[0] += 1
            return
        bucket = int(math.log2(seconds / _LEAST_SECONDS) * _BUCKETS_PER_DOUBLING)
        self._counts[min(bucket, _BUCKETS - 1)] += 1

    def counts(self) -> tuple[int, ...]:
        """Return how many there are in each bucket, for `statistics` to leave out later."""
        return tuple(self._counts)

    def statistics(self, before: tuple[int, ...] | None = None) -> LatencyStatistics:
        """Return the quantiles of all times, or of those since an earlier moment.

        Args:
            before: what `counts` gave at that moment.
        """
        counts = self._counts if before is None else list(map(sub, self._counts, before))
        count = sum(counts)
        p50_seconds, p99_seconds = (_quantile(counts, count, percent) for percent in (50, 99))
        total_seconds = sum(map(mul, counts, _MIDDLE_SECONDS))
        return LatencyStatistics(count, p50_seconds, p99_seconds, total_seconds)


def _quantile(counts: list[int], count: int, percent: int) -> float:
    """Return the time that so many of 100 stayed within; 0 if there is none."""
    left = max(-(-count * percent // 100), 1)
    for bucket, number in enumerate(counts):
        left -= number
        if left <= 0:
            return _MIDDLE_SECONDS[bucket]
    return 0.0
