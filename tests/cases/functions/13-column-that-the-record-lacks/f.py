def f(record):
    return {"c": record["c"]}
