"""AdaptiveLimit: as many calls at a time as the far side bears, found by trying."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable

from streamx.flow.latency import LatencyHistogram

_LEAST = 1
# Calls that take so many times as long as they did at their best queue up on the far side. The cut
# goes below what it bears, so that the best latency is seen again.
_SLOW_FACTOR = 1.5
_CUT = 0.5
_SMOOTHING = 0.1
_REMEMBERED_CUTS = 6


class AdaptiveLimit:
    """Bound the calls that are on their way by a limit that follows their fate.

    Additive increase, multiplicative decrease, as TCP's congestion control (RFC 5681): each round
    of calls that went well at about the best latency seen, with the limit in use, allows one more;
    a failure that means overload, or latency far above the best, cuts the limit by half, once for
    each round. A call that failed for other reasons changes nothing.

    Args:
        first: the limit to start with, at least 1.
        most: the limit's own limit.
        is_fixed: keep to the first, whatever happens.
        clock: tells the time in seconds.

    Attributes:
        limit: calls that may be on their way.
        in_flight: calls that are.
        latency: how long each call took that says something of the far side.

    Example:
        >>> async def main() -> int:
        ...     limit = AdaptiveLimit(first=2, most=10)
        ...     for _ in range(100):
        ...         started = await limit.acquire()
        ...         limit.release(started)
        ...     return limit.limit
        >>> asyncio.run(main())  # the limit never was in use, so it has no reason to grow
        2
    """

    def __init__(
        self,
        first: int = 8,
        most: int = 1000,
        *,
        is_fixed: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.in_flight = 0
        self.latency = LatencyHistogram()
        self._limit = float(first)
        self._most = most
        self._is_fixed = is_fixed
        self._clock = clock
        self._waiting: deque[asyncio.Future[None]] = deque()
        # The best latency since the last cut, and between earlier ones: what is older is forgotten,
        # since the far side may have become another.
        self._best_seconds = math.inf
        self._earlier_best_seconds: deque[float] = deque(maxlen=_REMEMBERED_CUTS)
        self._mean_seconds = 0.0
        self._cut_at = float("-inf")

    @property
    def limit(self) -> int:
        """How many calls may be on their way."""
        return int(self._limit)

    async def acquire(self) -> float:
        """Wait until one more may start; return when it did, for `release`.

        Cancelled while it waits, it has not started.
        """
        while self.in_flight >= self.limit:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                self._waiting = deque(each for each in self._waiting if each is not turn)
                self._wake()
                raise
        self.in_flight += 1
        return self._clock()

    def release(self, started: float, *, is_sign: bool = True) -> None:
        """Say that a call has ended.

        Args:
            started: what `acquire` returned.
            is_sign: how long it took says something of the far side.
        """
        was_full = self.in_flight >= self.limit
        self.in_flight -= 1
        if is_sign:
            now = self._clock()
            self.latency.note(now - started)
            if not self._is_fixed:
                self._learn(started, now, was_full)
        self._wake()

    def note_overload(self) -> None:
        """Say that a call failed, for now, since the far side has too much to do."""
        now = self._clock()
        best_seconds = min([self._best_seconds, *self._earlier_best_seconds])
        round_seconds = 0.0 if math.isinf(best_seconds) else best_seconds
        if not self._is_fixed and now - self._cut_at > round_seconds:
            self._cut(now)

    def _learn(self, started: float, now: float, was_full: bool) -> None:
        if started < self._cut_at:
            return  # it was one of too many, and says nothing of those that are left
        seconds = now - started
        self._best_seconds = min(self._best_seconds, seconds)
        best_seconds = min([self._best_seconds, *self._earlier_best_seconds])
        mean_seconds = self._mean_seconds or seconds
        self._mean_seconds = mean_seconds + _SMOOTHING * (seconds - mean_seconds)
        if was_full and self._mean_seconds > _SLOW_FACTOR * best_seconds:
            self._cut(now)
        elif was_full:
            self._limit = min(self._limit + 1 / self._limit, float(self._most))

    def _cut(self, now: float) -> None:
        self._limit = max(self._limit * _CUT, float(_LEAST))
        self._earlier_best_seconds.append(self._best_seconds)
        self._best_seconds = math.inf
        self._mean_seconds = 0.0
        self._cut_at = now

    def _wake(self) -> None:
        free = self.limit - self.in_flight
        while self._waiting and free > 0:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                free -= 1
