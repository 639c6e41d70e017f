import asyncio


async def f(record):
    await asyncio.sleep(0 if record["a"] != 2 else 600)
    return record
