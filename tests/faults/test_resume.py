"""A run that was ended early goes on where it was, and gives what an undisturbed one gives."""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import random
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from processes import STREAMX, Process, finish, running, until

import streamx
from streamx import CheckpointError, Report, UsageError

# How many runs of each kind are killed; more, to be asked for by hand.
KILLED_RUNS = int(os.environ.get("STREAMX_KILLED_RUNS", "1"))

FUNCTIONS = """
    async def checked(record):
        if record["id"] % 97 == 5:
            raise ValueError("as told")
        return record | {"double": 2 * record["id"]}

    def doubled(record):
        record["double"] = 2 * record["id"]
        return record
"""
SMALL = ("--chunk-size", "4K", "--checkpoint-interval", "20ms")
KINDS = {
    "conversion": ("out.jsonl", *SMALL),
    "gzip output": ("out.jsonl.gz", *SMALL),
    "process function": ("out.jsonl", *SMALL, "--fn", "f.py:doubled"),
    "async function with rejects": (
        "out.jsonl", *SMALL, "--fn", "f.py:checked", "--on-error", "reject"
    ),
    "few rejects, compressed": (
        "out.jsonl", *SMALL, "--fn", "f.py:checked", "--on-error", "reject",
        "--rejects", "out.bad.gz",
    ),
    "program with limits": ("out.csv", *SMALL, "--where", "id % 3 > 0", "--limit", "60000"),
    "compressed input": ("out.jsonl", *SMALL, "--select", "text,id"),
}  # fmt: skip


def table(count: int, start: int = 0) -> bytes:
    lines = (f'{n},"text, {n}",{n / 8}\n' for n in range(start, start + count))
    return ("".join(lines)).encode()


HEADER = b"id,text,number\n"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    import textwrap

    (tmp_path / "f.py").write_text(textwrap.dedent(FUNCTIONS))
    return tmp_path


def outputs_in(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.glob("out.*")}


def is_written(path: Path, mark: bytes) -> bool:
    """Tell whether there is a checkpoint other than the one known."""
    return path.exists() and path.read_bytes() != mark


def kill_after_checkpoints(process: Process, path: Path, count: int) -> bool:
    """Kill a process when it has written so many checkpoints; tell whether it had not ended."""
    for _ in range(count):
        mark = path.read_bytes() if path.exists() else b""
        until(lambda mark=mark: process.poll() is not None or is_written(path, mark))  # type: ignore[misc]  # mypy takes no defaults of lambdas
    process.kill()
    return process.wait() == -signal.SIGKILL


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_run_is_resumed_to_the_same_bytes(here: Path, kind: str) -> None:
    output, *options = KINDS[kind]
    count = 15_000 if "rejects" in kind else 40_000 if "function" in kind else 100_000
    name = "in.csv.gz" if kind == "compressed input" else "in.csv"
    data = HEADER + table(count)
    (here / name).write_bytes(gzip.compress(data, 1) if name.endswith(".gz") else data)
    arguments = (name, output, *options, "--resume")
    command = [*STREAMX, "transform", *arguments]
    status = subprocess.run(command, cwd=here, check=False, capture_output=True).returncode
    assert status == (3 if "rejects" in kind else 0)
    whole = outputs_in(here)
    assert (here / f"{output}.checkpoint").exists() is False
    chance = random.Random(kind)
    for _ in range(KILLED_RUNS):
        for path in here.glob("out.*"):
            path.unlink()
        checkpoint = here / f"{output}.checkpoint"
        was_killed = []
        for checkpoints in (chance.randrange(1, 3), 1):
            with running(*arguments, cwd=here) as process:
                was_killed.append(kill_after_checkpoints(process, checkpoint, checkpoints))
        assert was_killed[0]
        assert finish_resumed(here, arguments) == status
        assert outputs_in(here) == whole


