"""Source, stage and sink run as one: nothing is read that nobody asks for, and all is cleaned up.

The sink has seen enough after two items, so the endless source is closed; when the stage fails,
its error is raised as itself.

It prints:

    read 1
    wrote 10
    read 2
    wrote 20
    source closed
    read 1
    source closed
    raised ValueError: 1 is odd
"""

import asyncio

from streamx.flow import pipeline


async def source():
    number = 0
    try:
        while True:
            number += 1
            print("read", number)
            yield number
    finally:
        print("source closed")


async def times_ten(numbers):
    async for number in numbers:
        yield number * 10


async def only_even(numbers):
    async for number in numbers:
        if number % 2:
            raise ValueError(f"{number} is odd")
        yield number


async def write_two(numbers):
    count = 0
    async for number in numbers:
        print("wrote", number)
        count += 1
        if count == 2:
            return


async def main():
    await pipeline(source(), times_ten, sink=write_two)
    try:
        await pipeline(source(), only_even, sink=write_two)
    except ValueError as error:
        print("raised ValueError:", error)


asyncio.run(main())
