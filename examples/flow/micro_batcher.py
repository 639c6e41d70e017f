"""Single items become batches: full ones at once, the last one when it has waited long enough.

There is room for four items, so at most two batches are on their way and other submitters wait.

It prints:

    a batch of [1, 2]
    a batch of [3, 4]
    a batch of [5]
    [10, 20, 30, 40, 50]
"""

import asyncio

from streamx.flow import MicroBatcher


async def process_batch(numbers):
    print("a batch of", numbers)
    await asyncio.sleep(0.01)
    return [10 * number for number in numbers]


async def main():
    batcher = MicroBatcher(process_batch, max_size=2, max_wait_seconds=0.05, capacity=4)
    print(list(await asyncio.gather(*map(batcher.submit, range(1, 6)))))


asyncio.run(main())
