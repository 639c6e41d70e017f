"""Three workers; the output keeps the order of the input, or is taken as it comes.

It prints:

    ordered: a b c d e f
    unordered: b c d e f a
"""

import asyncio

from streamx.flow import Limit, ReorderWindow, WorkerPool, pipeline


async def source():
    for letter in (b"a", b"b", b"c", b"d", b"e", b"f"):
        yield letter


async def to_text(parts):
    return " ".join([part.decode() async for part in parts])


async def run(is_ordered):
    others_have_left = asyncio.Event()

    async def work(letter, emit):
        if letter == b"a" and not is_ordered:
            await others_have_left.wait()  # this one takes longer than all the others
        await emit(letter)
        if letter == b"f":
            others_have_left.set()

    waiting, window = Limit(2, 1_000, size_of=len), ReorderWindow(4, 1_000)
    pool = WorkerPool(work, 3, waiting, window, is_ordered=is_ordered)
    return await pipeline(source(), pool, sink=to_text)


async def main():
    print("ordered:", await run(is_ordered=True))
    print("unordered:", await run(is_ordered=False))


asyncio.run(main())
