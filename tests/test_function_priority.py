"""`--priority`: of the records that wait for asynchronous functions the lowest starts next."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from functions import STREAMX, numbers, transform, write

import streamx
from streamx import Apply, Rename
from streamx.errors import UsageError

FUNCTIONS = """
    import asyncio

    def plain(record):
        return record
    async def note(record):
        with open("calls", "a") as file:
            file.write(f"{record['a']}\\n")
        return record
    async def grow(record):
        return record | {"text": "x" * 1000}
    async def hang(record):
        open("called", "a").close()
        await asyncio.sleep(600)
    async def stop_at_nine(record):
        if record["a"] == 9:
            raise ValueError("nine")
        return record
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    write(tmp_path, FUNCTIONS)
    return tmp_path


def test_calls_are_made_in_the_order_of_what_the_first_function_gets(here: Path) -> None:
    arguments = ("--set", "b=-a", "--rename", "b=c", "--fn", "f.py:note", "-u", "--priority", "c")
    outcome = transform(here, *arguments, "--concurrency", "1", stdin=numbers(50))
    assert len(outcome.records) == 50
    assert (here / "calls").read_text().split() == [str(a) for a in reversed(range(50))]


def test_record_whose_priority_is_an_error_is_a_bad_one(here: Path) -> None:
    arguments = ("--fn", "f.py:note", "-u", "--priority", "10 / (a - 2)")
    more = ("--on-error", "reject", "--rejects", "rejects.jsonl", "--summary", "summary.json")
    outcome = transform(here, *arguments, *more, stdin=numbers(5))
    (reject,) = map(json.loads, (here / "rejects.jsonl").read_text().splitlines())
    summary = json.loads((here / "summary.json").read_text())
    assert outcome.status == 3
    assert (reject["line"], reject["stage"], reject["raw"]) == (4, "transform", "2")
    assert (summary["records_in"], summary["records_out"], summary["records_rejected"]) == (5, 4, 1)
    assert sorted(json.loads(line)["a"] for line in outcome.output.splitlines()) == [0, 1, 3, 4]


def test_priority_that_is_no_number_names_the_line_and_what_would_do(here: Path) -> None:
    arguments = ("--fn", "f.py:note", "-u", "--priority", "str(a)")
    outcome = transform(here, *arguments, stdin=numbers(5))
    assert outcome.status == 1
    assert outcome.errors == (
        "streamx: error: standard input, line 2 (byte 2): --priority str(a) is '0'; expected "
        "a number, a truth value or null; epoch(t) makes a number of a time\n"
    )


NOTE, PLAIN = Apply("f.py:note"), Apply("f.py:plain")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"operations": [NOTE], "is_ordered": True}, "--priority needs --unordered"),
        ({"operations": [PLAIN]}, "--priority needs a function that is asynchronous"),
        ({"operations": []}, "--priority needs a function that is asynchronous"),
        ({"operations": [NOTE], "priority": "a +"}, "--priority: "),
        ({"operations": [NOTE], "priority": "b"}, "--priority: no column 'b'"),
        ({"operations": [Rename("a", "b"), NOTE]}, "--priority: no column 'a'"),
    ],
)
def test_priority_that_cannot_work_is_refused(
    here: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], message: str
) -> None:
    monkeypatch.chdir(here)
    (here / "in.csv").write_text(numbers(2))
    known = {"priority": "a", "is_ordered": False, **options}
    with pytest.raises(UsageError, match=re.escape(message)):
        streamx.transform("in.csv", "out.jsonl", **known)


def test_explain_tells_which_record_is_next(here: Path) -> None:
    outcome = transform(
        here, "-u", "--fn", "f.py:note", "--priority", "-a", "--explain", stdin="a\n1\n"
    )
    assert "of those that wait, the lowest first: -a\n" in outcome.output


def start(here: Path, *arguments: str, stdin: Any) -> subprocess.Popen[bytes]:
    command = [*STREAMX, "transform", "--from", "csv", "--to", "jsonl", "-u", *arguments]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=here, stdin=stdin, **pipes)


def test_slow_consumer_of_a_fast_producer_gets_every_record(here: Path) -> None:
    (here / "in.csv").write_text(numbers(5_000))
    with (
        (here / "in.csv").open("rb") as source,
        start(here, "--fn", "f.py:grow", "--priority", "a % 7", stdin=source) as process,
    ):
        assert process.stdout is not None
        output = bytearray()
        while block := os.read(process.stdout.fileno(), 4096):
            output += block
        assert process.wait(60) == 0
    assert sorted(json.loads(line)["a"] for line in output.splitlines()) == list(range(5_000))


def test_error_in_the_middle_ends_the_run(here: Path) -> None:
    outcome = transform(
        here, "-u", "--fn", "f.py:stop_at_nine", "--priority", "-a", stdin=numbers(100)
    )
    assert outcome.status == 1
    assert "line 11 (byte " in outcome.errors
    assert "ValueError: nine" in outcome.errors


def test_cancelled_run_ends_with_records_on_their_way_and_waiting(here: Path) -> None:
    arguments = ("--fn", "f.py:hang", "--types", "string", "--priority", "int(a)")
    with start(here, *arguments, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(numbers(1_000).encode())
        process.stdin.flush()
        while not (here / "called").exists():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == -signal.SIGINT
        assert process.stderr.read() == b""
