"""A page is asked for when all items before it have been taken, and not a moment earlier.

It prints:

    asking for page 1
    item 1
    item 2
    asking for page 2
    item 3
    that is enough: pages 3 to 1000 were never asked for
"""

import asyncio

from streamx.flow import Page, paginate


async def fetch_page(position, size):
    page = position or 1
    print("asking for page", page)
    first = (page - 1) * size + 1
    return Page(range(first, first + size), page + 1 if page < 1000 else None)


async def main():
    async for item in paginate(fetch_page, page_size=2):
        print("item", item)
        if item == 3:
            break
    print("that is enough: pages 3 to 1000 were never asked for")


asyncio.run(main())
