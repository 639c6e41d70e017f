"""What is urgent overtakes what waits, in a buffer that makes its producers wait all the same.

It prints:

    put later 1
    put later 2
    put urgent 3
    got urgent 3
    put urgent 4
    got urgent 4
    put later 5
    got later 1
    got later 2
    got later 5
"""

import asyncio

from streamx.flow import PriorityBuffer

PRIORITIES = {"urgent": 0, "later": 1}


async def main():
    buffer = PriorityBuffer(
        3, 1_000, size_of=len, priority_of=lambda job: PRIORITIES[job.split()[0]], low_water=2
    )

    async def produce():
        for job in ("later 1", "later 2", "urgent 3", "urgent 4", "later 5"):
            await buffer.put(job)
            print("put", job)
        buffer.close()

    async def consume():
        async for job in buffer:
            print("got", job)
            await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as group:
        group.create_task(produce())
        group.create_task(consume())


asyncio.run(main())
