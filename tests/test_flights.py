"""The whole flights file gives what Python's csv module gives under the typing rule."""

from __future__ import annotations

import csv
import functools
import hashlib
import json
import re
from operator import add
from pathlib import Path

import pytest

import streamx

SHAPES = {
    "integer": re.compile(r"-?(0|[1-9][0-9]{0,14})"),
    "number": re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?"),
    "boolean": re.compile(r"true|True|TRUE|false|False|FALSE"),
}


@pytest.fixture(scope="module")
def expected(full_flights: Path) -> str:
    """The digest of what a plain loop over csv and json writes, with NA as null."""
    with full_flights.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    types = [type_of([row[index] for row in rows[:10_000]]) for index in range(len(header))]
    labels = [f"{json.dumps(name)}:" for name in header]
    digest = hashlib.sha256()
    for row in rows:
        fields = map(add, labels, map(json_of, types, row))
        digest.update(b"{%b}\n" % ",".join(fields).encode())
    return digest.hexdigest()


def type_of(cells: list[str]) -> str:
    values = [cell for cell in cells if cell not in ("", "NA")]
    for kind, shape in SHAPES.items():
        if values and all(shape.fullmatch(value) for value in values):
            return kind
    return "string"


@functools.cache  # the same few values, millions of times
def json_of(kind: str, cell: str) -> str:
    if cell == "NA" or (cell == "" and kind != "string"):
        return "null"
    return json.dumps(cell) if kind == "string" else cell


@pytest.mark.xdist_group("flights")  # one digest for all
@pytest.mark.parametrize(
    ("workers", "chunk_size_bytes"), [(1, 7 * 1024 * 1024), (2, 1024 * 1024), (4, 64 * 1024)]
)
def test_any_workers_and_chunk_size_give_the_records_of_the_csv_module(
    full_flights: Path, expected: str, tmp_path: Path, workers: int, chunk_size_bytes: int
) -> None:
    output = tmp_path / "flights.jsonl"
    report = streamx.transform(
        full_flights, output, nulls=["NA"], workers=workers, chunk_size_bytes=chunk_size_bytes
    )
    assert report.records_in == report.records_out == 336_776
    assert report.warnings == ()
    assert hashlib.sha256(output.read_bytes()).hexdigest() == expected


def test_unordered_output_holds_the_same_records(full_flights: Path, tmp_path: Path) -> None:
    ordered, unordered = tmp_path / "ordered.csv", tmp_path / "unordered.csv"
    streamx.transform(full_flights, ordered)
    streamx.transform(full_flights, unordered, is_ordered=False, workers=4)
    assert ordered.read_bytes() == full_flights.read_bytes()
    assert sorted(unordered.read_bytes().split(b"\n")) == sorted(ordered.read_bytes().split(b"\n"))
