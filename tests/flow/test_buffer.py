"""BoundedBuffer holds its bounds, makes producers wait, and closes cleanly."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamx.flow import BoundedBuffer, BufferClosedError
from streamx.testing import settle


def buffer_of(
    capacity: int, capacity_bytes: int = 1 << 30, low_water: int | None = None
) -> BoundedBuffer[bytes]:
    return BoundedBuffer(capacity, capacity_bytes, size_of=len, low_water=low_water)


async def started(coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Start a task and let everything run that can."""
    task = asyncio.ensure_future(coroutine)
    await settle()
    return task


def test_an_unbounded_buffer_cannot_be_expressed() -> None:
    for capacity, capacity_bytes in ((0, 1), (-1, 1), (1, 0)):
        with pytest.raises(ValueError, match="at least one"):
            buffer_of(capacity, capacity_bytes)


def test_the_low_water_mark_must_lie_below_the_capacity() -> None:
    with pytest.raises(ValueError, match="low-water"):
        buffer_of(2, low_water=2)


def test_a_producer_waits_for_room_and_resumes_at_the_low_water_mark() -> None:
    async def main() -> None:
        buffer = buffer_of(4, low_water=1)
        for _ in range(4):
            await buffer.put(b"x")
        producer = await started(buffer.put(b"late"))
        for expected_fill in (3, 2):
            await buffer.get()
            await settle()
            assert not producer.done()
            assert buffer.statistics().fill == expected_fill
            assert buffer.statistics().is_paused
        await buffer.get()
        await settle()
        assert producer.done()
        assert buffer.statistics().fill == 2

    asyncio.run(main())


def test_bytes_bound_the_buffer_as_well_as_items() -> None:
    async def main() -> None:
        buffer = buffer_of(100, 10)
        await buffer.put(b"123456")
        producer = await started(buffer.put(b"12345"))
        assert not producer.done()
        await buffer.get()
        await producer
        assert buffer.statistics().peak_bytes == 6

    asyncio.run(main())


def test_an_item_larger_than_the_buffer_is_admitted_alone() -> None:
    async def main() -> None:
        buffer = buffer_of(4, 10)
        await buffer.put(b"small")
        producer = await started(buffer.put(b"x" * 100))
        assert not producer.done()
        assert await buffer.get() == b"small"
        await producer
        assert len(await buffer.get()) == 100

    asyncio.run(main())


def test_a_consumer_waits_for_an_item() -> None:
    async def main() -> None:
        buffer = buffer_of(1)
        consumer = await started(buffer.get())
        assert not consumer.done()
        await buffer.put(b"x")
        assert await consumer == b"x"
        assert buffer.statistics().consumer_wait_seconds > 0

    asyncio.run(main())


def test_closing_lets_the_rest_be_taken_and_then_ends_every_consumer() -> None:
    async def main() -> None:
        buffer = buffer_of(2)
        await buffer.put(b"rest")
        buffer.close()
        assert [item async for item in buffer] == [b"rest"]
        with pytest.raises(BufferClosedError):
            await buffer.get()
        with pytest.raises(BufferClosedError):
            await buffer.put(b"late")

    asyncio.run(main())


def test_closing_wakes_a_waiting_producer_and_all_waiting_consumers() -> None:
    async def main() -> None:
        full, empty = buffer_of(1), buffer_of(1)
        await full.put(b"x")
        producer = await started(full.put(b"y"))
        consumers = [await started(empty.get()) for _ in range(3)]
        full.close()
        empty.close()
        results = await asyncio.gather(producer, *consumers, return_exceptions=True)
        assert [type(result) for result in results] == [BufferClosedError] * 4

    asyncio.run(main())


def test_a_cancelled_producer_leaves_nothing_behind() -> None:
    async def main() -> None:
        buffer = buffer_of(1)
        await buffer.put(b"x")
        producer = await started(buffer.put(b"never"))
        producer.cancel()
        await settle()
        assert await buffer.get() == b"x"
        assert buffer.statistics().fill == 0

    asyncio.run(main())


@given(
    items=st.lists(st.binary(max_size=20), max_size=40),
    capacity=st.integers(1, 5),
    capacity_bytes=st.integers(1, 30),
    producers=st.integers(1, 3),
    consumers=st.integers(1, 3),
)
def test_everything_put_is_got_once_within_the_bounds(
    items: list[bytes], capacity: int, capacity_bytes: int, producers: int, consumers: int
) -> None:
    async def main() -> None:
        buffer = buffer_of(capacity, capacity_bytes)
        got: list[bytes] = []

        async def produce(own: list[bytes]) -> None:
            for item in own:
                await buffer.put(item)

        async def consume() -> None:
            async for item in buffer:
                got.append(item)
                await asyncio.sleep(0)

        reading = asyncio.gather(*(consume() for _ in range(consumers)))
        await asyncio.gather(*(produce(items[n::producers]) for n in range(producers)))
        buffer.close()
        await asyncio.wait_for(reading, 10)
        statistics = buffer.statistics()
        assert sorted(got) == sorted(items)
        assert statistics.peak_fill <= capacity
        assert statistics.peak_bytes <= max([capacity_bytes, *map(len, items)])
        if producers == consumers == 1:
            assert got == items

    asyncio.run(main())
