def f(record):
    return record | {"a": float("nan") if record["a"] == 2 else 1.5}
