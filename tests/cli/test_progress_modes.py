"""Progress where standard error is no terminal: nothing by default, lines or JSON when asked."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]
OUTPUT = b'{"a":"x"}\n' * 1000


@pytest.fixture(autouse=True)
def records(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(b"a\n" + b"x\n" * 1000)


@pytest.mark.parametrize("mode", [(), ("--progress", "auto"), ("--progress", "off")])
def test_run_without_a_terminal_prints_only_data(streamx: Run, mode: tuple[str, ...]) -> None:
    result = streamx("transform", "in.csv", "--to", "jsonl", *mode)
    assert (result.returncode, result.stdout, result.stderr) == (0, OUTPUT, b"")


def test_plain_progress_is_lines_of_text_on_standard_error(streamx: Run) -> None:
    result = streamx("transform", "in.csv", "--to", "jsonl", "--progress", "plain")
    assert (result.returncode, result.stdout) == (0, OUTPUT)
    lines = result.stderr.decode().splitlines()
    assert lines
    assert "\r" not in result.stderr.decode()
    assert "1,000" in lines[-1] or "1000" in lines[-1]


def test_json_progress_is_one_object_a_line_on_standard_error(streamx: Run) -> None:
    result = streamx("transform", "in.csv", "--to", "jsonl", "--progress", "json")
    assert (result.returncode, result.stdout) == (0, OUTPUT)
    last = [json.loads(line) for line in result.stderr.splitlines()][-1]
    assert isinstance(last, dict)
    assert 1000 in last.values()


def test_quiet_silences_progress_and_warnings_but_not_errors(streamx: Run) -> None:
    arguments = ("transform", "in.csv", "--to", "jsonl", "-q", "--progress", "json")
    assert streamx(*arguments, "--type", "a=integer").stderr == b""
    assert streamx(*arguments, "--strict-types", "--type", "a=integer").stderr.startswith(
        b"streamx: error: in.csv, line 2 (byte 2): "
    )
