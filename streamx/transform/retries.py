"""Retries: whether a failed call of a function is worth another, and when."""

from __future__ import annotations

import time
from dataclasses import dataclass

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 60.0
_TOO_MANY_REQUESTS = (429, 503)


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a call is made again, with growing pauses in between.

    Attributes:
        most: further calls for one record or batch.
        names: only for exceptions of these classes, by name, or of classes made from them; none
            for any.
    """

    most: int = 0
    names: tuple[str, ...] = ()

    def delay_seconds(self, error: Exception, failures: int) -> float | None:
        """Return how long to wait before the next call, or None to make none.

        The pause doubles from one failure to the next, up to a minute, and is cut by chance to
        between all and half of it, so that many callers do not come back at once. What the far
        side asks for is heeded.

        Args:
            error: what the last call raised.
            failures: how many calls have failed, from 1.

        >>> Retries(3, ("OSError",)).delay_seconds(ValueError(), 1) is None
        True
        >>> 0.5 <= Retries(3).delay_seconds(TimeoutError(), 2) <= 1
        True
        """
        if failures > self.most or not self._applies(error):
            return None
        import random

        longest: float = min(FIRST_DELAY_SECONDS * 2.0 ** (failures - 1), LONGEST_DELAY_SECONDS)
        return max(longest * random.uniform(0.5, 1), retry_after_seconds(error) or 0.0)

    def _applies(self, error: Exception) -> bool:
        if not self.names:
            return True
        kinds = type(error).__mro__
        known = {name for kind in kinds for name in (kind.__name__, _full_name(kind))}
        return not known.isdisjoint(self.names)


class RetryCount:
    """Calls that were made again, until they are told of.

    >>> count = RetryCount()
    >>> count.note()
    >>> count.taken(), count.taken()
    (1, 0)
    """

    def __init__(self) -> None:
        self._calls = 0

    def note(self) -> None:
        """Count a call that is made again."""
        self._calls += 1

    def taken(self) -> int:
        """Return how many there have been since this was last asked."""
        calls, self._calls = self._calls, 0
        return calls


def is_overload(error: BaseException) -> bool:
    """Tell whether an exception means that the far side, or the way to it, has too much to do."""
    if isinstance(error, TimeoutError | ConnectionError):
        return True
    return _status(error) in _TOO_MANY_REQUESTS or "timeout" in type(error).__name__.lower()


def retry_after_seconds(error: BaseException) -> float | None:
    """Return how long the far side asked to be left alone, if an exception tells that.

    Looked for is Retry-After (RFC 9110, 10.2.3) in the headers of the exception, as urllib has
    them, and of its `response`, as httpx, requests and aiohttp do.
    """
    for source in (error, getattr(error, "response", None)):
        get = getattr(getattr(source, "headers", None), "get", None)
        value = get("Retry-After") if callable(get) else None
        if isinstance(value, str):
            return _seconds_of(value)
    return None


def _seconds_of(value: str) -> float | None:
    if value.strip().isdecimal():
        return float(value)
    from email.utils import parsedate_to_datetime  # which imports much, for a rare case

    try:
        return max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except ValueError:
        return None


def _status(error: BaseException) -> int | None:
    for source in (error, getattr(error, "response", None)):
        for name in ("status", "status_code", "code"):
            status = getattr(source, name, None)
            if isinstance(status, int):
                return status
    return None


def _full_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
