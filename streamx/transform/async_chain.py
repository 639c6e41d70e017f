"""AsyncChain: takes one record through functions of which some are asynchronous."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

from streamx.blame import own_traceback
from streamx.flow.batcher import MicroBatcher
from streamx.transform.async_calling import AsyncCaller
from streamx.transform.calling import CallTimeoutError, attempts_at
from streamx.transform.chain import Chain, Counter, Step
from streamx.transform.functions import Apply, Calls
from streamx.transform.instances import leaving, made_ready
from streamx.transform.results import CallError, Item, blamed, check_batch, one_of, results_of
from streamx.transform.turns import limiter_of

_Stage = Callable[[Item], Awaitable[list[Item]]]


class AsyncChain:
    """Steps from the first function to the last, run for many records at a time on one loop.

    Classes are instantiated, and entered where they are context managers, by `__aenter__`. Batches
    are gathered from all records that are on their way.

    Args:
        steps: in the order written, without limits.
        calls: how functions are called.
        note_overload: told of each call that failed since the far side has too much to do.
        note_retry: told of each call that is made again.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        calls: Calls,
        note_overload: Callable[[], None] | None = None,
        note_retry: Callable[[], None] | None = None,
    ) -> None:
        self._steps = steps
        self._calls = calls
        self._limiter = limiter_of(calls)
        self._note_overload = note_overload
        self._note_retry = note_retry
        self._stages: list[_Stage] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> AsyncChain:
        async with AsyncExitStack() as stack:
            self._stages = [await self._stage(step, stack) for step in self._steps]
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *error: object) -> None:
        with leaving():
            await self._stack.aclose()

    async def run(self, item: Item) -> list[Item]:
        """Return what the steps make of a record.

        Raises:
            CallError: a function failed.
        """
        items = [item]
        for stage in self._stages:
            items = [result for each in items for result in await stage(each)]
        return items

    async def _stage(self, step: Step, stack: AsyncExitStack) -> _Stage:
        if not isinstance(step, Apply):
            chain = stack.enter_context(Chain([step]))

            async def change(item: Item) -> list[Item]:
                return list(chain.run([item], Counter(())))

            return change
        function, name = await _entered(step, stack), step.name
        turn = None if self._limiter is None else self._limiter.acquire
        call = AsyncCaller(function, self._calls, turn, self._note_overload, self._note_retry)
        if self._calls.batch_records is None:
            return lambda item: _call(call, name, item)
        batcher = _batcher(call, name, self._calls)
        stack.push_async_callback(batcher.close)
        return lambda item: _submit(batcher, name, item)


async def _call(call: AsyncCaller, name: str, item: Item) -> list[Item]:
    record, position = item
    try:
        return list(results_of(await call(record), name, position))
    except BaseException as error:
        raise _blamed(error, name, position) from error


async def _submit(batcher: MicroBatcher[Any, Any], name: str, item: Item) -> list[Item]:
    record, position = item
    try:
        result = await batcher.submit(record)
        return [] if result is None else [one_of(result, name, position)]
    except CallError as error:
        raise error.at(position) from error
    except BaseException as error:
        raise _blamed(error, name, position) from error


def _blamed(error: BaseException, name: str, position: int) -> BaseException:
    """Return the error to raise; a task that nobody cancelled has only heard of a cancellation."""
    task = asyncio.current_task()
    if isinstance(error, asyncio.CancelledError) and task is not None and not task.cancelling():
        found, kind = f"{name} raised CancelledError", "CancelledError"
        return CallError(position, found, "", own_traceback(error), kind=kind)
    # On the event loop others are those of whoever runs it: Ctrl-C, the end of a coroutine.
    is_its_own = isinstance(error, Exception | SystemExit)
    return blamed(error, name, position) if is_its_own else error


def _batcher(call: AsyncCaller, name: str, calls: Calls) -> MicroBatcher[Any, Any]:
    async def process(records: list[Any]) -> Sequence[Any]:
        count = len(records)
        try:
            results = await call(records)
        except CallTimeoutError as error:
            found, attempts = f"{name} {error} with a batch of {count}", attempts_at(error)
            raise CallError(-1, found, kind="TimeoutError", attempts=attempts) from error
        return check_batch(results, count, name, -1)

    assert calls.batch_records is not None, "there is a batch size"
    return MicroBatcher(
        process,
        calls.batch_records,
        calls.batch_wait_seconds,
        # Room for every record that can be on its way, so that none waits for another's batch.
        capacity=max(calls.batch_records, calls.most_concurrency),
    )


async def _entered(step: Apply, stack: AsyncExitStack) -> Callable[..., Any]:
    with made_ready(step) as (function, is_new):
        if is_new and hasattr(function, "__aenter__"):
            await stack.enter_async_context(function)
        elif is_new and hasattr(function, "__enter__"):
            stack.enter_context(function)
    return function  # type: ignore[no-any-return]  # anything that can be called
