from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable

import pytest

from streamx.flow import AdaptiveLimit


class Server:
    """A far side in simulated time: `bears` calls at a time take 1 s each, more take longer."""

    def __init__(self, bears: int) -> None:
        self.bears = bears
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    async def settled_limit(self, limit: AdaptiveLimit, calls: int) -> float:
        """Make calls as fast as the limit allows; return its mean over the last half of them."""
        ends: list[tuple[float, int, float]] = []
        limits = []
        for number in range(calls):
            while limit.in_flight >= limit.limit:
                self.now, _, started = heapq.heappop(ends)
                limit.release(started)
            started = await limit.acquire()
            seconds = max(1.0, limit.in_flight / self.bears)
            heapq.heappush(ends, (self.now + seconds, number, started))
            limits.append(limit.limit)
        return sum(limits[calls // 2 :]) / (calls - calls // 2)


def run(bears: int, first: int, calls: int, most: int = 1000) -> float:
    async def main() -> float:
        server = Server(bears)
        limit = AdaptiveLimit(first, most, clock=server.clock)
        return await server.settled_limit(limit, calls)

    return asyncio.run(main())


@pytest.mark.parametrize("bears", [4, 20, 100])
def test_the_limit_settles_near_what_the_far_side_bears(bears: int) -> None:
    assert bears * 0.6 <= run(bears, 8, bears * 400) <= bears * 1.6


def test_a_limit_that_starts_too_high_comes_down() -> None:
    assert run(10, 500, 8_000) <= 30


def test_the_limit_has_a_limit() -> None:
    assert run(1000, 8, 5_000, most=12) <= 12


def simulated(first: int) -> tuple[AdaptiveLimit, Callable[[float], None]]:
    server = Server(1)
    limit = AdaptiveLimit(first, clock=server.clock)

    def advance(seconds: float) -> None:
        server.now += seconds

    return limit, advance


def test_overload_cuts_the_limit_once_for_the_calls_of_a_round() -> None:
    async def main() -> None:
        limit, advance = simulated(100)
        started = [await limit.acquire() for _ in range(100)]
        advance(1.0)
        limit.release(started.pop())
        for each in started[:50]:
            limit.note_overload()
            limit.release(each, is_sign=False)
        assert limit.limit == 50

    asyncio.run(main())


def test_the_limit_never_falls_below_one() -> None:
    async def main() -> None:
        limit, advance = simulated(2)
        for _ in range(50):
            advance(10.0)
            limit.note_overload()
        assert limit.limit == 1
        await asyncio.wait_for(limit.acquire(), 5)

    asyncio.run(main())


def test_failures_of_other_kinds_change_nothing() -> None:
    async def main() -> None:
        limit, advance = simulated(4)
        for _ in range(100):
            started = [await limit.acquire() for _ in range(4)]
            advance(5.0)
            for each in started:
                limit.release(each, is_sign=False)
        assert limit.limit == 4

    asyncio.run(main())


def test_who_waits_comes_in_as_soon_as_one_has_left() -> None:
    async def main() -> None:
        limit = AdaptiveLimit(1, 1, is_fixed=True)
        started = await limit.acquire()
        waiting = [asyncio.ensure_future(limit.acquire()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
        assert not any(each.done() for each in waiting[1:])
        limit.release(started)
        limit.release(await waiting[1])
        limit.release(await waiting[2])
        assert limit.in_flight == 0

    asyncio.run(main())
