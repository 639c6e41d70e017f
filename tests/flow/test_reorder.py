"""ReorderWindow restores the order within a bound and can never block itself."""

from __future__ import annotations

import asyncio
import random

from hypothesis import given
from hypothesis import strategies as st

from streamx.flow import ReorderWindow


def test_a_newer_output_waits_when_the_window_is_full_and_the_oldest_proceeds() -> None:
    async def main() -> None:
        window: ReorderWindow[bytes, str] = ReorderWindow(4, 10)
        await window.put(1, b"1234567890")
        newer = asyncio.ensure_future(window.put(2, b"x"))
        await asyncio.sleep(0)
        assert not newer.done()
        await asyncio.wait_for(window.put(0, b"oldest"), 1)
        second = asyncio.ensure_future(window.put(0, b"again"))
        await asyncio.sleep(0)
        assert not second.done(), "the oldest holds one part at a time beyond the bound"
        assert await anext(window) == b"oldest"
        await second
        window.finish(0, "zero")
        assert [await anext(window) for _ in range(3)] == [b"again", "zero", b"1234567890"]
        await newer

    asyncio.run(main())


def test_an_output_without_parts_passes_its_place_on() -> None:
    async def main() -> None:
        window: ReorderWindow[bytes, int] = ReorderWindow(3, 10)
        await window.put(1, b"one")
        window.finish(1, 1)
        window.finish(0, 0)
        window.close()
        assert [item async for item in window] == [0, b"one", 1]

    asyncio.run(main())


def test_statistics_count_outputs_that_are_held() -> None:
    async def main() -> None:
        window: ReorderWindow[bytes, int] = ReorderWindow(3, 10)
        await window.put(1, b"abc")
        window.finish(2, 2)
        statistics = window.statistics()
        assert (statistics.fill, statistics.fill_bytes, statistics.capacity) == (2, 3, 3)
        assert (statistics.peak_fill, statistics.peak_bytes) == (2, 3)

    asyncio.run(main())


@given(
    outputs=st.lists(st.lists(st.binary(min_size=1, max_size=9), max_size=4), max_size=8),
    capacity_bytes=st.integers(1, 12),
    order=st.randoms(use_true_random=False),
)
def test_any_finishing_order_gives_the_input_order_within_the_bound(
    outputs: list[list[bytes]],
    capacity_bytes: int,
    order: random.Random,
) -> None:
    async def main() -> None:
        window: ReorderWindow[bytes, int] = ReorderWindow(8, capacity_bytes)

        async def produce(number: int) -> None:
            for part in outputs[number]:
                await window.put(number, part)
            window.finish(number, number)

        numbers = list(range(len(outputs)))
        order.shuffle(numbers)
        producers = [asyncio.ensure_future(produce(number)) for number in numbers]
        expected: list[bytes | int] = []
        for number, parts in enumerate(outputs):
            expected += [*parts, number]
        got = [await asyncio.wait_for(anext(window), 10) for _ in expected]
        await asyncio.gather(*producers)
        assert got == expected
        longest = max((len(part) for parts in outputs for part in parts), default=0)
        assert window.statistics().peak_bytes <= capacity_bytes + longest

    asyncio.run(main())
