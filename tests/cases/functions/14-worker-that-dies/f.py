import os


def f(record):
    if record["a"] == 2:
        os._exit(3)
    return record
