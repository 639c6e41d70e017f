"""paginate() can express every style of paging, and fetches no page before it is needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from streamx.flow import Page, PaginationError, paginate
from streamx.testing import settle

ITEMS = list(range(10))


async def by_page(position: int | None, size: int) -> Page[int]:
    page = position or 1
    items = ITEMS[(page - 1) * size : page * size]
    return Page(items, page + 1 if len(items) == size else None)


async def by_offset(position: int | None, size: int) -> Page[int]:
    offset = position or 0
    items = ITEMS[offset : offset + size]
    return Page(items, offset + size if len(items) == size else None)


async def by_cursor(cursor: str | None, size: int) -> Page[int]:
    start = int(cursor.removeprefix("after-")) if cursor else 0
    end = start + size
    return Page(ITEMS[start:end], f"after-{end}" if end < len(ITEMS) else None)


async def by_link(url: str | None, size: int) -> Page[int]:
    start = int((url or "/items?start=0").partition("=")[2])
    end = start + size
    return Page(ITEMS[start:end], f"/items?start={end}" if end < len(ITEMS) else None)


@pytest.mark.parametrize("reads_ahead", [False, True])
@pytest.mark.parametrize("size", [1, 3, 5, 10, 11])
@pytest.mark.parametrize("fetch_page", [by_page, by_offset, by_cursor, by_link])
def test_every_style_gives_every_item_once(
    fetch_page: Callable[[Any, int], Any], size: int, reads_ahead: bool
) -> None:
    async def main() -> list[int]:
        return [item async for item in paginate(fetch_page, size, reads_ahead=reads_ahead)]

    assert asyncio.run(main()) == ITEMS


def test_a_position_to_go_on_from_can_be_given() -> None:
    async def main() -> list[int]:
        return [item async for item in paginate(by_cursor, 4, first="after-7")]

    assert asyncio.run(main()) == [7, 8, 9]


def test_an_empty_page_is_not_the_end_if_it_names_another() -> None:
    async def fetch_page(position: int | None, _: int) -> Page[int]:
        return Page([], 1) if position is None else Page([1])

    async def main() -> list[int]:
        return [item async for item in paginate(fetch_page, 5)]

    assert asyncio.run(main()) == [1]


def test_a_page_that_names_itself_as_the_next_is_refused() -> None:
    async def fetch_page(position: int | None, _: int) -> Page[int]:
        return Page([1], 7)

    async def main() -> None:
        items = paginate(fetch_page, 1)
        assert await anext(items) == 1
        with pytest.raises(PaginationError, match="the page at 7"):
            await anext(items)

    asyncio.run(main())


def test_a_failure_of_the_page_ahead_comes_behind_the_items_before_it() -> None:
    async def fetch_page(position: int | None, _: int) -> Page[int]:
        if position:
            raise ConnectionError("page 2")
        return Page([1, 2], 2)

    async def main() -> None:
        items = paginate(fetch_page, 2, reads_ahead=True)
        assert [await anext(items), await anext(items)] == [1, 2]
        with pytest.raises(ConnectionError, match="page 2"):
            await anext(items)

    asyncio.run(main())


def test_a_consumer_that_has_seen_enough_leaves_no_request_running() -> None:
    async def fetch_page(position: int | None, _: int) -> Page[int]:
        if position:
            await asyncio.Event().wait()
        return Page([1, 2], 2)

    async def main() -> None:
        items = paginate(fetch_page, 2, reads_ahead=True)
        assert await anext(items) == 1
        await settle()
        await items.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_a_page_has_at_least_one_item() -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="at least one"):
            await anext(paginate(by_page, 0))

    asyncio.run(main())
