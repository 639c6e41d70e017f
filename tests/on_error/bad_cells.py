"""Functions that cannot take some records, and the runs of them that tests compare."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamx
from streamx import Apply, Report

HERE = Path(__file__)


def picky(record: Any) -> Any:
    """Raise for "raise", give what JSON has not for "nan", two results for "two"."""
    kind = record["kind"]
    if kind == "raise":
        raise ValueError("as told")
    if kind == "nan":
        return {"id": float("nan")}
    if kind == "half":
        return [{"id": 1}, {"id": float("nan")}]
    if kind == "two":
        return [record, record]
    return record


async def asking(record: Any) -> Any:
    await asyncio.sleep(0)
    return picky(record)


def dying(record: Any) -> Any:
    if record["kind"] == "die":
        os._exit(9)
    return record


def hanging(record: Any) -> Any:
    if record["kind"] == "die":
        time.sleep(100)
    return record


def all_dying(records: list[Any]) -> list[Any]:
    return [dying(record) for record in records]


def all_picky(records: list[Any]) -> list[Any]:
    if any(record["kind"] == "raise" for record in records):
        raise ValueError("one of these")
    return records


ENGINES: dict[str, Any] = {
    "processes": Apply(f"{HERE}:picky"),
    "loop": Apply(f"{HERE}:asking"),
    "caller": lambda record: picky(record),
}


def table(kinds: Sequence[str]) -> bytes:
    """Return CSV with a record of each kind: "cells" lacks a cell, "quote" goes on behind one."""
    lines = ["id,kind"]
    for number, kind in enumerate(kinds):
        lines.append(
            {"cells": f"{number}", "quote": f'"{number}"x,a'}.get(kind, f"{number},{kind}")
        )
    return "\n".join([*lines, ""]).encode()


def run(directory: Path, data: bytes, name: str = "in.csv", **options: Any) -> Report:
    """Transform to out.jsonl and out.jsonl.rejects.jsonl."""
    (directory / name).write_bytes(data)
    options = {"on_error": "reject", **options}
    return streamx.transform(directory / name, directory / "out.jsonl", **options)


def output_of(directory: Path) -> list[Any]:
    return [json.loads(line) for line in (directory / "out.jsonl").read_bytes().splitlines()]


def rejects_of(directory: Path) -> list[Any]:
    path = directory / "out.jsonl.rejects.jsonl"
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []
