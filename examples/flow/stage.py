"""A stage reads ahead and works ahead, each up to a limit of its own: items here, bytes there.

Before the sink takes anything, 4 lines of 8 bytes fill the outbound side, and the fifth waits.

It prints:

    before the sink begins: 2 blocks inbound, 32 bytes outbound
    wrote 20 lines
    the most that waited: 2 blocks inbound, 32 bytes outbound
"""

import asyncio

from streamx.flow import Limit, Stage, pipeline


async def blocks():
    for _ in range(10):
        yield b"a line..b line.."


async def lines(blocks):
    async for block in blocks:
        for start in range(0, len(block), 8):
            yield block[start : start + 8]


async def main():
    stage = Stage(
        lines,
        inbound=Limit(2, 1_000_000, size_of=len),
        outbound=Limit(1_000_000, 32, size_of=len),
    )

    async def write(lines):
        await asyncio.sleep(0.05)
        inside, ready = stage.inbound.statistics(), stage.outbound.statistics()
        print(
            f"before the sink begins: {inside.fill} blocks inbound,",
            f"{ready.fill_bytes} bytes outbound",
        )
        print("wrote", len([line async for line in lines]), "lines")

    await pipeline(blocks(), stage, sink=write)
    inside, ready = stage.inbound.statistics(), stage.outbound.statistics()
    print(
        f"the most that waited: {inside.peak_fill} blocks inbound,",
        f"{ready.peak_bytes} bytes outbound",
    )


asyncio.run(main())
