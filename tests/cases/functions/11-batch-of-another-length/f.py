def f(records):
    return [record for record in records if record["a"] > 1]
