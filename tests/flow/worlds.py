"""A world around a flow: a source, a sink, and a count of the items that are alive."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterable, AsyncIterator

ITEMS = 200
SINK_SECONDS = 1.0
LARGE = 1 << 20


class Item(bytes):
    """Bytes that know how many of their kind are alive, and how many were at most."""

    alive = 0
    peak = 0

    def __new__(cls, number: int) -> Item:
        cls.alive += 1
        cls.peak = max(cls.peak, cls.alive)
        return super().__new__(cls, b"%d" % number)

    def __del__(self) -> None:
        Item.alive -= 1


class World:
    """A source as fast as it is let, and a sink that takes a second for an item; one for each test.

    Args:
        failing: "source" or "sink", which then fails half-way.
        most_taken: items after which the sink does.
    """

    def __init__(self, failing: str = "", most_taken: int = ITEMS // 4) -> None:
        gc.collect()
        Item.alive = Item.peak = 0
        self.given = 0
        self.taken: list[int] = []
        self._failing = failing
        self._most_taken = most_taken

    def next(self) -> Item:
        if self._failing == "source" and self.given == ITEMS // 2:
            raise OSError("the source failed")
        self.given += 1
        return Item(self.given)

    async def source(self) -> AsyncIterator[Item]:
        while self.given < ITEMS:
            yield self.next()

    async def take(self, item: bytes) -> None:
        if self._failing == "sink" and len(self.taken) == self._most_taken:
            raise OSError("the sink failed")
        await asyncio.sleep(SINK_SECONDS)
        self.taken.append(int(item))

    async def sink(self, items: AsyncIterable[bytes]) -> None:
        async for item in items:
            await self.take(item)


def outcome_of(task: asyncio.Future[None]) -> BaseException | None:
    return asyncio.CancelledError() if task.cancelled() else task.exception()


def assert_nothing_is_left() -> None:
    assert asyncio.all_tasks() == {asyncio.current_task()}
    gc.collect()
    assert Item.alive == 0
