from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from streamx.flow import BatchLengthError, BufferClosedError, MicroBatcher
from streamx.testing import run_in_simulated_time, settle

LONG_SECONDS = 60.0


class Recorder:
    """Doubles, and remembers the batches; each may be held back until it is let go."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def __call__(self, items: list[int]) -> list[int]:
        self.batches.append(items)
        await self.may_end.wait()
        return [2 * item for item in items]


def run(test: Callable[[Recorder], Awaitable[None]]) -> None:
    async def main() -> None:
        await test(Recorder())

    run_in_simulated_time(main())


def test_a_full_batch_starts_at_once() -> None:
    async def test(recorder: Recorder) -> None:
        batcher = MicroBatcher(recorder, 3, LONG_SECONDS)
        assert await asyncio.gather(*map(batcher.submit, range(6))) == [0, 2, 4, 6, 8, 10]
        assert recorder.batches == [[0, 1, 2], [3, 4, 5]]

    run(test)


def test_a_batch_that_is_not_full_starts_when_its_first_item_has_waited() -> None:
    async def test(recorder: Recorder) -> None:
        loop = asyncio.get_running_loop()
        batcher = MicroBatcher(recorder, 100, 0.05)
        assert await asyncio.gather(batcher.submit(1), batcher.submit(2)) == [2, 4]
        assert loop.time() == pytest.approx(0.05)
        assert recorder.batches == [[1, 2]]

    run(test)


def test_flush_does_not_wait_for_company() -> None:
    async def test(recorder: Recorder) -> None:
        batcher = MicroBatcher(recorder, 100, LONG_SECONDS)
        waiting = asyncio.ensure_future(batcher.submit(1))
        await settle()
        batcher.flush()
        assert await waiting == 2

    run(test)


def test_a_new_batch_starts_while_another_is_on_its_way() -> None:
    async def test(recorder: Recorder) -> None:
        recorder.may_end.clear()
        batcher = MicroBatcher(recorder, 1, LONG_SECONDS)
        waiting = [asyncio.ensure_future(batcher.submit(item)) for item in (1, 2)]
        await settle()
        assert recorder.batches == [[1], [2]]
        recorder.may_end.set()
        assert await asyncio.gather(*waiting) == [2, 4]

    run(test)


def test_an_error_reaches_each_submitter_of_its_batch_and_no_other() -> None:
    async def fail_for_odd(items: list[int]) -> list[int]:
        if items[0] % 2:
            raise OSError("odd")
        return items

    async def main() -> None:
        batcher = MicroBatcher(fail_for_odd, 2, LONG_SECONDS)
        submitted = map(batcher.submit, [1, 2, 4, 6])
        results = await asyncio.gather(*submitted, return_exceptions=True)
        assert [str(result) for result in results] == ["odd", "odd", "4", "6"]

    asyncio.run(main())


def test_a_batch_of_another_length_is_an_error_for_each() -> None:
    async def lose_one(items: list[int]) -> list[int]:
        return items[1:]

    async def main() -> None:
        batcher = MicroBatcher(lose_one, 2, LONG_SECONDS)
        results = await asyncio.gather(*map(batcher.submit, [1, 2]), return_exceptions=True)
        assert [type(result) for result in results] == [BatchLengthError] * 2

    asyncio.run(main())


def test_a_submitter_that_leaves_takes_only_its_own_item_along() -> None:
    async def test(recorder: Recorder) -> None:
        batcher = MicroBatcher(recorder, 3, LONG_SECONDS)
        leaving, staying = (asyncio.ensure_future(batcher.submit(item)) for item in (1, 2))
        await settle()
        leaving.cancel()
        await settle()
        batcher.flush()
        assert await staying == 4
        assert recorder.batches == [[2]]

    run(test)


def test_close_cancels_what_waits_and_what_is_on_its_way() -> None:
    async def test(recorder: Recorder) -> None:
        recorder.may_end.clear()
        batcher = MicroBatcher(recorder, 2, LONG_SECONDS)
        submitted = [asyncio.ensure_future(batcher.submit(item)) for item in (1, 2, 3)]
        await settle()
        await batcher.close()
        results = await asyncio.gather(*submitted, return_exceptions=True)
        assert [type(result) for result in results] == [asyncio.CancelledError] * 3

    run(test)


def test_submitters_wait_in_order_while_as_many_items_are_held_as_there_is_room_for() -> None:
    async def test(recorder: Recorder) -> None:
        recorder.may_end.clear()
        batcher = MicroBatcher(recorder, 2, LONG_SECONDS, capacity=4)
        submitted = [asyncio.ensure_future(batcher.submit(item)) for item in range(9)]
        await settle()
        assert recorder.batches == [[0, 1], [2, 3]]
        submitted[4].cancel()
        recorder.may_end.set()
        await settle()
        assert recorder.batches == [[0, 1], [2, 3], [5, 6], [7, 8]]
        results = await asyncio.gather(*submitted[:4], *submitted[5:])
        assert results == [0, 2, 4, 6, 10, 12, 14, 16]

    run(test)


def test_after_closing_nobody_can_submit_and_who_waited_to_hears_of_it() -> None:
    async def test(recorder: Recorder) -> None:
        recorder.may_end.clear()
        batcher = MicroBatcher(recorder, 1, LONG_SECONDS, capacity=1)
        _, waiting = [asyncio.ensure_future(batcher.submit(item)) for item in (1, 2)]
        await settle()
        await batcher.close()
        for submitting in (waiting, batcher.submit(3)):
            with pytest.raises(BufferClosedError):
                await submitting

    run(test)


def test_an_empty_batch_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match="at least one"):
        MicroBatcher(Recorder(), 0, 1)
    with pytest.raises(ValueError, match="no more than there is room for"):
        MicroBatcher(Recorder(), 5, 1, capacity=4)
