"""A call that hangs in the calling process ends the run, which leaves its thread to itself."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from functions import TIMEOUT_SECONDS, numbers, write

import streamx
from streamx import FunctionError

PATIENCE_SECONDS = 10


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "in.csv").write_text(numbers(20_000))
    return tmp_path


class Hanging:
    """Hangs at one record until it is let go, and takes note of what happens to it."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.may_return = threading.Event()
        self.left = threading.Event()
        self.taken = 0

    def __call__(self, record: Any) -> Any:
        self.taken += 1
        if record["a"] == self.at:
            self.may_return.wait()
        return None  # dropped, so that nothing has to be passed on before the next call

    def in_context(self) -> type:
        outer = self

        class InContext:
            def __enter__(self) -> None: ...
            def __exit__(self, *_: object) -> None:
                outer.left.set()

            def __call__(self, record: Any) -> Any:
                return outer(record)

        return InContext


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    hanging = Hanging(3)
    yield hanging
    hanging.may_return.set()


def run(here: Path, *operations: Any) -> None:
    streamx.transform(
        here / "in.csv", here / "out.jsonl", operations=operations, timeout_seconds=0.2
    )


def test_the_error_names_the_line_and_shows_where_the_call_is(here: Path, hanging: Hanging) -> None:
    with pytest.raises(FunctionError, match=r"a function took longer than 0\.2 s") as caught:
        run(here, hanging)
    assert (caught.value.line, caught.value.offset) == (5, 8)
    assert "self.may_return.wait()" in caught.value.traceback
    assert "streamx" + "/engine" not in caught.value.traceback
    assert not (here / "out.jsonl").exists()


@pytest.mark.parametrize("others", [(), (lambda record: record,)])
def test_a_call_that_returns_late_is_the_last_one(
    here: Path, hanging: Hanging, others: tuple[Any, ...]
) -> None:
    with pytest.raises(FunctionError):
        run(here, *others, hanging.in_context())
    assert not hanging.left.is_set()
    hanging.may_return.set()
    assert hanging.left.wait(PATIENCE_SECONDS), "its context is left when it returns"
    assert hanging.taken == 4


def test_time_to_make_functions_ready_is_not_the_calls(here: Path) -> None:
    class SlowStart:
        def __enter__(self) -> None:
            time.sleep(0.6)

        def __exit__(self, *_: object) -> None: ...
        def __call__(self, record: Any) -> Any:
            return record

    run(here, SlowStart)
    assert len((here / "out.jsonl").read_bytes().splitlines()) == 20_000


def test_many_calls_that_take_less_each_are_fine(here: Path) -> None:
    (here / "in.csv").write_text(numbers(8))

    def slow(record: Any) -> Any:
        time.sleep(0.1)
        return record

    streamx.transform(
        here / "in.csv",
        here / "out.jsonl",
        operations=[slow],
        timeout_seconds=0.2,
        chunk_size_bytes=2,
    )
    records = map(json.loads, (here / "out.jsonl").read_text().splitlines())
    assert [record["a"] for record in records] == list(range(8))


MAIN = """
import streamx, time
try:
    streamx.transform(
        "in.csv", "out.jsonl", operations=[lambda record: time.sleep(600)], timeout_seconds=0.2
    )
except streamx.FunctionError as error:
    print(error.line)
"""


def test_the_program_ends_though_the_call_does_not(here: Path) -> None:
    write(here, MAIN, "main.py")
    command = [sys.executable, "main.py"]
    assert subprocess.check_output(command, cwd=here, timeout=TIMEOUT_SECONDS) == b"2\n"
