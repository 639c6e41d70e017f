def double(record):
    record["a"] *= 2
    return record
