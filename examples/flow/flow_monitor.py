"""A monitor looks at a flow while it runs: who waits for whom, and what to think of it.

It prints:

    after 10 of 20: the input buffer holds 4 of 4, the reader waits for the workers
    buffer fill is critical, memory is healthy
    at the end: 20 in, 20 out
"""

import asyncio

from streamx.flow import BoundedBuffer, FlowCounts, FlowMonitor, HealthLimits


async def main():
    inbound = BoundedBuffer(4, 1_000, size_of=lambda number: 28)
    outbound = BoundedBuffer(4, 1_000, size_of=lambda number: 28)
    taken, given = [], []
    monitor = FlowMonitor(
        bytes_read=lambda: 28 * len(taken),
        total_bytes=None,
        bytes_written=lambda: 28 * len(given),
        workers_busy=lambda: 1,
        workers=1,
        input_buffer=inbound.statistics,
        reorder_window=outbound.statistics,
        output_buffer=outbound.statistics,
        in_flight=inbound.statistics,
        counts=lambda: FlowCounts(records_in=len(taken), records_out=len(given)),
        # The numbers come live: whoever makes them has to wait where the buffer is full.
        limits=HealthLimits(judges_waiting=True),
    )

    async def read():
        for number in range(20):
            await inbound.put(number)
            taken.append(number)
        inbound.close()

    async def work():
        async for number in inbound:
            await asyncio.sleep(0.01)
            await outbound.put(number)
            if number == 9:
                await asyncio.sleep(0.1)
                tell(monitor.snapshot())
        outbound.close()

    async def write():
        async for number in outbound:
            given.append(number)

    await asyncio.gather(read(), work(), write())
    last = monitor.snapshot()
    print(f"at the end: {last.records_in} in, {last.records_out} out")


def tell(snapshot):
    fill = snapshot.buffers["input buffer"]
    print(
        f"after 10 of 20: the input buffer holds {fill.fill} of {fill.capacity},",
        f"the reader waits for the {snapshot.waiting_on}",
    )
    health = snapshot.health
    print(
        f"buffer fill is {health.buffer_fill.name.lower()}, memory is {health.memory.name.lower()}"
    )


asyncio.run(main())
