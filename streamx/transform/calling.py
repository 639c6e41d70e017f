"""Calling: calls a function as the policies say, again where it failed, and in time."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any

from streamx import position
from streamx.codec.record import Record
from streamx.transform.functions import Calls
from streamx.transform.retries import is_overload

Function = Callable[[Any], Any]


class CallTimeoutError(TimeoutError):
    """A call took longer than it may."""


def sync_caller(function: Function, calls: Calls) -> Function:
    """Return what calls a function, again where it failed and the policy has it so."""
    if not calls.retries.most:
        return function

    def call(argument: Any) -> Any:
        failures = 0
        while True:
            try:
                return _whole(function(_copy(argument)))
            except Exception as error:
                failures += 1
                delay_seconds = calls.retries.delay_seconds(error, failures)
                if delay_seconds is None:
                    _note_calls(error, failures)
                    raise
            with position.waiting():
                time.sleep(delay_seconds)

    return call


class AsyncCaller:
    """Calls a function that may be asynchronous, within the policies for calls.

    Args:
        function: what to call.
        calls: the policies.
        wait_for_turn: awaited before each call.
        note_overload: told of each call that failed since the far side has too much to do.
    """

    def __init__(
        self,
        function: Function,
        calls: Calls,
        wait_for_turn: Callable[[], Awaitable[None]] | None = None,
        note_overload: Callable[[], None] | None = None,
    ) -> None:
        self._function = function
        self._calls = calls
        self._wait_for_turn = wait_for_turn
        self._note_overload = note_overload

    async def __call__(self, argument: Any) -> Any:
        """Return what the function gives in the end; what iterates, as a list.

        Raises:
            CallTimeoutError: the last call took too long.
        """
        failures = 0
        while True:
            if self._wait_for_turn is not None:
                await self._wait_for_turn()
            try:
                return await self._once(_copy(argument) if self._calls.retries.most else argument)
            except Exception as error:
                failures += 1
                if self._note_overload is not None and is_overload(error):
                    self._note_overload()
                delay_seconds = self._calls.retries.delay_seconds(error, failures)
                if delay_seconds is None:
                    _note_calls(error, failures)
                    raise
            await asyncio.sleep(delay_seconds)

    async def _once(self, argument: Any) -> Any:
        limit = asyncio.timeout(self._calls.timeout_seconds)
        try:
            async with limit:
                result = self._function(argument)
                if inspect.isawaitable(result):
                    result = await result
                if isinstance(result, AsyncIterator):
                    return [_copy(each) async for each in result]
                return _whole(result)
        except TimeoutError as error:
            if limit.expired():
                seconds = self._calls.timeout_seconds
                raise CallTimeoutError(f"took longer than {seconds:g} s") from error
            raise


def _whole(result: Any) -> Any:
    """Return a result that nothing more can fail in."""
    if isinstance(result, Mapping | list | tuple | str | bytes) or not isinstance(result, Iterable):
        return result
    return [_copy(each) for each in result]  # it may give one record, changed, again and again


def _copy(argument: Any) -> Any:
    """Return a record, or records, as they were before a call that may fail half-way."""
    if isinstance(argument, list):
        return [_copy(each) for each in argument]
    return argument.copy() if isinstance(argument, Record | dict) else argument


def _note_calls(error: Exception, failures: int) -> None:
    if failures > 1:
        error.add_note(f"This was call {failures} for the same record; all failed.")
