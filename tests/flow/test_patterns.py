"""Each pattern of README's table, with a fast producer before it and a slow consumer behind it.

A pattern is a function that takes items from a source to a sink. Whatever is between them, the
sink sets the pace, what is alive is bounded, and errors and cancellation leave nothing behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from flow.worlds import ITEMS, LARGE, SINK_SECONDS, Item, World, assert_nothing_is_left

from streamx.flow import (
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
from streamx.flow.workers import Emit
from streamx.testing import run_in_simulated_time

FOUR: Limit[bytes] = Limit(4, LARGE, size_of=len)


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
