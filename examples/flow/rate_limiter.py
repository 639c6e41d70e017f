"""A source that is read no faster than its server allows, and a sink that is written more slowly.

It prints:

    20 items in more than 0.1 s: True
    the reader waited for the writer: True
"""

import asyncio
import time

from streamx.flow import Limit, RateLimiter, pipeline


async def source():
    for number in range(20):
        yield number


async def count(numbers):
    return len([number async for number in numbers])


async def main():
    reading, writing = RateLimiter(500), RateLimiter(100)
    buffer = Limit(4, 1_000, size_of=lambda number: 28).buffer()
    started = time.monotonic()
    items = await pipeline(source(), reading.paced, buffer, writing.paced, sink=count)
    print(f"{items} items in more than 0.1 s:", time.monotonic() - started > 0.1)
    print("the reader waited for the writer:", buffer.statistics().producer_waits > 0)


asyncio.run(main())
