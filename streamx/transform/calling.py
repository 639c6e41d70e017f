"""Calling: calls a function as the policies say, again where it failed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from streamx import position
from streamx.codec.record import Record
from streamx.transform.functions import Calls
from streamx.transform.retries import Retries

if TYPE_CHECKING:
    from streamx.flow.rate import RateLimiter

Function = Callable[[Any], Any]
# An attribute of the exception that the last of several calls raised.
_ATTEMPTS = "_streamx_attempts"


class CallTimeoutError(TimeoutError):
    """A call took longer than it may."""


def sync_caller(function: Function, calls: Calls, limiter: RateLimiter | None = None) -> Function:
    """Return what calls a function within the policies for calls.

    Args:
        function: what to call.
        calls: the policies.
        limiter: gives each call its turn.
    """
    if calls.timeout_seconds is not None:
        function = _while_wanted(function)
    if limiter is not None:
        function = _in_turn(function, limiter)
    return _retried(function, calls.retries) if calls.retries.most else function


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


def _retried(function: Function, retries: Retries) -> Function:
    def call(argument: Any) -> Any:
        failures = 0
        while True:
            try:
                return whole(function(copy_of(argument)))
            except Exception as error:
                failures += 1
                delay_seconds = retries.delay_seconds(error, failures)
                if delay_seconds is None:
                    note_calls(error, failures)
                    raise
            with position.waiting():
                time.sleep(delay_seconds)

    return call


def whole(result: Any) -> Any:
    """Return a result that nothing more can fail in."""
    if isinstance(result, Mapping | list | tuple | str | bytes) or not isinstance(result, Iterable):
        return result
    return [copy_of(each) for each in result]  # it may give one record, changed, again and again


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
