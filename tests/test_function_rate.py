"""`--rate-limit` holds over all calls of a run, wherever and in whichever form they are made."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from functions import numbers, transform, write

import streamx

CALLS, RATE = 60, 60.0
# What the limiter lets a late caller make up for.
CATCH_UP_SECONDS = 0.05

FUNCTIONS = """
    import os, signal, time

    def note():
        with open("calls", "a") as file:
            file.write(f"{time.monotonic()} {os.getpid()}\\n")
    def one(record):
        note()
        return record
    def batch(records):
        note()
        return records
    def failing_first(record):
        note()
        if record["a"] % 2 and not os.path.exists(f"failed-{record['a']}"):
            open(f"failed-{record['a']}", "x").close()
            raise OSError("once")
        return record
    def dying_once(record):
        note()
        if record["a"] == 7 and not os.path.exists("dead"):
            open("dead", "x").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return record
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    write(tmp_path, FUNCTIONS)
    return tmp_path


def assert_spaced(begun: float, starts: list[float]) -> None:
    """No call starts before its turn, counted from before the run; all are over soon after it."""
    for number, start in enumerate(sorted(starts)):
        assert start - begun >= number / RATE - CATCH_UP_SECONDS
    assert max(starts) - min(starts) <= 2 * len(starts) / RATE + 5


@pytest.mark.parametrize(
    ("name", "records", "calls", "options"),
    [
        ("one", CALLS, CALLS, []),
        ("batch", 5 * CALLS, CALLS, ["--batch-size", "5"]),
        ("failing_first", CALLS, CALLS + 5, ["--retries", "1"]),
        ("one", CALLS, 2 * CALLS, ["--fn", "f.py:one"]),
    ],
)
def test_all_worker_processes_together_keep_to_the_rate(
    here: Path, name: str, records: int, calls: int, options: list[str]
) -> None:
    # Every chunk of 20 bytes holds 10 records of one digit, or 6 of two.
    arguments = ["--fn", f"f.py:{name}", "-j", "3", "--rate-limit", f"{RATE:g}/s", *options]
    stdin = "a\n" + "".join(f"{number % 10}\n" for number in range(records))
    begun = time.monotonic()
    result = transform(here, *arguments, "--chunk-size", "20", stdin=stdin)
    assert len(result.records) == records
    made = [line.split() for line in (here / "calls").read_text().splitlines()]
    assert len(made) == calls
    assert len({process for _, process in made}) > 1
    assert_spaced(begun, [float(start) for start, _ in made])


def test_a_worker_that_is_replaced_goes_on_taking_turns(here: Path) -> None:
    arguments = ("--fn", "f.py:dying_once", "--rate-limit", f"{RATE:g}/s", "-j", "2")
    begun = time.monotonic()
    result = transform(here, *arguments, "--chunk-size", "20", stdin=numbers(CALLS))
    assert len(result.records) == CALLS
    made = [line.split() for line in (here / "calls").read_text().splitlines()]
    assert len(made) > CALLS
    assert_spaced(begun, [float(start) for start, _ in made])


def test_waiting_for_a_turn_is_not_taken_for_hanging(here: Path) -> None:
    arguments = ("--fn", "f.py:one", "--rate-limit", "2/s", "--timeout", "100ms", "-j", "1")
    assert len(transform(here, *arguments, stdin=numbers(3)).records) == 3


def test_a_function_of_the_caller_keeps_to_the_rate(here: Path) -> None:
    (here / "in.csv").write_text(numbers(CALLS))
    starts: list[float] = []

    def note(record: Any) -> Any:
        starts.append(time.monotonic())
        return record

    begun = time.monotonic()
    report = streamx.transform(here / "in.csv", here / "out.jsonl", operations=[note], rate=RATE)
    assert report.ran_in == "caller"
    records = map(json.loads, (here / "out.jsonl").read_text().splitlines())
    assert [record["a"] for record in records] == list(range(CALLS))
    assert_spaced(begun, starts)
