"""What happens when a buffer for two is full and nobody may wait; a drop is never silent.

It prints:

    drop-oldest: holds [3, 4], dropped [1, 2]
    drop-newest: holds [1, 2], dropped [3, 4]
    error: put() of 28 bytes into a buffer that holds 2 of 2 items and 56 of 1000 bytes
"""

import asyncio

from streamx.flow import BoundedBuffer, BufferFullError


async def fill(policy):
    dropped = []
    buffer = BoundedBuffer(
        2, 1_000, size_of=lambda number: 28, on_full=policy, on_drop=dropped.append
    )
    for number in range(1, 5):
        await buffer.put(number)
    buffer.close()
    print(f"{policy}: holds {[number async for number in buffer]}, dropped {dropped}")


async def main():
    await fill("drop-oldest")
    await fill("drop-newest")
    try:
        await fill("error")
    except BufferFullError as error:
        print("error:", error)


asyncio.run(main())
