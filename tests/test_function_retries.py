"""Calls that are made again are counted, in whichever engine they are made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from functions import numbers, transform, write

import streamx
from streamx.transform import retries

FUNCTIONS = """
    import os

    def fail_once(name):
        try:
            open(f"failed-{name}", "x").close()
        except FileExistsError:
            return
        raise OSError("once")
    def plain(record):
        if record["a"] == 1:
            fail_once(record["a"])
        return record
    async def waiting(record):
        return plain(record)
    def batch(records):
        fail_once(f"batch of {records[0]['a']}")
        return records
    def never(record):
        raise OSError("never")
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    write(tmp_path, FUNCTIONS)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "options", "count"),
    [
        ("plain", ["-j", "2", "--chunk-size", "4"], 1),
        ("plain", ["--on-error", "skip"], 1),
        ("waiting", [], 1),
        ("waiting", ["--on-error", "skip"], 1),
        ("batch", ["--batch-size", "4"], 1),
    ],
)
def test_summary_counts_the_calls_that_were_made_again(
    here: Path, name: str, options: list[str], count: int
) -> None:
    arguments = ("--fn", f"f.py:{name}", "--retries", "1", "--summary", "summary.json", *options)
    assert len(transform(here, *arguments, stdin=numbers(4)).records) == 4
    assert json.loads((here / "summary.json").read_text())["retries"] == count


def test_summary_of_a_run_that_failed_counts_those_before_the_failure(here: Path) -> None:
    arguments = ("--fn", "f.py:never", "--retries", "1", "--summary", "summary.json")
    assert transform(here, *arguments, stdin=numbers(4)).status == 1
    assert json.loads((here / "summary.json").read_text())["retries"] == 1


def test_report_of_the_library_counts_those_of_a_function_in_the_caller(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "FIRST_DELAY_SECONDS", 0.001)
    seen: set[Any] = set()

    def fail_once(record: Any) -> Any:
        if record["a"] not in seen:
            seen.add(record["a"])
            raise OSError("once")
        return record

    (here / "in.csv").write_text(numbers(4))
    paths = here / "in.csv", here / "out.jsonl"
    report = streamx.transform(*paths, operations=[fail_once], retries=1)
    assert (report.records_out, report.retries) == (4, 4)
