"""Credits bound what is in flight from end to end: behind a slow item nothing more is read.

Item 0 takes long, so 1 and 2 are finished before it and wait for it. Without credits all the others
would be read meanwhile, and wait too.

It prints:

    read 0: 1 in flight
    read 1: 2 in flight
    read 2: 3 in flight
    item 0 is ready
    wrote 0
    wrote 1
    wrote 2
    read 3: 1 in flight
    read 4: 2 in flight
    wrote 3
    wrote 4
"""

import asyncio

from streamx.flow import Credits, ReorderWindow


async def main():
    credits = Credits(3, 1_000)
    window = ReorderWindow(100, 1_000)

    async def read():
        async with asyncio.TaskGroup() as group:
            for number in range(5):
                await credits.acquire(number, 28)
                print(f"read {number}: {credits.statistics().fill} in flight")
                group.create_task(work(number))
        window.close()

    async def work(number):
        if number == 0:
            await asyncio.sleep(0.05)
            print("item 0 is ready")
        await window.finish(number, number)

    async def write():
        async for number in window:
            print("wrote", number)
            credits.release(number)

    await asyncio.gather(read(), write())


asyncio.run(main())
