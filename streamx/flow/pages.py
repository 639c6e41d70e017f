"""paginate(): the items of a paged source, whose consumer sets the pace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class PaginationError(Exception):
    """A page named itself as the next, which would go on for ever."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """What one request gave.

    Attributes:
        items: the items of the page.
        next: where the next page is, in whatever way the source says it: a number, an offset,
            a cursor, a link; None if this is the last.
    """

    items: Sequence[T]
    next: Any = None


async def paginate(
    fetch_page: Callable[[Any, int], Awaitable[Page[T]]],
    page_size: int,
    *,
    first: Any = None,
    reads_ahead: bool = False,
) -> AsyncGenerator[T, None]:
    """Yield the items of a paged source; a page is fetched when all before it have been taken.

    `fetch_page(position, page_size)` gets what the page before gave as `next`, and None for the
    first page. So every style is a line or two::

        Page(items, page + 1 if len(items) == size else None)        # page = position or 1
        Page(items, offset + size if len(items) == size else None)   # offset = position or 0
        Page(answer["items"], answer.get("next_cursor"))             # cursor
        Page(answer.json(), answer.links.get("next", {}).get("url")) # link; the first one is known

    Args:
        fetch_page: fetches one page. What it raises is raised to the consumer.
        page_size: how many items to ask for, at least 1.
        first: the position of the first page.
        reads_ahead: the next page is fetched while the items of this one are taken; never more.

    Raises:
        PaginationError: a page names itself as the next.
        ValueError: `page_size` is less than 1.

    Source: links to the next page are those of RFC 8288.

    Example:
        >>> async def fetch_page(offset: int | None, size: int) -> Page[int]:
        ...     offset = offset or 0
        ...     items = range(7)[offset : offset + size]
        ...     return Page(items, offset + size if len(items) == size else None)
        >>> async def main() -> list[int]:
        ...     return [item async for item in paginate(fetch_page, 3)]
        >>> asyncio.run(main())
        [0, 1, 2, 3, 4, 5, 6]
    """
    if page_size < 1:
        raise ValueError("a page has at least one item")
    position = first
    page = await fetch_page(position, page_size)
    while True:
        if page.next is not None and page.next == position:
            raise PaginationError(f"the page at {position!r} names itself as the next")
        position = page.next
        ahead = None
        if reads_ahead and position is not None:
            ahead = asyncio.ensure_future(fetch_page(position, page_size))
        try:
            for item in page.items:
                yield item
            if position is None:
                return
            del page  # so that no more than one page, or two, are held
            page = await (ahead or fetch_page(position, page_size))
        finally:
            if ahead is not None:
                ahead.cancel()
                await asyncio.gather(ahead, return_exceptions=True)
