"""A directory of outputs is there whole or not at all, whatever ends the run."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import STREAMX, Run
from directories import files_in
from functions import write
from processes import endless_records, finish, running, temporary_files, until

import streamx
from streamx import OutputError

ENDLESS = ("-", "out", "--from", "csv", "--split-records", "100000")
OPEN_FILES = 32


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    path.write_text("a,b\n" + "".join(f"{n},{n % 5}\n" for n in range(10_000)))
    return path


def bytes_below(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    with (
        endless_records() as records,
        running(*ENDLESS, cwd=tmp_path, stdin=records) as process,
    ):
        until(lambda: bytes_below(tmp_path) > 100_000)
        process.send_signal(number)
        assert finish(process) == (-number, "")
    assert os.listdir(tmp_path) == []


def test_a_run_that_is_killed_leaves_only_what_is_hidden(tmp_path: Path) -> None:
    with (
        endless_records() as records,
        running(*ENDLESS, cwd=tmp_path, stdin=records) as process,
    ):
        until(lambda: bytes_below(tmp_path) > 100_000)
        process.kill()
        process.wait()
    assert not (tmp_path / "out").exists()
    assert list(tmp_path.iterdir()) == temporary_files(tmp_path)


def test_a_bad_record_leaves_nothing(streamx: Run, source: Path) -> None:
    with source.open("a") as file:
        file.write("1\n")
    run = streamx("transform", "in.csv", "out", "--partition-by", "b", "--chunk-size", "16K")
    assert run.returncode == 1
    assert os.listdir(source.parent) == ["in.csv"]


def test_a_full_disk_leaves_nothing(source: Path) -> None:
    limit = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000)); "
    script = f"{limit}from streamx.__main__ import main; main()"
    command = [
        sys.executable,
        "-c",
        script,
        "transform",
        "in.csv",
        "out",
        "--split-records",
        "5000",
    ]
    run = subprocess.run(command, cwd=source.parent, capture_output=True, check=False, timeout=60)
    assert run.returncode == 1
    assert run.stderr.startswith(b"streamx: error: cannot write out: File too large")
    assert os.listdir(source.parent) == ["in.csv"]


def test_few_descriptors_are_enough_for_many_files(source: Path) -> None:
    def allow_few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))

    source.write_text("a\n" + "".join(f"{n}\n" for n in range(3_000)))
    command = [*STREAMX, "transform", "in.csv", "out", "--partition-by", "a", "--chunk-size", "16K"]
    subprocess.run(command, cwd=source.parent, check=True, timeout=60, preexec_fn=allow_few)
    files = files_in(source.parent / "out")
    assert len(files) == 3_000
    assert files["a=2999.jsonl"] == b'{"a":2999}\n'


def test_an_empty_directory_is_replaced_and_keeps_its_mode(source: Path) -> None:
    out = source.parent / "out"
    out.mkdir(mode=0o750)
    streamx.transform(source, out, partition_by=["b"])
    assert len(files_in(out)) == 5
    assert stat.S_IMODE(out.stat().st_mode) == 0o750


def test_a_directory_that_holds_something_is_refused_and_stays_as_it_is(source: Path) -> None:
    out = source.parent / "out"
    out.mkdir()
    (out / "old").write_bytes(b"old")
    with pytest.raises(OutputError, match="out is not empty; name another output"):
        streamx.transform(source, out, partition_by=["b"])
    assert files_in(out) == {"old": b"old"}


def test_a_directory_that_is_filled_meanwhile_stays_as_it_is(source: Path) -> None:
    directory = source.parent
    write(
        directory,
        """
        import os

        def fill(record):
            if record["a"] == 5000:
                os.mkdir("out")
                open("out/other", "w").close()
            return record
        """,
    )
    command = [*STREAMX, "transform", "in.csv", "out", "--partition-by", "b", "--fn", "f.py:fill"]
    run = subprocess.run(command, cwd=directory, capture_output=True, check=False, timeout=60)
    assert run.returncode == 1
    assert run.stderr.startswith(b"streamx: error: out is not empty")
    assert files_in(directory / "out") == {"other": b""}
    assert temporary_files(directory) == []


def test_a_chunk_that_is_run_again_since_its_process_died_is_divided_as_before(
    source: Path,
) -> None:
    directory = source.parent
    source.write_text("a,b\n" + "".join(f"{n},{n % 5}{'x' * 400}\n" for n in range(10_000)))
    write(
        directory,
        """
        import os

        def die_once(record):
            if record["a"] == 9000 and not os.path.exists("died"):
                open("died", "w").close()
                os._exit(1)
            return record
        """,
    )
    options = ["in.csv", "--fn", "f.py:die_once", "--chunk-size", "8M", "--partition-by", "b"]
    subprocess.run([*STREAMX, "transform", *options, "out"], cwd=directory, check=True, timeout=60)
    assert (directory / "died").exists()
    subprocess.run([*STREAMX, "transform", *options, "same"], cwd=directory, check=True, timeout=60)
    assert files_in(directory / "out") == files_in(directory / "same")
