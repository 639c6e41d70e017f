"""WorkerPool works on several items at a time and keeps, or gives up, their order."""

from __future__ import annotations

import asyncio

import pytest

from streamx.flow import BoundedBuffer, ReorderWindow, WorkerPool
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
    inbound: BoundedBuffer[bytes] = BoundedBuffer(len(items), 1 << 20, size_of=len)
    outbound: ReorderWindow[bytes, bytes] = ReorderWindow(8, 1 << 20)
    pool = WorkerPool(gates.work, workers, inbound, outbound, is_ordered=is_ordered)
    for item in items:
        await inbound.put(item)
    inbound.close()
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