def finish_resumed(here: Path, arguments: Sequence[str]) -> int:
    with running(*arguments, cwd=here) as process:
        return finish(process, 60)[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_a_checkpoint_of_the_last_whole_chunk(
    here: Path, number: signal.Signals
) -> None:
    (here / "in.csv").write_bytes(HEADER + table(200_000))
    arguments = ("in.csv", "out.jsonl", "--chunk-size", "4K", "--checkpoint", "own.checkpoint")
    with running(*arguments, "--checkpoint-interval", "10m", cwd=here) as process:
        partial = here / "out.jsonl.partial"
        until(lambda: partial.exists() and partial.stat().st_size > 500_000)
        process.send_signal(number)
        assert finish(process) == (-number, "")
    checkpoint = json.loads((here / "own.checkpoint").read_bytes())
    kept_bytes = checkpoint["committed"]["output"]["size_bytes"]
    assert 500_000 < kept_bytes <= partial.stat().st_size
    with running(*arguments, "--resume", cwd=here) as process:
        assert finish(process) == (0, "")
    streamx.transform(here / "in.csv", here / "whole.jsonl")
    assert (here / "out.jsonl").read_bytes() == (here / "whole.jsonl").read_bytes()
    assert sorted(path.name for path in here.iterdir()) == sorted(
        ["f.py", "in.csv", "out.jsonl", "whole.jsonl"]
    )


def interrupted(here: Path, **options: Any) -> None:
    """Leave a run that has failed in its last record, with a checkpoint before that."""
    (here / "in.csv").write_bytes(HEADER + table(5000) + b"broken\n")
    options = {"chunk_size_bytes": 4096, "resume": True, **options}
    with pytest.raises(streamx.StreamxError):
        streamx.transform(here / "in.csv", here / "out.jsonl", **options)
    assert (here / "out.jsonl.checkpoint").exists()


def resumed(here: Path, **options: Any) -> Report:
    return streamx.transform(here / "in.csv", here / "out.jsonl", resume=True, **options)


def rewrite(here: Path, change: Callable[[bytes], bytes]) -> None:
    path = here / "in.csv"
    status = path.stat()
    path.write_bytes(change(path.read_bytes()))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


REFUSALS: dict[str, tuple[Callable[[Path], object], dict[str, Any], str]] = {
    "longer input": (
        lambda here: rewrite(here, lambda data: data + b"1,2,3\n"),
        {},
        r"in.csv had [0-9,]+ bytes, and has [0-9,]+; --allow-growth",
    ),
    "touched input": (
        lambda here: (here / "in.csv").touch(),
        {},
        "in.csv has been written to since",
    ),
    "other input": (
        lambda here: (
            (here / "other").write_bytes((here / "in.csv").read_bytes()),
            os.replace(here / "other", here / "in.csv"),
            None,
        ),
        {},
        "its inode differs|written to since",
    ),
    "other first bytes": (
        lambda here: rewrite(here, lambda data: data.replace(b"text, 7", b"text; 7")),
        {},
        "the first [0-9,]+ bytes of .*in.csv have changed",
    ),
    "other last bytes": (
        lambda here: rewrite(here, lambda data: data.replace(b"text, 4", b"text; 4")),
        {},
        "bytes before byte [0-9,]+ of .*in.csv have changed|the first [0-9,]+ bytes",
    ),
    "other options": (lambda _: None, {"nulls": ["0"]}, "option nulls was not given, and is"),
    "shorter partial output": (
        lambda here: os.truncate(here / "out.jsonl.partial", 100),
        {},
        "holds less than the checkpoint says",
    ),
    "no checkpoint": (
        lambda here: (here / "out.jsonl.checkpoint").write_text("{}"),
        {},
        "is no checkpoint that this version of streamx can read",
    ),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_what_is_not_as_it_was_is_named_and_nothing_is_lost(here: Path, what: str) -> None:
    interrupted(here)
    change, options, message = REFUSALS[what]
    change(here)
    partial = (here / "out.jsonl.partial").read_bytes()
    checkpoint = (here / "out.jsonl.checkpoint").read_bytes()
    with pytest.raises(streamx.StreamxError, match=message):
        resumed(here, **options)
    assert (here / "out.jsonl.partial").read_bytes() == partial
    assert (here / "out.jsonl.checkpoint").read_bytes() == checkpoint


def test_a_function_whose_file_has_changed_is_named(here: Path) -> None:
    functions = [streamx.Apply(f"{here / 'f.py'}:doubled")]
    interrupted(here, operations=functions)
    with (here / "f.py").open("a") as file:
        file.write("# changed\n")
    with pytest.raises(CheckpointError, match=r"the file of function .*doubled has changed"):
        resumed(here, operations=functions)


def test_counts_and_warnings_are_those_of_the_whole_run(here: Path) -> None:
    data = HEADER + table(3000) + b"x,7,8\n" + table(3000) + b"7\n" + table(3000)
    (here / "in.csv").write_bytes(data)
    options: dict[str, Any] = {"chunk_size_bytes": 4096, "on_error": "skip"}
    whole = streamx.transform(here / "in.csv", here / "whole.jsonl", **options)
    path = here / "out.jsonl.checkpoint"
    arguments = ("in.csv", "out.jsonl", "--on-error", "skip", *SMALL)
    with running(*arguments, "--resume", cwd=here) as process:
        kill_after_checkpoints(process, path, 1)
    if path.exists():
        assert json.loads(path.read_bytes())["committed"]["totals"]["records_in"] > 0
    os.chdir(here)
    report = streamx.transform("in.csv", "out.jsonl", resume=True, **options)
    assert (report.records_in, report.records_out) == (whole.records_in, whole.records_out)
    assert report.bad_records == whole.bad_records
    assert [text.partition(": ")[2] for text in report.warnings] == [
        text.partition(": ")[2] for text in whole.warnings
    ]


def test_a_log_that_grows_is_read_from_where_the_last_run_ended(here: Path) -> None:
    source = here / "log.csv"
    source.write_bytes(HEADER + table(4000))
    outputs = ["out.jsonl", "out.jsonl.gz"]
    for count in (4000, 4100, 4100, 9000):
        source.write_bytes(HEADER + table(count)) if count == 4000 else None
        with source.open("ab") as file:
            written = source.read_bytes().count(b"\n") - 1
            file.write(table(count - written, written))
        for output in outputs:
            report = streamx.transform(source, here / output, resume=True, allow_growth=True)
            assert report.records_in == count
        streamx.transform(source, here / "whole.jsonl")
        whole = (here / "whole.jsonl").read_bytes()
        assert (here / "out.jsonl").read_bytes() == whole
        assert gzip.decompress((here / "out.jsonl.gz").read_bytes()) == whole
        assert not list(here.glob("*.partial"))


def test_a_log_whose_last_record_was_half_there_is_refused(here: Path) -> None:
    source = here / "log.csv"
    source.write_bytes(HEADER + table(10) + b"10,half")
    options: dict[str, Any] = {"resume": True, "allow_growth": True, "on_error": "skip"}
    streamx.transform(source, here / "out.jsonl", **options)
    with source.open("ab") as file:
        file.write(b" a record,1\n")
    with pytest.raises(CheckpointError, match="had no line end when it was read"):
        streamx.transform(source, here / "out.jsonl", **options)


def test_two_runs_never_write_one_partial_output(here: Path) -> None:
    (here / "in.csv").write_bytes(HEADER + table(200_000))
    arguments = ("in.csv", "out.jsonl", "--resume", "--chunk-size", "4K")
    with running(*arguments, cwd=here) as process:
        until(lambda: is_written(here / "out.jsonl.partial", b""))
        process.send_signal(signal.SIGSTOP)
        with running(*arguments, cwd=here) as second:
            status, said = finish(second)
        assert (status, "is being written by another run" in said) == (75, True)
        process.send_signal(signal.SIGCONT)
        assert finish(process) == (0, "")


def test_a_partial_output_that_is_published_while_it_is_opened_stays_as_it_is(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "in.csv").write_bytes(HEADER + table(10))
    partial = here / "out.jsonl.partial"
    partial.write_bytes(b"by another run")
    lock = fcntl.flock

    def publish_first(descriptor: int, operation: int) -> None:
        if not (here / "published").exists():
            partial.replace(here / "published")
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", publish_first)
    streamx.transform(here / "in.csv", here / "out.jsonl", resume=True)
    assert (here / "published").read_bytes() == b"by another run"
    assert (here / "out.jsonl").read_bytes().count(b"\n") == 10


def test_a_checkpoint_does_not_take_the_place_of_another_file(here: Path) -> None:
    (here / "in.csv").write_bytes(HEADER)
    with pytest.raises(streamx.InputError, match="is no checkpoint"):
        streamx.transform(here / "in.csv", here / "out.jsonl", checkpoint=here / "f.py")
    assert "as told" in (here / "f.py").read_text()


@pytest.mark.parametrize(
    ("input", "output", "options", "message"),
    [
        ("-", "out.jsonl", {"source_format": "csv"}, "standard input cannot be read again"),
        ("in.csv", "-", {"target_format": "jsonl"}, "what was passed on cannot be cut"),
        ("in.csv", "out.jsonl", {"is_ordered": False}, "without --unordered"),
        ("in.csv", "out.jsonl", {"is_direct": True}, "so no --direct"),
        ("in.csv", "out.jsonl", {"checkpoint": "out.jsonl"}, "are both out.jsonl"),
        ("in.csv", "out.jsonl", {"checkpoint": "-"}, "the checkpoint must be a file"),
        ("in.csv", "out.jsonl", {"checkpoint": "/dev/null"}, "the checkpoint must be a file"),
        ("in.csv", "out.jsonl", {"checkpoint": "fifo"}, "the checkpoint must be a file"),
        ("in.csv", "out.jsonl", {"checkpoint": "out.jsonl.partial"}, "are both out.jsonl.partial"),
        ("out.jsonl.partial", "out.jsonl", {"source_format": "csv"}, "are the same file"),
        ("link.csv", "out.jsonl", {}, "are the same file"),
        ("in.csv", "fifo.jsonl", {}, "fifo.jsonl.partial is none"),
        ("in.csv", "linked.jsonl", {}, "linked.jsonl.partial is none"),
        ("in.csv", "out.jsonl", {"summary": "c"}, "--summary and the checkpoint are the same"),
        ("in.csv", "/dev/null", {"target_format": "jsonl"}, "an output that is a file"),
    ],
)
def test_what_cannot_be_continued_is_a_usage_error(
    here: Path, monkeypatch: pytest.MonkeyPatch, input: str, output: str, options: Any, message: str
) -> None:
    monkeypatch.chdir(here)
    (here / "in.csv").write_bytes(HEADER)
    (here / "out.jsonl.partial").write_bytes(HEADER)
    os.link("out.jsonl.partial", "link.csv")
    os.mkfifo("fifo")
    os.mkfifo("fifo.jsonl.partial")
    os.symlink("f.py", "linked.jsonl.partial")
    with pytest.raises(UsageError, match=message):
        streamx.transform(input, output, **{"checkpoint": "c", **options})
    assert (here / "out.jsonl.partial").read_bytes() == HEADER


def test_a_run_goes_on_though_few_ends_of_chunks_were_kept(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamx.journal._MOST_REACHED", 2)
    (here / "in.csv").write_bytes(HEADER + table(5000))
    may_fail = here / "fails"
    may_fail.touch()

    def same(record: Any) -> Any:
        if may_fail.exists() and record["id"] == 4_500:
            raise ValueError("not yet")
        return record

    options: dict[str, Any] = {"operations": [same], "chunk_size_bytes": 1024}
    with pytest.raises(streamx.StreamxError):
        resumed(here, **options)
    kept = json.loads((here / "out.jsonl.checkpoint").read_bytes())["committed"]
    assert kept["output"]["size_bytes"] > 0
    may_fail.unlink()
    report = resumed(here, **options)
    assert report.records_out == 5000
    lines = (here / "out.jsonl").read_bytes().splitlines()
    assert [json.loads(line)["id"] for line in lines] == list(range(5000))
