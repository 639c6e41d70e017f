"""Peers that are Python libraries, each doing one task the fastest way its manual has.

Called by other modules with `python -m benchmarks.peers NAME TASK`, where TASK is a `Task` as JSON.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Sequence
from importlib import import_module
from operator import itemgetter
from typing import BinaryIO

from benchmarks.tools import Query, Task

# As many records as streamx looks at before it decides on types.
SAMPLE_RECORDS = 10_000


def duckdb(task: Task) -> None:
    """COPY from one file to another; dates stay text, which streamx does not read either."""
    source = _sql_text(task.source or "/dev/stdin")
    if task.source_format == "jsonl":
        table = f"read_json({source}, format = 'newline_delimited')"
    elif task.target_format == "csv":
        table = f"read_csv({source}, all_varchar = true)"
    else:
        null = "" if task.null is None else f", nullstr = {_sql_text(task.null)}"
        types = "['BOOLEAN', 'BIGINT', 'DOUBLE', 'VARCHAR']"
        table = f"read_csv({source}, auto_type_candidates = {types}{null})"
    if task.query:
        query = task.query
        difference = f"{query.minuend} - {query.minus} AS {query.name}"
        table = f"(SELECT *, {difference} FROM {table} WHERE {query.column} > {query.more_than})"
    options = "FORMAT csv, HEADER" if task.target_format == "csv" else "FORMAT json"
    target = _sql_text(task.target or "/dev/stdout")
    import_module("duckdb").execute(
        f"COPY (SELECT {_sql_columns(task)} FROM {table}) TO {target} ({options})"
    )


def polars(task: Task) -> None:
    """Scan into a streaming sink."""
    library = import_module("polars")
    source = task.source or sys.stdin.buffer
    target = task.target or sys.stdout.buffer
    if task.source_format == "jsonl":
        frame = library.scan_ndjson(source)
    elif task.target_format == "csv":
        frame = library.scan_csv(source, infer_schema=False)
    else:
        frame = library.scan_csv(source, null_values=task.null, infer_schema_length=SAMPLE_RECORDS)
    if task.query:
        query, column = task.query, library.col
        frame = frame.filter(column(query.column) > query.more_than).with_columns(
            (column(query.minuend) - column(query.minus)).alias(query.name)
        )
    if task.columns:
        frame = frame.select(task.columns)
    if task.target_format == "csv":
        frame.sink_csv(target)
    else:
        frame.sink_ndjson(target)


def chdb(task: Task) -> None:
    """Select from a file into a file."""
    formats = {"csv": "CSVWithNames", "jsonl": "JSONEachRow"}
    null = task.null if task.null is not None and task.source_format == "csv" else ""
    settings = {
        "format_csv_null_representation": _sql_text(null),
        "output_format_json_quote_64bit_integers": 0,
        "input_format_try_infer_dates": 0,
        "input_format_try_infer_datetimes": 0,
    }
    import_module("chdb").query(
        f"SELECT {_sql_columns(task)}"
        f" FROM file({_sql_text(task.source or '-')}, {formats[task.source_format]})"
        f" INTO OUTFILE {_sql_text(task.target or '/dev/stdout')} TRUNCATE"
        f" FORMAT {formats[task.target_format]}"
        f" SETTINGS {', '.join(f'{name} = {value}' for name, value in settings.items())}"
    )


def stdlib(task: Task) -> None:
    """Loop over csv and orjson, the shortest way: no types, no nulls, no checks."""
    loops = {
        ("csv", "jsonl"): _loop_to_jsonl,
        ("csv", "csv"): _loop_to_csv,
        ("jsonl", "csv"): _loop_from_jsonl,
    }
    loop = loops[task.source_format, task.target_format]
    with open(task.source or 0, "rb") as source, open(task.target or 1, "wb") as target:
        loop(source, target, task.columns)


def _loop_to_jsonl(source: BinaryIO, target: BinaryIO, columns: Sequence[str]) -> None:
    orjson = import_module("orjson")
    records = csv.reader(io.TextIOWrapper(source, encoding="utf-8", newline=""))
    names = next(records)
    target.writelines(
        orjson.dumps(dict(zip(names, record, strict=True)), option=orjson.OPT_APPEND_NEWLINE)
        for record in records
    )


def _loop_to_csv(source: BinaryIO, target: BinaryIO, columns: Sequence[str]) -> None:
    records = csv.reader(io.TextIOWrapper(source, encoding="utf-8", newline=""))
    names = next(records)
    pick = itemgetter(*map(names.index, columns))
    with io.TextIOWrapper(target, encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(pick(names))
        writer.writerows(map(pick, records))


def _loop_from_jsonl(source: BinaryIO, target: BinaryIO, columns: Sequence[str]) -> None:
    orjson = import_module("orjson")
    first = orjson.loads(next(source))
    with io.TextIOWrapper(target, encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows((first.keys(), first.values()))
        writer.writerows(orjson.loads(line).values() for line in source)


PEERS = {"duckdb": duckdb, "polars": polars, "chdb": chdb, "stdlib": stdlib}


def _sql_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _sql_columns(task: Task) -> str:
    return ", ".join(task.columns) or "*"


if __name__ == "__main__":
    given = json.loads(sys.argv[2])
    query = given.pop("query")
    PEERS[sys.argv[1]](Task(**given, query=query and Query(**query)))
