async def f(record):
    return record
