"""A limit that finds out what the far side bears: here ten calls at a time, which it does not say.

Answers take 0.1 s as long as ten calls or fewer are on their way, and longer the more there are.
The seconds are simulated, and take no time.

It prints:

    after 1 call: 2 at a time
    after 100 calls: 7 at a time
    after 300 calls: 10 at a time
    from then on between 8 and 16, mostly 12
    3000 calls took 32 s instead of 300
"""

import asyncio

from streamx.flow import AdaptiveLimit
from streamx.testing import run_in_simulated_time


async def main():
    now = asyncio.get_running_loop().time
    limit = AdaptiveLimit(first=2, most=1000, clock=now)
    limits = []

    async def call():
        started = await limit.acquire()
        await asyncio.sleep(0.1 * max(1.0, limit.in_flight / 10))
        limit.release(started)
        limits.append(limit.limit)

    await asyncio.gather(*(call() for _ in range(3000)))
    print("after 1 call:", limits[0], "at a time")
    print("after 100 calls:", limits[99], "at a time")
    print("after 300 calls:", limits[299], "at a time")
    later = sorted(limits[500:])
    print(f"from then on between {later[0]} and {later[-1]}, mostly {later[len(later) // 2]}")
    print(f"3000 calls took {now():.0f} s instead of 300")


run_in_simulated_time(main())
