"""WorkerPool works on several items at a time and keeps, or gives up, their order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Never

import pytest

from streamx.flow import BufferClosedError, Limit, ReorderWindow, WorkerPool
from streamx.flow.workers import Emit
from streamx.testing import settle


class Gates:
    """Work that ends for each item when the test says so."""

    def __init__(self) -> None:
        self.gates: dict[bytes, asyncio.Event] = {}
        self.running: set[bytes] = set()

    def open(self, item: bytes) -> None:
        self.gates[item].set()

    async def work(self, item: bytes, emit: Emit[bytes]) -> bytes:
        self.gates[item] = asyncio.Event()
        self.running.add(item)
        await self.gates[item].wait()
        self.running.remove(item)
        await emit(item)
        return item.upper()


async def pool_of(
    gates: Gates, workers: int, items: list[bytes], *, is_ordered: bool
) -> tuple[WorkerPool[bytes, bytes, bytes], asyncio.Task[None]]:
    inbound: Limit[bytes] = Limit(len(items), 1 << 20, size_of=len)
    outbound: ReorderWindow[bytes, bytes] = ReorderWindow(8, 1 << 20)
    pool = WorkerPool(gates.work, workers, inbound, outbound, is_ordered=is_ordered)
    for item in items:
        await pool.put(item)
    pool.close()
    task = asyncio.ensure_future(pool.run())
    await settle()
    return pool, task


def test_as_many_items_are_worked_on_as_there_are_workers() -> None:
    async def main() -> None:
        gates = Gates()
        pool, task = await pool_of(gates, 2, [b"a", b"b", b"c"], is_ordered=True)
        assert gates.running == {b"a", b"b"}
        assert pool.busy == 2
        gates.open(b"a")
        await settle()
        assert gates.running == {b"b", b"c"}
        gates.open(b"b")
        gates.open(b"c")
        await task
        assert pool.busy == 0

    asyncio.run(main())


@pytest.mark.parametrize(
    ("is_ordered", "expected"),
    [(True, [b"a", b"A", b"b", b"B"]), (False, [b"b", b"B", b"a", b"A"])],
)
def test_an_early_finisher_keeps_or_gives_up_its_place(
    is_ordered: bool, expected: list[bytes]
) -> None:
    async def main() -> None:
        gates = Gates()
        pool, task = await pool_of(gates, 2, [b"a", b"b"], is_ordered=is_ordered)
        gates.open(b"b")
        await settle()
        gates.open(b"a")
        await task
        assert [item async for item in pool.outbound] == expected

    asyncio.run(main())


def test_a_pool_needs_a_worker() -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="at least one worker"):
            await pool_of(Gates(), 0, [b"a"], is_ordered=True)

    asyncio.run(main())


def queue_of(work: Callable[[str], Awaitable[str]]) -> WorkerPool[str, Never, str]:
    return WorkerPool(work, 1, Limit(1, 1 << 20, size_of=len))


async def upper(item: str) -> str:
    await asyncio.sleep(0)
    if not item.isalpha():
        raise ValueError(item)
    return item.upper()


def test_each_submission_has_its_own_result_or_failure() -> None:
    async def main() -> None:
        pool = queue_of(upper)
        running = asyncio.ensure_future(pool.run())
        futures = [await pool.submit(item) for item in ("a", "1", "b")]
        pool.close()
        results = await asyncio.gather(*futures, return_exceptions=True)
        assert list(map(repr, results)) == ["'A'", "ValueError('1')", "'B'"]
        await running
        with pytest.raises(BufferClosedError):
            await pool.submit("late")

    asyncio.run(main())


def test_a_submitter_waits_for_room_and_may_give_up_there_or_later() -> None:
    async def main() -> None:
        seen: list[str] = []

        async def work(item: str) -> str:
            seen.append(item)
            return item

        pool = queue_of(work)
        unwanted = await pool.submit("unwanted")
        giving_up = asyncio.ensure_future(pool.submit("given up"))
        waiting = asyncio.ensure_future(pool.submit("wanted"))
        await settle()
        assert not giving_up.done()
        giving_up.cancel()
        unwanted.cancel()
        running = asyncio.ensure_future(pool.run())
        assert await (await waiting) == "wanted"
        assert seen == ["wanted"]
        pool.close()
        await running

    asyncio.run(main())


def test_a_pool_that_ends_before_its_time_cancels_what_it_owes() -> None:
    async def main() -> None:
        async def stuck(item: str) -> str:
            await asyncio.Event().wait()
            return item

        pool = queue_of(stuck)
        running = asyncio.ensure_future(pool.run())
        at_work, queued = await pool.submit("a"), await pool.submit("b")
        waiting = asyncio.ensure_future(pool.submit("c"))
        await settle()
        running.cancel()
        await asyncio.wait([running])
        assert at_work.cancelled()
        assert queued.cancelled()
        with pytest.raises(BufferClosedError):
            await waiting

    asyncio.run(main())


def test_work_that_hears_of_a_cancellation_ends_only_its_own_submission() -> None:
    async def main() -> None:
        async def work(item: str) -> str:
            if item == "bad":
                raise asyncio.CancelledError
            return item

        pool = queue_of(work)
        running = asyncio.ensure_future(pool.run())
        bad, good = await pool.submit("bad"), await pool.submit("good")
        pool.close()
        assert await good == "good"
        assert bad.cancelled()
        await running

    asyncio.run(main())


def test_results_leave_one_way() -> None:
    async def main() -> None:
        stage: WorkerPool[bytes, bytes, bytes] = WorkerPool(
            Gates().work, 1, Limit(1, 1, size_of=len), ReorderWindow(1, 1)
        )
        with pytest.raises(TypeError, match="put"):
            await stage.submit(b"a")
        with pytest.raises(TypeError, match="submit"):
            aiter(queue_of(upper))

    asyncio.run(main())
