"""ReorderWindow restores the order within a bound and can never block itself."""

from __future__ import annotations

import asyncio
import random

from hypothesis import given
from hypothesis import strategies as st

from streamx.flow import ReorderWindow
from streamx.testing import settle


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
        await window.finish(0, "zero")
        assert [await anext(window) for _ in range(3)] == [b"again", "zero", b"1234567890"]
        await newer

    asyncio.run(main())


def test_an_output_without_parts_passes_its_place_on() -> None:
    async def main() -> None:
        window: ReorderWindow[bytes, int] = ReorderWindow(3, 10)
        await window.put(1, b"one")
        await window.finish(1, 1)
        await window.finish(0, 0)
        window.close()
        assert [item async for item in window] == [0, b"one", 1]

    asyncio.run(main())


def test_a_number_too_far_ahead_waits_even_if_it_holds_no_bytes() -> None:
    async def main() -> None:
        window: ReorderWindow[bytes, int] = ReorderWindow(2, 10)
        await window.finish(1, 1)
        ahead = asyncio.ensure_future(window.finish(2, 2))
        await settle()
        assert not ahead.done()
        await window.finish(0, 0)
        assert await anext(window) == 0
        await ahead
        assert window.statistics().peak_fill == 2

    asyncio.run(main())


def test_a_result_of_none_ends_an_output_and_is_not_handed_on() -> None:
    async def main() -> None:
        window: ReorderWindow[bytes, int] = ReorderWindow(3, 10)
        await window.put(0, b"zero")
        for number, result in enumerate([None, None, 2]):
            await window.finish(number, result)
        window.close()
        assert [item async for item in window] == [b"zero", 2]

    asyncio.run(main())


def test_statistics_count_outputs_that_are_held() -> None:
    async def main() -> None:
        window: ReorderWindow[bytes, int] = ReorderWindow(3, 10)
        await window.put(1, b"abc")
        await window.finish(2, 2)
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
            await window.finish(number, number)

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
