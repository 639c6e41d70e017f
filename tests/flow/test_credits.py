"""Credits bound what is in flight and always let the oldest chunk proceed."""

from __future__ import annotations

import asyncio

import pytest

from streamx.flow import Credits


async def is_granted(credits: Credits, sequence: int, size_bytes: int) -> bool:
    """Tell whether a credit is granted at once."""
    taking = asyncio.ensure_future(credits.acquire(sequence, size_bytes))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)
    return not taking.cancelled()


def test_no_credit_means_no_flow() -> None:
    for capacity, capacity_bytes in ((0, 1), (1, 0)):
        with pytest.raises(ValueError, match="at least one"):
            Credits(capacity, capacity_bytes)


def test_a_chunk_waits_until_another_has_returned_its_credit() -> None:
    async def main() -> None:
        credits = Credits(2, 1000)
        await credits.acquire(0, 10)
        await credits.acquire(1, 10)
        third = asyncio.ensure_future(credits.acquire(2, 10))
        await asyncio.sleep(0)
        assert not third.done()
        credits.release(1)
        await third
        assert credits.statistics().fill == 2
        assert credits.statistics().peak_fill == 2
        assert credits.statistics().producer_wait_seconds > 0

    asyncio.run(main())


def test_bytes_in_flight_are_bounded_too() -> None:
    async def main() -> None:
        credits = Credits(10, 100)
        await credits.acquire(0, 60)
        assert not await is_granted(credits, 1, 60)
        assert await is_granted(credits, 1, 40)

    asyncio.run(main())


def test_a_lone_chunk_may_grow_beyond_the_bytes_but_not_beside_others() -> None:
    async def main() -> None:
        credits = Credits(10, 100)
        await credits.acquire(0, 50)
        await credits.acquire(1, 50)
        growing = asyncio.ensure_future(credits.grow(1, 500))
        await asyncio.sleep(0)
        assert not growing.done()
        credits.release(0)
        await growing
        assert credits.statistics().fill_bytes == 500
        credits.release(1)
        assert credits.statistics().fill_bytes == 0

    asyncio.run(main())
