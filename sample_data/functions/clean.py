"""A plain function: leaves out flights that were cancelled, and says where the others went."""


def clean(record):
    if record["dep_time"] is None:
        return None  # drops the record
    record["route"] = f"{record['origin']}-{record['dest']}"
    record["tailnum"] = record["tailnum"].removeprefix("N")
    del record["time_hour"]
    return record
