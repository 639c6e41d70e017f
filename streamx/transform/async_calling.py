"""Asynchronous calling: calls a function as the policies say, again where it failed, and in time.

Apart from `calling`, so that worker processes do not import asyncio, which takes 30 ms.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from streamx.transform.calling import (
    CallTimeoutError,
    Function,
    Results,
    TooManyResultsError,
    copy_of,
    note_calls,
    whole,
)
from streamx.transform.functions import Calls
from streamx.transform.retries import is_overload

_RESULTS_BETWEEN_TURNS = 256


class AsyncCaller:
    """Calls a function that may be asynchronous, within the policies for calls.

    Args:
        function: what to call.
        calls: the policies.
        wait_for_turn: awaited before each call.
        note_overload: told of each call that failed since the far side has too much to do.
        note_retry: told of each call that is made again.
    """

    def __init__(
        self,
        function: Function,
        calls: Calls,
        wait_for_turn: Callable[[], Awaitable[None]] | None = None,
        note_overload: Callable[[], None] | None = None,
        note_retry: Callable[[], None] | None = None,
    ) -> None:
        self._function = function
        self._calls = calls
        self._wait_for_turn = wait_for_turn
        self._note_overload = note_overload
        self._note_retry = note_retry

    async def __call__(self, argument: Any) -> Any:
        """Return what the function gives in the end; what iterates, as a list.

        Raises:
            CallTimeoutError: the last call took too long.
            TooManyResultsError: it gave more results than can be held.
        """
        failures = 0
        while True:
            if self._wait_for_turn is not None:
                await self._wait_for_turn()
            try:
                return await self._once(copy_of(argument) if self._calls.retries.most else argument)
            except TooManyResultsError:
                raise
            except Exception as error:
                failures += 1
                if self._note_overload is not None and is_overload(error):
                    self._note_overload()
                delay_seconds = self._calls.retries.delay_seconds(error, failures)
                if delay_seconds is None:
                    note_calls(error, failures)
                    raise
            await asyncio.sleep(delay_seconds)
            if self._note_retry is not None:
                self._note_retry()

    async def _once(self, argument: Any) -> Any:
        limit = asyncio.timeout(self._calls.timeout_seconds)
        try:
            async with limit:
                result = self._function(argument)
                if inspect.isawaitable(result):
                    result = await result
                if isinstance(result, AsyncIterator):
                    return await _gathered(result)
                return whole(result)
        except TimeoutError as error:
            if limit.expired():
                seconds = self._calls.timeout_seconds
                raise CallTimeoutError(f"took longer than {seconds:g} s") from error
            raise


async def _gathered(given: AsyncIterator[Any]) -> list[Any]:
    """Return all that is given, and let others run in between even if it never waits."""
    results = Results()
    async for each in given:
        results.add(each)
        if len(results.items) % _RESULTS_BETWEEN_TURNS == 0:
            await asyncio.sleep(0)
    return results.items
