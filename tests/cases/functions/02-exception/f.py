def divide(record):
    return {"a": half(record["a"])}


def half(number):
    return 2 / number
