"""A function that streamx is made to call, and the loop that it is measured with.

python -m benchmarks.functions loop SOURCE      `gain` in a loop over csv and orjson

Worker processes import this module, so it imports no more than a user's would.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import MutableMapping
from typing import Any

import orjson

Fields = MutableMapping[str, Any]


def gain(record: Fields) -> Fields:
    """Read two fields and set one."""
    record["gain"] = (record["dep_delay"] or 0) - (record["arr_delay"] or 0)
    return record


def loop(source: str) -> None:
    """Do what `gain` does in the shortest loop, for numbers that are whole."""

    def number(text: str) -> int:
        return 0 if text == "NA" else int(text)

    with open(source, encoding="utf-8", newline="") as file:
        for record in csv.DictReader(file):
            fields: dict[str, Any] = record
            fields["gain"] = number(record["dep_delay"]) - number(record["arr_delay"])
            sys.stdout.buffer.write(orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE))


if __name__ == "__main__":
    loop(sys.argv[2])
