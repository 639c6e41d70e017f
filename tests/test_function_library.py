"""Functions of the user, through the library: where they run, and that nothing depends on it."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from functions import TIMEOUT_SECONDS, numbers, write

import streamx
from streamx import Apply, FunctionError, Limit, Report, Set, UsageError, Where

RECORDS = 3_000


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "in.csv").write_text(numbers(RECORDS))
    return tmp_path


def run(here: Path, *operations: Any, **options: Any) -> tuple[list[Any], Report]:
    report = streamx.transform(
        here / "in.csv", here / "out.jsonl", operations=operations, **options
    )
    lines = (here / "out.jsonl").read_bytes().splitlines()
    return [json.loads(line) for line in lines], report


def with_process(record: Any) -> Any:
    return record | {"process": os.getpid()}


async def with_process_async(record: Any) -> Any:
    return with_process(record)


def test_a_function_of_a_module_runs_in_worker_processes(here: Path) -> None:
    records, report = run(here, with_process, workers=2, chunk_size_bytes=2_000)
    assert report.ran_in == "processes"
    assert os.getpid() not in {record["process"] for record in records}
    assert [record["a"] for record in records] == list(range(RECORDS))


@pytest.mark.parametrize(
    ("function", "ran_in"),
    [(lambda record: with_process(record), "caller"), (with_process_async, "loop")],
)
def test_what_no_other_process_finds_and_what_is_asynchronous_runs_in_this_one(
    here: Path, function: Callable[..., Any], ran_in: str
) -> None:
    records, report = run(here, function)
    assert report.ran_in == ran_in
    assert {record["process"] for record in records} == {os.getpid()}


def test_without_functions_threads_do_the_work(here: Path) -> None:
    assert run(here, Set("b", "a"))[1].ran_in == "threads"


MAIN = """
import streamx

def double(record):
    return record | {"b": record["a"] * 2}

report = streamx.transform("in.csv", "out.jsonl", operations=[double, lambda record: record])
print(report.ran_in, report.records_out)
print(streamx.transform("in.csv", "out.jsonl", operations=[streamx.Apply("f.py:f")]).ran_in)
"""


def test_a_main_program_needs_no_guard(here: Path) -> None:
    write(here, "def f(record): return record")
    write(here, MAIN, "main.py")
    command = [sys.executable, "main.py"]
    printed = subprocess.check_output(command, cwd=here, text=True, timeout=TIMEOUT_SECONDS)
    assert printed == f"caller {RECORDS}\nprocesses\n"


def test_a_function_has_the_state_of_its_caller(here: Path) -> None:
    seen: Counter[int] = Counter()

    def count(record: Any) -> None:
        seen[record["a"]] += 1

    assert run(here, count)[0] == []
    assert seen == Counter(range(RECORDS))


def test_records_that_a_function_keeps_stay_as_they_are(here: Path) -> None:
    kept: list[Any] = []
    run(here, lambda record: kept.append(record), chunk_size_bytes=100)
    assert [record["a"] for record in kept] == list(range(RECORDS))


def test_an_error_of_a_function_in_the_caller_has_its_attributes(here: Path) -> None:
    def fail(record: Any) -> Any:
        raise KeyError("missing")

    with pytest.raises(FunctionError, match="raised KeyError: 'missing'") as caught:
        run(here, fail)
    assert (caught.value.line, caught.value.offset) == (2, 2)
    assert "in fail" in caught.value.traceback
    assert not (here / "out.jsonl").exists()


def test_the_library_can_be_used_within_a_function(here: Path) -> None:
    (here / "small.csv").write_text(numbers(2))

    def nested(record: Any) -> Any:
        report = streamx.transform(here / "small.csv", here / "small.jsonl", operations=[odd])
        return record | {"inner": report.records_out}

    assert run(here, Limit(2), nested)[0] == [{"a": 0, "inner": 2}, {"a": 1, "inner": 2}]


@pytest.mark.parametrize("name", ["Noting", "NotingAsync"])
def test_a_context_is_entered_and_left_once_for_each_worker(here: Path, name: str) -> None:
    write(here, NOTING)
    place = f"{here}/f.py:{name}"
    run(here, Apply(place), workers=2, chunk_size_bytes=500)
    notes = [line.split() for line in (here / "notes").read_text().splitlines()]
    workers = {process for process, _ in notes}
    assert 1 <= len(workers) <= (2 if name == "Noting" else 1)
    for worker in workers:
        events = [event for process, event in notes if process == worker]
        assert events == ["made", "entered", "left"]


NOTING = """
    import os
    from pathlib import Path

    class Noting:
        def __init__(self):
            self.note("made")
        def note(self, event):
            with Path(__file__).with_name("notes").open("a") as file:
                file.write(f"{os.getpid()} {event}\\n")
        def __enter__(self):
            self.note("entered")
        def __exit__(self, *error):
            self.note("left")
        def __call__(self, record):
            return record

    class NotingAsync(Noting):
        async def __aenter__(self):
            self.note("entered")
        async def __aexit__(self, *error):
            self.note("left")
        async def __call__(self, record):
            return record
