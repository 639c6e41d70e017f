"""An async iterator is backpressure by itself: it does nothing until the next item is asked for.

It prints:

    read 1
    made 1 squared
    wrote 1
    read 2
    made 2 squared
    wrote 4
    read 3
    made 3 squared
    wrote 9
"""

import asyncio

from streamx.flow import pipeline


async def read():
    for number in range(1, 4):
        print("read", number)
        yield number


async def square(numbers):
    async for number in numbers:
        print("made", number, "squared")
        yield number * number


async def write_slowly(numbers):
    async for number in numbers:
        await asyncio.sleep(0.01)
        print("wrote", number)


asyncio.run(pipeline(read(), square, sink=write_slowly))
