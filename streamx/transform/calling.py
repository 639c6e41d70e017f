"""Calling: calls a function as the policies say, again where it failed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from streamx import position
from streamx.codec import weight_of
from streamx.codec.record import Record
from streamx.transform.functions import Calls
from streamx.transform.retries import Retries

if TYPE_CHECKING:
    from streamx.flow.rate import RateLimiter

Function = Callable[[Any], Any]
# An attribute of the exception that the last of several calls raised.
_ATTEMPTS = "_streamx_attempts"

# Of the results of one call that is asynchronous, or may be made again; each counts for so much
# besides its values.
MOST_RESULTS_BYTES = 32 * 1024 * 1024
_RESULT_BYTES = 256


class TooManyResultsError(Exception):
    """A call gave more results than can be held until it has ended."""


class Results:
    """Results of one call, which are held until it has ended since it may still fail.

    Attributes:
        items: copies, since it may give one record, changed, again and again.
    """

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._size_bytes = 0

    def add(self, result: Any) -> None:
        """Add a result.

        Raises:
            TooManyResultsError: there are too many.
        """
        self.items.append(copy_of(result))
        self._size_bytes += _RESULT_BYTES + weight_of(result)
        if self._size_bytes > MOST_RESULTS_BYTES:
            raise TooManyResultsError(
                f"gave more than {MOST_RESULTS_BYTES >> 20} MiB of results for one call"
            )


class CallTimeoutError(TimeoutError):
    """A call took longer than it may."""


def sync_caller(
    function: Function,
    calls: Calls,
    limiter: RateLimiter | None = None,
    note_retry: Callable[[], None] | None = None,
) -> Function:
    """Return what calls a function within the policies for calls.

    Args:
        function: what to call.
        calls: the policies.
        limiter: gives each call its turn.
        note_retry: told of each call that is made again.
    """
    if calls.timeout_seconds is not None:
        function = _while_wanted(function)
    if limiter is not None:
        function = _in_turn(function, limiter)
    return _retried(function, calls.retries, note_retry) if calls.retries.most else function


def _while_wanted(function: Function) -> Function:
    def call(argument: Any) -> Any:
        position.ensure_wanted()
        return function(argument)

    return call


def _in_turn(function: Function, limiter: RateLimiter) -> Function:
    def call(argument: Any) -> Any:
        with position.waiting():
            time.sleep(limiter.reserve())
        return function(argument)

    return call


def _retried(
    function: Function, retries: Retries, note_retry: Callable[[], None] | None
) -> Function:
    def call(argument: Any) -> Any:
        failures = 0
        while True:
            try:
                return whole(function(copy_of(argument)))
            except TooManyResultsError:
                raise
            except Exception as error:
                failures += 1
                delay_seconds = retries.delay_seconds(error, failures)
                if delay_seconds is None:
                    note_calls(error, failures)
                    raise
            with position.waiting():
                time.sleep(delay_seconds)
            if note_retry is not None:
                note_retry()

    return call


def whole(result: Any) -> Any:
    """Return a result that nothing more can fail in."""
    if isinstance(result, Mapping | list | tuple | str | bytes) or not isinstance(result, Iterable):
        return result
    results = Results()
    for each in result:
        results.add(each)
    return results.items


def copy_of(argument: Any) -> Any:
    """Return a record, or records, as they were before a call that may fail half-way."""
    if isinstance(argument, list):
        return [copy_of(each) for each in argument]
    return argument.copy() if isinstance(argument, Record | dict) else argument


def attempts_at(error: BaseException) -> int:
    """Return how many calls were made until the last one raised this."""
    return getattr(error, _ATTEMPTS, 1)


def note_calls(error: Exception, failures: int) -> None:
    if failures > 1:
        with contextlib.suppress(AttributeError):  # where a class sees to its attributes itself
            setattr(error, _ATTEMPTS, failures)
        error.add_note(f"This was call {failures} for the same record; all failed.")