"""


async def late(record: Any) -> Any:
    """Come back after a while that has nothing to do with the order."""
    await asyncio.sleep(random.Random(record["a"]).random() / 200)
    return record


def test_output_is_in_order_however_long_each_record_takes(here: Path) -> None:
    records, _ = run(here, late, concurrency=200, chunk_size_bytes=300)
    assert [record["a"] for record in records] == list(range(RECORDS))


def test_unordered_output_has_the_same_records_as_they_come(here: Path) -> None:
    records, _ = run(here, late, concurrency=200, chunk_size_bytes=300, is_ordered=False)
    values = [record["a"] for record in records]
    assert sorted(values) == list(range(RECORDS)) != values


def odd(record: Any) -> Any:
    return [record, record] if record["a"] % 2 else None


def add_length(records: list[Any]) -> list[Any]:
    return [record | {"b": str(record["a"])} for record in records]


@pytest.mark.parametrize("operations", [(odd, Where("a > 7")), (odd, late, Set("b", "a * 2"))])
@pytest.mark.parametrize("sizes", [{"workers": 1}, {"workers": 3, "chunk_size_bytes": 64}])
@pytest.mark.parametrize("is_limited", [False, True])
def test_workers_and_chunks_change_nothing(
    here: Path, operations: tuple[Any, ...], sizes: dict[str, int], is_limited: bool
) -> None:
    more = (Limit(500),) if is_limited else ()
    expected = [{"a": a} for a in range(RECORDS) if a % 2 for _ in range(2)]
    if late in operations:
        expected = [record | {"b": record["a"] * 2} for record in expected]
    else:
        expected = [record for record in expected if record["a"] > 7]
    assert run(here, *operations, *more, **sizes)[0] == expected[: 500 if is_limited else None]


def test_batches_of_any_size_change_nothing(here: Path) -> None:
    few, many = (
        run(here, add_length, batch_records=size, chunk_size_bytes=chunk_size_bytes)[0]
        for size, chunk_size_bytes in ((1, 64), (1_000, 1 << 20))
    )
    assert few == many
    assert len(few) == RECORDS


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"operations": [3]}, "3 is no operation and no function"),
        ({"operations": [odd], "concurrency": 3}, "--concurrency needs a function that is asynch"),
        ({"operations": [late], "batch_wait_seconds": 1.0}, "--batch-wait needs --batch-size"),
        ({"operations": [odd], "batch_records": 0}, "--batch-size 0"),
        ({"operations": [late], "concurrency": 0}, "--concurrency 0"),
        ({"operations": [odd], "timeout_seconds": 0.0}, "--timeout 0"),
        ({"timeout_seconds": 1.0}, "--timeout needs --fn"),
    ],
)
def test_options_that_cannot_work_are_refused(
    here: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        streamx.transform(here / "in.csv", here / "out.jsonl", **options)
