def f(record):
    return record["a"]
