"""Disks that are really full and limits that are really reached: an error, and the old output."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import finish, running, temporary_files

OLD = b"old\n"
SAME = "def same(record):\n    return record\n"
RECORDS = b"a,b\n" + b"".join(b"%d,%x\n" % (n, hash((n, n))) for n in range(20_000))
BAD_RECORDS = b"a,b\n" + b"1\n" * 20_000
FULL = "No space left on device; make room there\n"
TOO_LARGE = "File too large; have the limit on the size of files raised (ulimit -f)\n"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with inputs and a function."""
    (tmp_path / "in.csv").write_bytes(RECORDS)
    (tmp_path / "bad.csv").write_bytes(BAD_RECORDS)
    (tmp_path / "f.py").write_text(SAME)
    return tmp_path


@pytest.fixture
def small_disk(directory: Path) -> Iterator[Path]:
    """A file system of 64 KiB with the outputs of an earlier run."""
    disk = directory / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("only root may mount a file system")
    try:
        for name in ("out.jsonl", "out.jsonl.gz", "rejects.jsonl"):
            (disk / name).write_bytes(OLD)
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("in.csv", "disk/out.jsonl"), "disk/out.jsonl"),
        (("in.csv", "disk/out.jsonl.gz"), "disk/out.jsonl.gz"),
        (("in.csv", "disk/out.jsonl", "--no-fsync"), "disk/out.jsonl"),
        (("in.csv", "disk/out.jsonl", "--fn", "f.py:same"), "disk/out.jsonl"),
        (("bad.csv", "disk/out.jsonl", "--rejects", "disk/rejects.jsonl"), "disk/rejects.jsonl"),
    ],
    ids=["plain", "gzip", "no fsync", "function", "rejects"],
)
def test_full_disk_is_an_error_that_leaves_all_as_it_was(
    directory: Path, small_disk: Path, arguments: tuple[str, ...], name: str
) -> None:
    with running(*arguments, cwd=directory) as process:
        assert finish(process) == (1, f"streamx: error: cannot write {name}: {FULL}")
    assert temporary_files(small_disk) == []
    assert {path.read_bytes() for path in small_disk.iterdir()} == {OLD}


@pytest.mark.parametrize("limit_bytes", [1_000, 20_000], ids=["chunk", "output"])
def test_file_size_limit_below_what_workers_need_is_an_error_without_a_traceback(
    directory: Path, limit_bytes: int
) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    arguments = ("in.csv", "--to", "jsonl", "--fn", "f.py:same", "--chunk-size", "16K")
    with running(*arguments, cwd=directory, stdout=subprocess.PIPE, preexec_fn=limit) as process:
        status, error = finish(process)
    assert status == 1
    assert error.endswith(TOO_LARGE)
    assert error.count("\n") == 1
    # Python keeps what it compiled of f.py, unless the environment says otherwise.
    assert {*os.listdir(directory)} - {"__pycache__"} == {"bad.csv", "f.py", "in.csv"}
