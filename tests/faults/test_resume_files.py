"""A run over several files that was ended early goes on in the file where it was."""

from __future__ import annotations

import gzip
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from processes import finish, running, until

import streamx
from streamx import CheckpointError

FILES = 12
# As many chunks as take a while.
SMALL = ("--chunk-size", "512", "--checkpoint-interval", "20ms", "--resume")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for number in range(FILES):
        names, count = ("id,n", 6_000) if number % 2 else ("n,id", 10)
        lines = "".join(f"{number},{each}\n" for each in range(count))
        text = f"{names}\n{lines}".removesuffix("\n" if number % 3 else "").encode()
        is_packed = number % 4 == 1
        path = tmp_path / "in" / f"f{number}.csv{'.gz' if is_packed else ''}"
        path.write_bytes(gzip.compress(text) if is_packed else text)
    return tmp_path


def test_a_killed_run_is_resumed_to_the_same_bytes(here: Path) -> None:
    output = "out.csv.gz"
    arguments = ("in", output, "--from", "csv", "--add-source", "file", *SMALL)
    with running(*arguments, cwd=here) as process:
        assert finish(process) == (0, "")
    whole = (here / output).read_bytes()
    (here / output).unlink()
    checkpoint = here / f"{output}.checkpoint"
    with running(*arguments, cwd=here) as process:
        until(lambda: process.poll() is not None or checkpoint.exists())
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert json.loads(checkpoint.read_bytes())["committed"]["file"] < FILES
    with running(*arguments, cwd=here) as process:
        assert finish(process) == (0, "")
    assert (here / output).read_bytes() == whole
    assert not checkpoint.exists()


def interrupted(here: Path, **options: Any) -> Path:
    """Leave a run that has failed in its last file; return that."""
    last = here / "in" / f"f{FILES - 1}.csv"
    with last.open("a") as file:
        file.write("\nbroken\n")
    with pytest.raises(streamx.StreamxError, match=f"f{FILES - 1}.csv"):
        resumed(here, **options)
    assert (here / "out.jsonl.checkpoint").exists()
    return last


def resumed(here: Path, **options: Any) -> streamx.Report:
    return streamx.transform(
        here / "in", here / "out.jsonl", source_format="csv", resume=True, chunk_size_bytes=4096,
        **options,
    )  # fmt: skip


def test_counts_and_places_go_on_where_they_were(here: Path) -> None:
    first = here / "in" / "f0.csv"
    first.write_text(first.read_text() + "\n1\n")
    interrupted(here, on_error="skip", max_errors=1)
    committed = json.loads((here / "out.jsonl.checkpoint").read_bytes())["committed"]
    assert committed["file"] == FILES - 1
    found = r"2 are bad of the first 36,062 records, the last in line 6002 of .*/f11\.csv"
    with pytest.raises(streamx.TooManyBadRecordsError, match=found):
        resumed(here, on_error="skip", max_errors=1)


@pytest.mark.parametrize("change", ["contents", "name", "one more", "other inode"])
def test_files_that_are_not_what_they_were_are_refused(here: Path, change: str) -> None:
    interrupted(here)
    victim = here / "in" / "f3.csv"
    if change == "contents":
        status = victim.stat()
        victim.write_bytes(victim.read_bytes().replace(b"3,1\n", b"3,7\n"))
        os.utime(victim, ns=(status.st_atime_ns, status.st_mtime_ns))
        expected = r"f3\.csv is another file than it was, or has been written to"
    elif change == "name":
        victim.rename(here / "in" / "f3-b.csv")
        expected = r"f3-b\.csv is another file"
    elif change == "one more":
        (here / "in" / "f99.csv").write_text("id,n\n")
        expected = "the input was of 12 files, and is of 13"
    else:
        victim.write_bytes(victim.read_bytes())
        copy = here / "copy"
        copy.write_bytes(victim.read_bytes())
        copy.rename(victim)
        expected = r"f3\.csv is another file"
    with pytest.raises(CheckpointError, match=expected):
        resumed(here)


def test_files_that_are_called_otherwise_are_refused_where_their_names_are_added(
    here: Path,
) -> None:
    options: dict[str, Any] = {"source_format": "csv", "resume": True, "chunk_size_bytes": 4096}
    interrupted(here, add_source="file")
    with pytest.raises(CheckpointError, match=r"option add_source was 'file' for .*/in'"):
        streamx.transform(f"{here}/./in", here / "out.jsonl", add_source="file", **options)
