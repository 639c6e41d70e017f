"""The functions in sample_data/functions do what their README says, on the sample data."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import SAMPLE_DATA, Run

FUNCTIONS = SAMPLE_DATA / "functions"
FLIGHTS = SAMPLE_DATA / "flights.csv"


@pytest.fixture(scope="module")
def server() -> Iterator[dict[str, str]]:
    """The server that enrich.py asks, as the variable that tells where it is."""
    command = [sys.executable, FUNCTIONS / "airlines_server.py", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield {"AIRLINES_PORT": process.stdout.readline().strip().rpartition(":")[2]}
        finally:
            process.kill()


@pytest.fixture(scope="module")
def flights() -> list[dict[str, str]]:
    with FLIGHTS.open(newline="") as file:
        return list(csv.DictReader(file))


def results(streamx: Run, *arguments: str | Path, env: dict[str, str] | None = None) -> list[Any]:
    result = streamx(
        "transform", FLIGHTS, "-", "--to", "jsonl", "--null", "NA", *arguments, env=env
    )
    assert (result.stderr, result.returncode) == (b"", 0)
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_clean_drops_cancelled_flights_and_names_the_route(
    streamx: Run, flights: list[dict[str, str]]
) -> None:
    departed = [flight for flight in flights if flight["dep_time"] != "NA"]
    cleaned = results(streamx, "--fn", f"{FUNCTIONS}/clean.py:clean")
    assert len(cleaned) == len(departed) < len(flights)
    assert [each["route"] for each in cleaned] == [
        f"{flight['origin']}-{flight['dest']}" for flight in departed
    ]
    assert "time_hour" not in cleaned[0]


def test_score_gives_the_same_risks_in_batches_of_any_size(streamx: Run) -> None:
    few, many = (
        results(streamx, "--fn", f"{FUNCTIONS}/score.py:Score", "--batch-size", size)
        for size in ("7", "500")
    )
    assert few == many
    assert len(few) == 4_000
    assert (few[0]["dep_delay"], few[0]["risk"]) == (2, 0.13)


def test_enrich_asks_for_each_airline(
    streamx: Run, server: dict[str, str], flights: list[dict[str, str]]
) -> None:
    enriched = results(
        streamx, "--fn", f"{FUNCTIONS}/enrich.py:Enrich", "--concurrency", "100", env=server
    )
    assert [each["carrier"] for each in enriched] == [flight["carrier"] for flight in flights]
    assert {each["airline"] for each in enriched if each["carrier"] == "UA"} == {"United Air Lines"}
    assert all(each["airline"] for each in enriched)


def test_they_make_a_chain(streamx: Run, server: dict[str, str]) -> None:
    chained = results(
        streamx,
        *("--fn", f"{FUNCTIONS}/clean.py:clean", "--where", "distance > 1000"),
        *("--fn", f"{FUNCTIONS}/enrich.py:Enrich", "--select", "carrier,airline,route"),
        *("--limit", "2"),
        env=server,
    )
    assert chained == [
        {"carrier": "UA", "airline": "United Air Lines", "route": "EWR-IAH"},
        {"carrier": "UA", "airline": "United Air Lines", "route": "LGA-IAH"},
    ]


def test_without_the_server_enrich_fails_with_its_own_traceback(streamx: Run) -> None:
    result = streamx(
        *("transform", FLIGHTS, "-", "--to", "jsonl", "--null", "NA"),
        *("--fn", f"{FUNCTIONS}/enrich.py:Enrich"),
        env={"AIRLINES_PORT": "1"},
    )
    assert result.returncode == 1
    first, second, third, *_ = result.stderr.decode().splitlines()
    assert "line 2 (byte 158)" in first
    assert "raised ConnectionRefusedError" in first
    assert second == "Traceback (most recent call last):"
    assert f'File "{FUNCTIONS / "enrich.py"}"' in third
