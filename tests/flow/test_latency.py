"""Quantiles of a histogram are those of the times themselves, within 5 %."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamx.flow import LatencyHistogram, LatencyStatistics

SECONDS = st.floats(min_value=2e-6, max_value=1e5)


@given(st.lists(SECONDS, min_size=1), st.lists(SECONDS, min_size=1))
def test_quantiles_are_within_five_percent(earlier: list[float], later: list[float]) -> None:
    latency = LatencyHistogram()
    for seconds in earlier:
        latency.note(seconds)
    before = latency.counts()
    for seconds in later:
        latency.note(seconds)
    for noted, statistics in (
        (earlier + later, latency.statistics()),
        (later, latency.statistics(before)),
    ):
        assert statistics.count == len(noted)
        assert statistics.total_seconds == pytest.approx(sum(noted), rel=0.05)
        for percent, found in ((50, statistics.p50_seconds), (99, statistics.p99_seconds)):
            exact = sorted(noted)[math.ceil(len(noted) * percent / 100) - 1]
            assert found == pytest.approx(exact, rel=0.05)


def test_no_times_have_no_quantiles_and_extremes_are_counted() -> None:
    latency = LatencyHistogram()
    assert latency.statistics() == LatencyStatistics(0, 0.0, 0.0)
    for seconds in (-1.0, 0.0, 1e30):
        latency.note(seconds)
    assert latency.statistics().count == 3
