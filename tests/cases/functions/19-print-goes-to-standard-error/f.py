def f(record):
    print("saw", record["a"])  # noqa: T201
    return record
