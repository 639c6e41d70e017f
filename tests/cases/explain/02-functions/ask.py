async def ask(record):
    raise AssertionError("--explain runs nothing")
