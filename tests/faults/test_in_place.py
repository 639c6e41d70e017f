"""A file changed in place is the old one or the whole new one, and nothing is overlooked."""

from __future__ import annotations

import gzip
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import streamx as library
from streamx import OutputError, UsageError

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]
OLD = b"a,b\n1,x\n2,y\n"
NEW = b"a,b\n2,y\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    path.write_bytes(OLD)
    path.chmod(0o640)
    return path


def names_in(directory: Path) -> list[str]:
    return sorted(os.listdir(directory))


def test_a_file_is_replaced_and_what_it_was_is_kept(streamx: Run, file: Path) -> None:
    run = streamx("transform", "in.csv", "--in-place", "--backup", ".bak", "--where", "a > 1")
    assert (run.returncode, run.stdout, run.stderr) == (0, b"", b"")
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (NEW, 0o640)
    assert (file.parent / "in.csv.bak").read_bytes() == OLD
    again = streamx("transform", "in.csv", "--in-place", "--backup", ".bak", "--limit", "0")
    assert again.returncode == 0
    assert (file.parent / "in.csv.bak").read_bytes() == NEW
    assert names_in(file.parent) == ["in.csv", "in.csv.bak"]


def test_a_link_stays_one_and_the_file_behind_it_is_replaced(streamx: Run, file: Path) -> None:
    link = file.parent / "link.csv"
    link.symlink_to("in.csv")
    assert streamx("transform", "link.csv", "--in-place", "--where", "a > 1").returncode == 0
    assert link.is_symlink()
    assert file.read_bytes() == NEW


def test_a_compressed_file_stays_compressed(streamx: Run, tmp_path: Path) -> None:
    (tmp_path / "in.csv.gz").write_bytes(gzip.compress(OLD))
    assert streamx("transform", "in.csv.gz", "--in-place", "--where", "a > 1").returncode == 0
    assert gzip.decompress((tmp_path / "in.csv.gz").read_bytes()) == NEW


def test_a_run_that_fails_changes_nothing_and_keeps_no_backup(streamx: Run, file: Path) -> None:
    file.write_bytes(OLD + b"3\n")
    run = streamx("transform", "in.csv", "--in-place", "--backup", ".bak", "--to", "jsonl")
    assert run.returncode == 1
    assert file.read_bytes() == OLD + b"3\n"
    assert names_in(file.parent) == ["in.csv"]


def test_what_was_written_meanwhile_is_not_lost(file: Path) -> None:
    def late(record: Any) -> Any:
        with file.open("ab") as other:
            other.write(b"9,z\n")
        return record

    with pytest.raises(OutputError, match="was written to while it was read, so it is not repl"):
        library.transform(file, in_place=True, operations=[late])
    assert file.read_bytes().startswith(OLD + b"9,z\n")
    assert names_in(file.parent) == ["in.csv"]


def test_a_run_that_was_interrupted_goes_on_in_place(file: Path) -> None:
    file.write_bytes(b"a\n" + b"".join(b"%d\n" % number for number in range(5000)))
    stops = [True]

    def same(record: Any) -> Any:
        if record["a"] == 4000 and stops.pop():
            raise ValueError("not yet")
        return record

    options: dict[str, Any] = {"in_place": True, "resume": True, "chunk_size_bytes": 1024}
    before = file.read_bytes()
    with pytest.raises(library.FunctionError):
        library.transform(file, operations=[same], **options)
    assert (file.parent / "in.csv.checkpoint").exists()
    stops.append(False)
    assert library.transform(file, operations=[same], **options).records_out == 5000
    assert file.read_bytes() == before
    assert names_in(file.parent) == ["in.csv"]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("in.csv", "out.csv"), {}, "--in-place needs no OUTPUT: INPUT is replaced"),
        (("-",), {"source_format": "csv"}, "--in-place needs one INPUT that is a file on disk"),
        (("in.csv",), {"is_direct": True}, "--in-place needs a new file beside INPUT"),
        (("in.csv",), {"backup": ""}, "--backup needs an ending for the file's name"),
        (("in.csv",), {"backup": "/x"}, "--backup needs an ending for the file's name"),
        (("in.csv",), {"backup": "~", "in_place": False}, "--backup needs --in-place"),
    ],
)
def test_what_cannot_be_done_in_place_is_refused(
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    options: dict[str, Any],
    message: str,
) -> None:
    monkeypatch.chdir(file.parent)
    with pytest.raises(UsageError, match=message):
        library.transform(*arguments, **{"in_place": True, "target_format": "csv", **options})
    assert file.read_bytes() == OLD
