def f(record):
    if record["a"] == 2:
        return "two"
    return {"b": 1 / record["a"]} if record["a"] < 3 else {"b": {1}}
