"""Each pattern of README's table, with a fast producer before it and a slow consumer behind it.

A pattern is a function that takes items from a source to a sink. Whatever is between them, the
sink sets the pace, what is alive is bounded, and errors and cancellation leave nothing behind.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from streamx.flow import (
    BoundedBuffer,
    DrainWriter,
    FlowMonitor,
    Limit,
    MicroBatcher,
    Page,
    PriorityBuffer,
    RateLimiter,
    ReorderWindow,
    Stage,
    WorkerPool,
    paginate,
    pipeline,
    together,
)
from streamx.flow.buffer import OnFull
from streamx.flow.workers import Emit
from streamx.testing import run_in_simulated_time

ITEMS = 200
SINK_SECONDS = 1.0
LARGE = 1 << 20
FOUR: Limit[bytes] = Limit(4, LARGE, size_of=len)


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
    """A source as fast as it is let, and a sink that takes a second for an item.

    Args:
        failing: "source" or "sink", which then fails half-way.
        most_taken: items after which the sink does.
    """

    def __init__(self, failing: str = "", most_taken: int = ITEMS // 4) -> None:
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


async def just_pipeline(world: World) -> None:
    await pipeline(world.source(), sink=world.sink)


async def drain_writer(world: World) -> None:
    async def write(parts: Sequence[bytes | memoryview]) -> None:
        for part in parts:
            await world.take(bytes(part))

    await pipeline(world.source(), sink=DrainWriter(write, high_water_bytes=12).write_all)


async def copy(items: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    async for item in items:
        yield item


async def iterators(world: World) -> None:
    await pipeline(world.source(), copy, copy, sink=world.sink)


async def stage(world: World) -> None:
    await pipeline(world.source(), Stage(copy, inbound=FOUR, outbound=FOUR), sink=world.sink)


async def bounded_buffer(world: World) -> None:
    await pipeline(world.source(), FOUR.buffer(), sink=world.sink)


async def ordered_pool(world: World, *, is_ordered: bool = True) -> None:
    async def work(item: bytes, emit: Emit[bytes]) -> None:
        await asyncio.sleep(SINK_SECONDS / (1 + item[-1] % 3))
        await emit(item)

    window: ReorderWindow[bytes, None] = ReorderWindow(4, LARGE)
    pool = WorkerPool(work, 3, FOUR, window, is_ordered=is_ordered)
    await pipeline(world.source(), pool, sink=world.sink)


async def unordered_pool(world: World) -> None:
    await ordered_pool(world, is_ordered=False)


async def work_queue(world: World) -> None:
    async def submit_all() -> None:
        results: set[asyncio.Future[None]] = set()
        async for item in world.source():
            results = {result for result in results if not result.done() or result.result()}
            results.add(await pool.submit(item))
        pool.close()
        await asyncio.gather(*results)

    pool = WorkerPool(world.take, 1, FOUR)
    await together(pool.run(), submit_all())


async def paginated(world: World, *, reads_ahead: bool = False) -> None:
    async def fetch_page(_: object, size: int) -> Page[Item]:
        items = [world.next() for _ in range(size)]
        return Page(items, world.given if world.given < ITEMS else None)

    await pipeline(paginate(fetch_page, 4, reads_ahead=reads_ahead), sink=world.sink)


async def paginated_ahead(world: World) -> None:
    await paginated(world, reads_ahead=True)


async def priority_buffer(world: World) -> None:
    by_number: PriorityBuffer[bytes] = PriorityBuffer(4, LARGE, size_of=len, priority_of=int)
    await pipeline(world.source(), by_number, sink=world.sink)


async def micro_batcher(world: World) -> None:
    async def process(items: list[Item]) -> list[None]:
        for item in items:
            await world.take(item)
        return [None] * len(items)

    batcher = MicroBatcher(process, max_size=4, max_wait_seconds=0.1, capacity=4)

    async def submit_each() -> None:
        while world.given < ITEMS:
            await batcher.submit(world.next())

    try:
        await together(*(submit_each() for _ in range(8)))
    finally:
        await batcher.close()


async def rate_limiter(world: World) -> None:
    reading, writing = (RateLimiter(1, 4, clock=asyncio.get_running_loop().time) for _ in range(2))
    await pipeline(world.source(), reading.paced, FOUR.buffer(), writing.paced, sink=world.sink)


async def monitored(world: World) -> None:
    async def work(item: bytes, emit: Emit[bytes]) -> None:
        await emit(item)

    async def look() -> None:
        while True:
            await asyncio.sleep(SINK_SECONDS / 10)
            monitor.snapshot()

    window: ReorderWindow[bytes, None] = ReorderWindow(4, LARGE)
    pool = WorkerPool(work, 1, FOUR, window)
    monitor = FlowMonitor(
        bytes_read=lambda: world.given,
        total_bytes=None,
        bytes_written=lambda: len(world.taken),
        workers_busy=lambda: pool.busy,
        workers=1,
        input_buffer=pool.inbound.statistics,
        reorder_window=window.statistics,
        output_buffer=window.statistics,
        in_flight=window.statistics,
        clock=asyncio.get_running_loop().time,
    )
    looking = asyncio.ensure_future(look())
    try:
        await pipeline(world.source(), pool, sink=world.sink)
    finally:
        looking.cancel()
        await asyncio.wait([looking])


@dataclass(frozen=True)
class Pattern:
    """A pattern and what it promises.

    Attributes:
        run: takes all items from the source to the sink.
        most_alive: items that exist at a time at most.
        seconds_per_item: what an item takes when nothing else does.
        is_ordered: items arrive in the order in which they left.
    """

    run: Callable[[World], Awaitable[Any]]
    most_alive: int
    seconds_per_item: float = SINK_SECONDS
    is_ordered: bool = True


PATTERNS = [
    Pattern(just_pipeline, 2),
    Pattern(drain_writer, 16),
    Pattern(iterators, 2),
    Pattern(stage, 12),
    Pattern(bounded_buffer, 7),
    Pattern(ordered_pool, 14),
    Pattern(unordered_pool, 14, is_ordered=False),
    Pattern(work_queue, 8),
    Pattern(paginated, 6),
    Pattern(paginated_ahead, 10),
    Pattern(priority_buffer, 7, is_ordered=False),
    Pattern(micro_batcher, 14),
    Pattern(rate_limiter, 8, seconds_per_item=4),
    Pattern(monitored, 13),
]
every = pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.run.__name__)


@pytest.fixture(autouse=True)
def count_from_zero() -> None:
    gc.collect()
    Item.alive = Item.peak = 0


def outcome_of(task: asyncio.Future[None]) -> BaseException | None:
    return asyncio.CancelledError() if task.cancelled() else task.exception()


def assert_nothing_is_left() -> None:
    assert asyncio.all_tasks() == {asyncio.current_task()}
    gc.collect()
    assert Item.alive == 0


@every
def test_a_slow_consumer_sets_the_pace_of_a_fast_producer_in_flat_memory(pattern: Pattern) -> None:
    async def main() -> float:
        world = World()
        await pattern.run(world)
        assert sorted(world.taken) == list(range(1, ITEMS + 1))
        assert world.taken == sorted(world.taken) or not pattern.is_ordered
        return asyncio.get_running_loop().time()

    seconds = run_in_simulated_time(main())
    assert seconds == pytest.approx(ITEMS * pattern.seconds_per_item, rel=0.05)
    assert Item.peak <= pattern.most_alive


@every
@pytest.mark.parametrize("failing", ["source", "sink"])
def test_an_error_in_the_middle_is_raised_as_itself_and_leaves_nothing(
    pattern: Pattern, failing: str
) -> None:
    async def main() -> None:
        world = World(failing)
        # In a task of its own: in CPython a task keeps the last cancellation it has caught.
        running = asyncio.ensure_future(pattern.run(world))
        await asyncio.wait([running])
        assert repr(running.exception()) == f"OSError('the {failing} failed')"
        del running
        assert world.given <= (ITEMS // 2 if failing == "source" else ITEMS // 4 + 16)
        assert_nothing_is_left()

    run_in_simulated_time(main())


@every
def test_cancellation_in_the_middle_leaves_nothing(pattern: Pattern) -> None:
    async def main() -> None:
        world = World()
        running = asyncio.ensure_future(pattern.run(world))
        await asyncio.sleep(pattern.seconds_per_item * ITEMS / 2)
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled()
        assert 0 < len(world.taken) < world.given < ITEMS
        del running
        assert_nothing_is_left()

    run_in_simulated_time(main())


@dataclass
class Overflow:
    """A source that never waits, ten times as fast as the sink behind a buffer that drops."""

    policy: OnFull
    world: World
    dropped: list[int]

    async def run(self) -> None:
        self.buffer: BoundedBuffer[bytes] = BoundedBuffer(
            4, LARGE, size_of=len, on_full=self.policy, on_drop=self._drop
        )
        await pipeline(self._live(), self.buffer, sink=self.world.sink)

    async def _live(self) -> AsyncIterator[Item]:
        async for item in self.world.source():
            yield item
            await asyncio.sleep(SINK_SECONDS / 10)

    def _drop(self, item: bytes) -> None:
        self.dropped.append(int(item))


dropping = pytest.mark.parametrize("policy", ["drop-oldest", "drop-newest"])


@dropping
def test_a_dropping_buffer_never_slows_its_producer_and_accounts_for_every_item(
    policy: OnFull,
) -> None:
    async def main() -> None:
        flow = Overflow(policy, World(), [])
        await flow.run()
        assert sorted(flow.world.taken + flow.dropped) == list(range(1, ITEMS + 1))
        assert flow.world.taken == sorted(flow.world.taken)
        assert flow.buffer.statistics().dropped == len(flow.dropped) > ITEMS / 2
        assert flow.buffer.statistics().producer_waits == 0

    run_in_simulated_time(main())
    assert Item.peak <= 7


@dropping
@pytest.mark.parametrize("failing", ["source", "sink", "cancelled"])
def test_a_dropping_buffer_that_ends_before_its_time_leaves_nothing(
    policy: OnFull, failing: str
) -> None:
    async def main() -> None:
        flow = Overflow(policy, World(failing, most_taken=5), [])
        running = asyncio.ensure_future(flow.run())
        if failing == "cancelled":
            await asyncio.sleep(SINK_SECONDS * 5)
            running.cancel()
        await asyncio.wait([running])
        expected = "CancelledError" if failing == "cancelled" else f"the {failing} failed"
        assert expected in repr(outcome_of(running))
        assert flow.world.given < ITEMS
        assert flow.dropped
        del running, flow
        assert_nothing_is_left()

    run_in_simulated_time(main())
    assert Item.peak <= 7


def test_a_full_buffer_that_is_told_to_refuse_ends_the_flow_and_leaves_nothing() -> None:
    async def main() -> None:
        flow = Overflow("error", World(), [])
        running = asyncio.ensure_future(flow.run())
        await asyncio.wait([running])
        assert "4 of 4 items" in repr(running.exception())
        assert (flow.world.given, flow.world.taken) == (6, [])
        del running, flow
        assert_nothing_is_left()

    run_in_simulated_time(main())
    assert Item.peak <= 7


@pytest.mark.parametrize("reads_ahead", [False, True])
def test_a_paginated_source_is_at_most_one_page_ahead_and_only_if_asked(reads_ahead: bool) -> None:
    async def main() -> None:
        world = World()

        async def fetch_page(_: object, size: int) -> Page[Item]:
            return Page([world.next() for _ in range(size)], world.given)

        items = paginate(fetch_page, 4, reads_ahead=reads_ahead)
        for taken in range(1, 10):
            await anext(items)
            await asyncio.sleep(1)
            pages = -(-taken // 4) + reads_ahead
            assert world.given == 4 * pages
        await items.aclose()

    run_in_simulated_time(main())
