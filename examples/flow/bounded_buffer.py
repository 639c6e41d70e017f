"""A producer that finds the buffer full waits until the fill has fallen to the low-water mark.

It prints:

    put 1
    put 2
    put 3
    put 4
    got 1
    got 2
    put 5
    put 6
    got 3
    got 4
    got 5
    got 6
    the producer waited 1 time
"""

import asyncio

from streamx.flow import BoundedBuffer


async def main():
    buffer = BoundedBuffer(4, 1_000_000, size_of=lambda number: 28, low_water=2)

    async def produce():
        for number in range(1, 7):
            await buffer.put(number)
            print("put", number)
        buffer.close()

    async def consume():
        async for number in buffer:
            print("got", number)
            await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as group:
        group.create_task(produce())
        group.create_task(consume())
    print("the producer waited", buffer.statistics().producer_waits, "time")


asyncio.run(main())
