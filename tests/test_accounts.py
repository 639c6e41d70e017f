"""The account of a run is written however the run ends, and its counts add up."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import STREAMX
from hypothesis import given, settings
from hypothesis import strategies as st

import streamx
from streamx import Limit, UsageError, Where
from streamx.accounts import accounts_of
from streamx.job import Job

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


def read(path: Path) -> dict[str, Any]:
    summary = json.loads(path.read_bytes())
    assert isinstance(summary, dict)
    return summary


def twice_or_not(record: dict[str, Any]) -> list[dict[str, Any]]:
    return [record] * (int(record["a"]) % 3)


def assert_adds_up(summary: dict[str, Any]) -> None:
    out = ("out", "filtered", "rejected", "skipped", "dropped")
    assert summary["records_in"] + summary["records_added"] == sum(
        summary[f"records_{name}"] for name in out
    )


def _lines(numbers: list[int]) -> str:
    return "".join(f"{number}\n" for number in numbers)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(0, 9), max_size=200),
    st.sampled_from(["plain", "where", "limit", "function", "bad", "skip", "reject"]),
    st.integers(1, 3),
)
def test_counts_add_up_and_are_those_of_the_files(
    numbers: list[int], kind: str, workers: int
) -> None:
    chain: list[Any] = {
        "where": [Where("a > 4")],
        "limit": [Limit(7)],
        "function": [twice_or_not],
    }.get(kind, [])
    with tempfile.TemporaryDirectory() as directory:
        source, target, account = (Path(directory, name) for name in ("i.csv", "o.csv", "s.json"))
        lenient = {"on_error": kind} if kind in ("skip", "reject") else {}
        bad = "1,2\n" if kind == "bad" or lenient else ""
        source.write_text("a\n" + bad * bool(lenient) + _lines(numbers) + bad)
        try:
            streamx.transform(
                source, target, operations=chain, workers=workers, chunk_size_bytes=16,
                summary=account, **lenient,
            )  # fmt: skip
        except streamx.BadRecordError:
            assert kind == "bad"
        summary = read(account)
        assert_adds_up(summary)
        expected_in = min(len(numbers), 7) if kind == "limit" else len(numbers)
        assert summary["records_in"] == expected_in + 2 * bool(lenient)
        assert summary["records_skipped"] == 2 * (kind == "skip")
        assert summary["records_rejected"] == 2 * (kind == "reject")
        assert summary["status"] == ("failed" if kind == "bad" else "complete")
        if kind != "bad":
            assert summary["records_out"] == len(target.read_text().splitlines()) - 1
            assert summary["bytes_out"] == target.stat().st_size


def test_summary_of_a_failed_run_says_what_failed(streamx: Run, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(b"a\n1\n2,3\n")
    result = streamx("transform", "in.csv", "out.jsonl", "--summary", "s.json")
    assert result.returncode == 1
    summary = read(tmp_path / "s.json")
    assert (summary["status"], summary["records_in"]) == ("failed", 1)
    assert summary["error"]["type"] == "BadRecordError"
    assert summary["error"]["exit_code"] == 1
    assert summary["error"]["message"].encode() in result.stderr
    assert sorted(os.listdir(tmp_path)) == ["in.csv", "s.json"]


def test_summary_of_an_interrupted_run_says_so(tmp_path: Path) -> None:
    command = [*STREAMX, "transform", "--from", "jsonl", "--to", "jsonl", "--summary", "s.json"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=tmp_path, bufsize=0) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b'{"a":1}\n')
        assert process.stdout.readline() == b'{"a":1}\n'
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == -signal.SIGINT
    summary = read(tmp_path / "s.json")
    assert (summary["status"], summary["records_out"]) == ("interrupted", 1)
    assert summary["error"]["message"] == "the run was interrupted"


def test_summary_on_standard_output_where_that_is_free(streamx: Run, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(b"a\nx\n")
    result = streamx("transform", "in.csv", "out.jsonl", "--summary", "-")
    assert json.loads(result.stdout)["records_out"] == 1
    result = streamx("transform", "in.csv", "--to", "jsonl", "--summary", "-")
    assert (result.returncode, result.stdout) == (2, b"")
    assert b"--summary and the output are the same file (standard output)" in result.stderr


def test_summary_that_cannot_be_written_is_an_error(streamx: Run, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(b"a\nx\n")
    result = streamx("transform", "in.csv", "out.jsonl", "--summary", "/dev/full")
    assert result.returncode == 1
    assert result.stderr == (
        b"streamx: error: cannot write --summary /dev/full: No space left on device; "
        b"make room there. The output is complete\n"
    )


def test_account_that_cannot_be_written_keeps_no_other_from_saying_how_the_run_ended(
    streamx: Run, tmp_path: Path
) -> None:
    (tmp_path / "in.csv").write_bytes(b"a\nx\n")
    accounts = ("--summary", "/dev/full", "--metrics", "m.prom", "--report", "r.html")
    result = streamx("transform", "in.csv", "out.jsonl", *accounts)
    assert result.returncode == 1
    assert result.stderr.count(b"\n") == 1
    metrics, page = (tmp_path / "m.prom").read_text(), (tmp_path / "r.html").read_text()
    assert 'streamx_running{input="in.csv",output="out.jsonl"} 0.0' in metrics
    assert 'streamx_success{input="in.csv",output="out.jsonl"} 0.0' in metrics
    assert "cannot write --summary /dev/full" in page
    assert (tmp_path / "out.jsonl").read_bytes() == b'{"a":"x"}\n'


@pytest.mark.parametrize(("path", "interval_seconds"), [("m.prom", 5.0), ("/dev/null", math.inf)])
def test_metrics_are_rewritten_in_a_file_and_written_once_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, interval_seconds: float
) -> None:
    monkeypatch.chdir(tmp_path)
    job = Job(input="in.csv", output="out.jsonl", metrics=path)
    with accounts_of(job, print) as accounts:
        _, metrics = accounts.views
        assert metrics.interval_seconds == interval_seconds


def test_account_never_replaces_input_or_output(tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(b"a\nx\n")
    (tmp_path / "link").symlink_to(target)
    for account, message in (
        (source, r"input and --summary are the same file"),
        (target, r"--summary and the output are the same file"),
        (tmp_path / "link", r"--summary and the output are the same file"),
    ):
        with pytest.raises(UsageError, match=message):
            streamx.transform(source, target, summary=account)
    rejects = tmp_path / "out.csv.rejects.jsonl"
    with pytest.raises(UsageError, match="--summary and the rejects file are the same file"):
        streamx.transform(source, target, on_error="reject", summary=rejects)
    assert source.read_bytes() == b"a\nx\n"


def test_summary_knows_workers_memory_and_latency(tmp_path: Path) -> None:
    source, account = tmp_path / "in.jsonl", tmp_path / "s.json"
    source.write_bytes(b'{"a":1}\n' * 100)
    streamx.transform(source, tmp_path / "out.jsonl", operations=[wait], summary=account)
    summary = read(account)
    assert summary["ran_in"] == "loop"
    assert summary["record_latency"]["count"] == 100
    assert summary["chunk_latency"]["count"] == 1
    assert 0 < summary["record_latency"]["p50_seconds"] <= summary["record_latency"]["p99_seconds"]
    if os.path.exists("/proc/self/statm"):
        assert summary["memory_peak_bytes"] > 1_000_000


async def wait(record: Any) -> Any:
    return record
