from __future__ import annotations

import asyncio

import pytest

from streamx.flow import RateLimiter
from streamx.testing import run_in_simulated_time


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_turns_are_spaced_evenly() -> None:
    limiter = RateLimiter(4, clock=Clock())
    assert [limiter.reserve() for _ in range(5)] == [0, 0.25, 0.5, 0.75, 1.0]


def test_time_that_nobody_used_is_no_stock() -> None:
    clock = Clock()
    limiter = RateLimiter(10, clock=clock)
    clock.now += 60
    assert sum(limiter.reserve() == 0 for _ in range(100)) <= 2


def test_a_moment_that_the_loop_was_late_is_made_up_for() -> None:
    clock = Clock()
    limiter = RateLimiter(100, clock=clock)
    started = []
    for _ in range(1000):
        clock.now += limiter.reserve() + 0.004
        started.append(clock.now)
    assert len(started) / (started[-1] - started[0]) == pytest.approx(100, rel=0.01)


def test_a_rate_for_a_minute() -> None:
    limiter = RateLimiter(90, 60, clock=Clock())
    limiter.reserve()
    assert limiter.reserve() == pytest.approx(60 / 90)


def test_a_call_may_count_as_several() -> None:
    limiter = RateLimiter(4, clock=Clock())
    assert [limiter.reserve(count) for count in (2, 1, 0.5, 1)] == [0, 0.5, 0.75, 0.875]


def test_those_who_share_a_limiter_share_its_rate() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        limiter = RateLimiter(200, clock=loop.time)

        async def call_five_times() -> None:
            for _ in range(5):
                await limiter.acquire()

        await asyncio.gather(*(call_five_times() for _ in range(4)))
        return loop.time()

    assert run_in_simulated_time(main()) == pytest.approx(19 / 200)


@pytest.mark.parametrize(("count", "seconds"), [(0, 1), (-1, 1), (1, 0), (float("nan"), 1)])
def test_a_rate_that_lets_nothing_through_is_refused(count: float, seconds: float) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        RateLimiter(count, seconds)
