"""Outputs that a shell names: /dev/stdout, /dev/fd/N and process substitution."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = f"{sys.executable} -m streamx transform in.csv"
OUTPUT = b'{"a":1}\n' * 20_000

needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")


@pytest.fixture(autouse=True)
def records(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(b"a\n" + b"1\n" * 20_000)


def shell(directory: Path, script: str, shell: str = "sh") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [shell, "-c", script], cwd=directory, capture_output=True, timeout=60, check=False
    )


@pytest.mark.parametrize("path", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_standard_output_by_its_path_gets_everything_in_a_pipe(tmp_path: Path, path: str) -> None:
    result = shell(tmp_path, f"{COMMAND} {path} --to jsonl | cat")
    assert (result.stdout, result.stderr) == (OUTPUT, b"")


def test_standard_output_by_its_path_gets_everything_in_a_file(tmp_path: Path) -> None:
    result = shell(tmp_path, f"{COMMAND} /dev/stdout --to jsonl > out.jsonl")
    assert (result.returncode, result.stderr) == (0, b"")
    assert (tmp_path / "out.jsonl").read_bytes() == OUTPUT
    assert sorted(os.listdir(tmp_path)) == ["in.csv", "out.jsonl"]


def test_standard_error_by_its_path_takes_output(tmp_path: Path) -> None:
    result = shell(tmp_path, f"{COMMAND} /dev/stderr --to jsonl")
    assert (result.stdout, result.stderr) == (b"", OUTPUT)


def test_another_descriptor_by_its_path_gets_everything(tmp_path: Path) -> None:
    result = shell(tmp_path, f"({COMMAND} /dev/fd/7 --to jsonl) 7>&1 >/dev/null | cat")
    assert (result.stdout, result.stderr) == (OUTPUT, b"")


def test_descriptor_that_is_not_open_is_an_error(tmp_path: Path) -> None:
    result = shell(tmp_path, f"{COMMAND} /dev/fd/9 --to jsonl 9>&-")
    assert result.returncode == 1
    assert result.stderr == b"streamx: error: /dev/fd/9 is closed; name an output file\n"


def test_number_that_no_descriptor_has_is_an_error(tmp_path: Path) -> None:
    path = "/dev/fd/" + "9" * 20
    result = shell(tmp_path, f"{COMMAND} {path} --to jsonl")
    assert result.returncode == 1
    assert result.stderr.startswith(f"streamx: error: {path} ".encode())
    assert result.stderr.count(b"\n") == 1


def test_file_behind_a_descriptor_is_appended_to_where_it_stands(tmp_path: Path) -> None:
    script = f"(echo before; {COMMAND} /dev/fd/7 --to jsonl 7>&1; echo after) > out.jsonl"
    result = shell(tmp_path, script)
    assert (result.returncode, result.stderr) == (0, b"")
    assert (tmp_path / "out.jsonl").read_bytes() == b"before\n" + OUTPUT + b"after\n"


def test_descriptor_that_is_the_input_file_is_refused(tmp_path: Path) -> None:
    result = shell(tmp_path, f"{COMMAND} /dev/fd/7 --to csv 7<>in.csv")
    assert result.returncode == 2
    assert b"input and output are the same file (/dev/fd/7)" in result.stderr
    assert (tmp_path / "in.csv").read_bytes() == b"a\n" + b"1\n" * 20_000


@needs_bash
def test_process_substitution_gets_everything(tmp_path: Path) -> None:
    # The FIFO that the other process ends with is what this one waits for.
    script = f"mkfifo done; {COMMAND} >(cat > out.jsonl; echo > done) --to jsonl && cat done"
    result = shell(tmp_path, script, "bash")
    assert (result.returncode, result.stderr) == (0, b"")
    assert (tmp_path / "out.jsonl").read_bytes() == OUTPUT


@needs_bash
def test_process_substitution_as_input_is_read_to_its_end(tmp_path: Path) -> None:
    command = COMMAND.replace("in.csv", "<(cat in.csv)")
    result = shell(tmp_path, f"{command} --from csv --to jsonl", "bash")
    assert (result.stdout, result.stderr) == (OUTPUT, b"")
