"""A producer writes until the backlog reaches the high-water mark, then waits for it to drain.

It prints:

    wrote, backlog 40 of 100 bytes
    wrote, backlog 80 of 100 bytes
    the sink takes 120 bytes
    wrote, backlog 0 of 100 bytes
    wrote, backlog 40 of 100 bytes
    wrote, backlog 80 of 100 bytes
    the sink takes 120 bytes
    wrote, backlog 0 of 100 bytes
"""

import asyncio

from streamx.flow import DrainWriter


async def slow_sink(parts):
    await asyncio.sleep(0.01)
    print("the sink takes", sum(map(len, parts)), "bytes")


async def main():
    writer = DrainWriter(slow_sink, high_water_bytes=100)

    async def produce():
        for _ in range(6):
            await writer.write(b"x" * 40)
            print("wrote, backlog", writer.statistics().fill_bytes, "of 100 bytes")
        writer.close()

    async with asyncio.TaskGroup() as group:
        group.create_task(produce())
        group.create_task(writer.run())


asyncio.run(main())
