"""RateLimiter: lets so many calls through in a time, and makes the others wait their turn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

T = TypeVar("T")

# What a loop that was busy for a moment may make up for.
_CATCH_UP_SECONDS = 0.05


class RateLimiter:
    """Space calls evenly: `count` of them in `per_seconds`, for all who share the limiter.

    It is a leaky bucket kept as a single time, the next at which a call may start (the generic
    cell rate algorithm, ITU-T I.371). Turns are given in the order of asking; one that is cancelled
    while it waits is not used by another. Read through `paced`, or written behind it, a source or
    a sink is asked no more often than that.

    Args:
        count: calls in that time, more than 0.
        per_seconds: the time.
        clock: tells the time in seconds.
        next_at: where that single time stands, for limiters that share it: one number, in seconds
            of the clock; 0 before the first turn.
        lock: held while it is read and set.

    Attributes:
        interval_seconds: from one turn to the next.

    Raises:
        ValueError: the rate is not more than 0.

    Example:
        >>> async def main() -> None:
        ...     limiter = RateLimiter(1000)
        ...     await limiter.acquire()      # one call
        ...     await limiter.acquire(10)    # what counts as ten, such as so many bytes
        >>> asyncio.run(main())
    """

    def __init__(
        self,
        count: float,
        per_seconds: float = 1.0,
        *,
        clock: Callable[[], float] = time.monotonic,
        next_at: list[float] | memoryview[float] | None = None,
        lock: AbstractContextManager[object] | None = None,
    ) -> None:
        if not count > 0 or not per_seconds > 0:
            raise ValueError("a rate is more than 0 in more than 0 seconds")
        self.interval_seconds = per_seconds / count
        self._clock = clock
        self._next_at = [clock()] if next_at is None else next_at
        self._lock = nullcontext() if lock is None else lock

    async def acquire(self, count: float = 1) -> None:
        """Wait for the next turn, and use as many of them as that."""
        wait_seconds = self.reserve(count)
        if wait_seconds > 0:
            await asyncio.sleep(wait_seconds)

    def reserve(self, count: float = 1) -> float:
        """Take the next turn, or as many as that, and return in how many seconds it is."""
        with self._lock:
            now = self._clock()
            starts_at = max(self._next_at[0], now - _CATCH_UP_SECONDS)
            self._next_at[0] = starts_at + count * self.interval_seconds
        return max(starts_at - now, 0.0)

    async def paced(self, items: AsyncIterable[T]) -> AsyncIterator[T]:
        """Yield items as they come, one for each turn: a stage of a `pipeline`."""
        async for item in items:
            await self.acquire()
            yield item
