"""submit() waits for room and gives a future: each submitter gets its own result, or its own error.

It prints:

    submitted 2
    submitted 0
    working on 2
    submitted 4
    working on 0
    submitted 5
    working on 4
    working on 5
    50
    ZeroDivisionError
    25
    20
"""

import asyncio

from streamx.flow import Limit, WorkerPool


async def divide(number):
    print("working on", number)
    await asyncio.sleep(0.01)
    return 100 // number


async def main():
    pool = WorkerPool(divide, 1, Limit(2, 1_000, size_of=lambda number: 28))
    futures = []

    async def submit_all():
        for number in (2, 0, 4, 5):
            futures.append(await pool.submit(number))
            print("submitted", number)
        pool.close()

    async with asyncio.TaskGroup() as group:
        group.create_task(submit_all())
        group.create_task(pool.run())
    for future in futures:
        error = future.exception()
        print(type(error).__name__ if error else future.result())


asyncio.run(main())
