"""Runs on a cluster read splits from a storage and write parts to it, each seen whole or never."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster.clusters import ThreadCluster, run_on_threads, wait_until
from conftest import TIMEOUT_SECONDS
from storage.s3_server import S3Server, environment, line_to

import streamx
from streamx.cluster import stored_folder
from streamx.cluster.calls import CallLostError
from streamx.cluster.split_run import SplitTask, run_split
from streamx.read.files import input_files

# With the tests on a cluster of Dask, which need a server as well.
pytestmark = pytest.mark.xdist_group("dask")

HEADER = b"n,b\n"
RECORDS = b'1,"x\ny, z"\n\n2,bad\n3,"\n"\r\n4,"a ""q"""\n5,5" pipe\n6,last\n'
STRICT: dict[str, Any] = {
    "pinned_types": {"n": "integer", "b": "integer"}, "strict_types": True, "on_error": "reject",
}  # fmt: skip


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """The server, with two files of input below in/, and emptied at the end."""
    for name, value in environment(s3_server.url).items():
        monkeypatch.setenv(name, value)
    s3_server.put("in/a.csv", HEADER + RECORDS)
    s3_server.put("in/b.csv", HEADER + b"7,8\n")
    s3_server.put("in/_SUCCESS", b"")
    yield s3_server
    s3_server.clear()


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """All of the input on disk."""
    path = tmp_path / "in.csv"
    path.write_bytes(HEADER + RECORDS + b"7,8\n")
    return path


def content_below(s3: S3Server, prefix: str) -> bytes:
    keys = sorted(key for key in s3.keys if key.startswith(f"{prefix}/part-"))
    return b"".join(map(s3.get, keys))


def test_files_of_a_url_are_those_that_a_path_would_have(s3: S3Server) -> None:
    a, b = "s3://bucket/in/a.csv", "s3://bucket/in/b.csv"
    for url, paths in {
        a: [a],
        "s3://bucket/in/": [a, b],
        "s3://bucket/in": [a, b],
        "s3://bucket/in/[b-z].csv": [b],
    }.items():
        assert [file.path for file in input_files(url)] == paths
    for url in ("s3://bucket/none.csv", "s3://bucket/in/*.jsonl", "s3://nowhere/"):
        with pytest.raises(streamx.InputError, match=r"there is no|does not exist"):
            input_files(url)


@pytest.mark.parametrize(
    ("input", "output"),
    [
        ("in.csv", "s3://bucket/out/"),
        ("s3://bucket/in/", "s3://bucket/out/"),
        ("s3://bucket/in/*.csv", "out"),
    ],
)
def test_parts_of_files_here_and_there_hold_what_a_run_on_this_machine_writes(
    s3: S3Server,
    local: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    input: str,
    output: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    streamx.transform(local, tmp_path / "local.jsonl")
    before = s3.keys
    report = run_on_threads(input, Path(output) if output == "out" else output, split_size_bytes=20)
    expected = (tmp_path / "local.jsonl").read_bytes()
    assert report.records_out == 7
    if output == "out":
        assert (
            b"".join(each.read_bytes() for each in sorted(Path("out").glob("part-*"))) == expected
        )
        assert s3.keys == before
        return
    assert content_below(s3, "out") == expected
    manifest = json.loads(s3.get("out/_manifest.json"))
    parts = {f"out/{part['output']['path']}" for part in manifest["parts"]}
    assert s3.keys - before == {"out/_SUCCESS", "out/_manifest.json", *parts}
    tags = {part["output"]["path"]: part["output"]["tag"] for part in manifest["parts"]}
    for name, tag in tags.items():
        assert s3.client.head_object(Bucket="bucket", Key=f"out/{name}")["ETag"] == tag
    assert not s3.uploads


@pytest.mark.parametrize(
    ("input", "output"),
    [("in.csv", "s3://bucket/joined.csv"), ("s3://bucket/in/", "joined.csv")],
)
def test_one_file_and_its_rejects_are_those_of_this_machine(
    s3: S3Server,
    local: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    input: str,
    output: str,
) -> None:
    def rejected(content: bytes) -> list[Any]:
        return [json.loads(line)["raw"] for line in content.splitlines()]

    monkeypatch.chdir(tmp_path)
    known: dict[str, Any] = {**STRICT, "operations": [streamx.Where("n != 3")]}
    streamx.transform(local, "local.jsonl", **known)
    s3.put("joined.csv.rejects.jsonl", b"of before")
    run_on_threads(input, output, concat=True, split_size_bytes=20, target_format="jsonl", **known)
    is_local = output == "joined.csv"
    found = Path(output).read_bytes() if is_local else s3.get("joined.csv")
    rejects = f"{output}.rejects.jsonl".removeprefix("s3://bucket/")
    assert found == Path("local.jsonl").read_bytes()
    assert rejected(Path(rejects).read_bytes() if is_local else s3.get(rejects)) == rejected(
        Path("local.jsonl.rejects.jsonl").read_bytes()
    )
    assert not [key for key in s3.keys if ".parts/" in key]
    assert not s3.uploads


class Interrupted(ThreadCluster):
    """Runs one of the splits in another way.

    Args:
        number: of the split.
        run: runs its task, in a thread.
    """

    def __init__(self, number: int, run: Callable[[SplitTask], Any]) -> None:
        super().__init__(1)
        self._number = number
        self._run = run

    async def call(self, function: Callable[[Any], Any], argument: Any, *, is_urgent: bool) -> Any:
        if isinstance(argument, SplitTask) and argument.split.number == self._number:
            return await asyncio.to_thread(self._run, argument)
        return await super().call(function, argument, is_urgent=is_urgent)


def run_elsewhere(task: SplitTask, url: str) -> Any:
    """Run a split in a process of its own, whose way to the storage is another one."""
    program = (
        "import pickle, sys\n"
        "from streamx.cluster.split_run import run_split\n"
        "try: result = run_split(pickle.load(sys.stdin.buffer))\n"
        "except Exception as error: result = error\n"
        "sys.stdout.buffer.write(pickle.dumps(result))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        input=pickle.dumps(task),
        stdout=subprocess.PIPE,
        env={**os.environ, "AWS_ENDPOINT_URL": url, "AWS_MAX_ATTEMPTS": "1"},
        check=True,
        timeout=TIMEOUT_SECONDS,
    )
    result = pickle.loads(ended.stdout)
    if isinstance(result, Exception):
        raise result
    return result


def test_attempts_that_nobody_accepted_are_never_seen(s3: S3Server, local: Path) -> None:
    late: list[SplitTask] = []

    def lose_once(task: SplitTask) -> Any:
        result = run_split(task)
        if late:
            return result
        late.append(task)
        assert "out/part-00001.jsonl" in s3.uploads
        raise CallLostError("1 worker died while at it")

    run_on_threads(local, "s3://bucket/out", Interrupted(1, lose_once), split_size_bytes=20)
    keys, content = s3.keys, content_below(s3, "out")
    assert content.count(b"\n") == 7
    assert not s3.uploads
    run_split(late[0])  # by a worker that was taken for dead, when all is over
    assert (s3.keys, content_below(s3, "out")) == (keys, content)


def noted(s3: S3Server) -> bytes:
    """Return what the manifest of a run that goes on says."""
    return b"".join(s3.get(key) for key in s3.keys if key.startswith("out/_manifest/"))


def test_a_resumed_run_checks_what_is_finished_and_runs_the_rest(
    s3: S3Server, local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(task: SplitTask) -> None:
        wait_until(lambda: b'"part-00002.jsonl"' in noted(s3))
        raise streamx.ClusterError("the scheduler was lost")

    monkeypatch.setattr(stored_folder, "_LINES_SECONDS", 0.0)  # each part is noted at once
    streamx.transform(local, tmp_path / "local.jsonl")
    known: dict[str, Any] = {"split_size_bytes": 10}
    with pytest.raises(streamx.ClusterError):
        run_on_threads(local, "s3://bucket/out", Interrupted(3, stop), **known)
    assert "out/_SUCCESS" not in s3.keys
    assert not s3.uploads
    s3.put("out/part-00000.jsonl", b"other")
    s3.put("out/part-00099.jsonl", b"of a run that ended before it was noted")
    cluster = ThreadCluster(1)
    run_on_threads(local, "s3://bucket/out", cluster, resume=True, **known)
    assert content_below(s3, "out") == (tmp_path / "local.jsonl").read_bytes()
    splits = len([key for key in s3.keys if "/part-" in key])
    again = ThreadCluster(1)
    run_on_threads(local, "s3://bucket/out", again, resume=True, **known)
    assert "run_split" not in again.calls
    # Of those that were finished all but the first are as they were.
    assert again.calls.count("is_as_written") > cluster.calls.count("is_as_written") > 1
    assert splits - 3 <= cluster.calls.count("run_split") < splits
    assert "out/_SUCCESS" in s3.keys
    with pytest.raises(streamx.OutputError, match="is not empty"):
        run_on_threads(local, "s3://bucket/out", **known)


def test_a_part_is_noted_while_the_next_one_takes_long(s3: S3Server, local: Path) -> None:
    def take_long(task: SplitTask) -> Any:
        wait_until(lambda: b'"part-00000.jsonl"' in noted(s3))
        return run_split(task)

    run_on_threads(local, "s3://bucket/out", Interrupted(1, take_long), split_size_bytes=20)
    assert "out/_SUCCESS" in s3.keys


def test_a_file_that_is_replaced_between_its_splits_ends_the_run(s3: S3Server) -> None:
    def replace(task: SplitTask) -> Any:
        s3.put("in/a.csv", HEADER + RECORDS.upper())
        return run_split(task)

    with pytest.raises(streamx.InputError, match="it was replaced while it was read"):
        run_on_threads(
            "s3://bucket/in/a.csv",
            "s3://bucket/out",
            Interrupted(1, replace),
            split_size_bytes=20,
            split_retries=0,
        )


@pytest.mark.parametrize("breaks", ["reading", "writing"])
def test_a_split_whose_storage_was_lost_is_run_again(
    s3: S3Server, local: Path, breaks: str
) -> None:
    attempts: list[int] = []

    def break_once(task: SplitTask) -> Any:
        attempts.append(len(attempts))
        if attempts[1:]:
            return run_split(task)
        limits = {"answered_bytes" if breaks == "reading" else "asked_bytes": 1}
        with line_to(s3, heals=False, **limits) as line:
            return run_elsewhere(task, line.url)

    input = "s3://bucket/in/" if breaks == "reading" else local
    cluster = Interrupted(1, break_once)
    report = run_on_threads(input, "s3://bucket/out", cluster, split_size_bytes=20)
    assert content_below(s3, "out").count(b"\n") == report.records_out == 7
    assert "1 calls of workers were made again" in report.warnings[-1]
    assert attempts == [0, 1]
    assert not s3.uploads


def test_a_storage_that_is_lost_for_good_ends_the_run_and_says_so(
    s3: S3Server, tmp_path: Path
) -> None:
    cluster = Interrupted(1, lambda task: run_elsewhere(task, "http://127.0.0.1:9"))
    with pytest.raises(
        streamx.InputError, match=r"^cannot read s3://bucket/in/b\.csv: .* cannot be reached"
    ) as caught:
        run_on_threads("s3://bucket/in/", tmp_path / "out", cluster, split_retries=1)
    assert caught.value.exit_code == 1


def test_an_output_in_no_bucket_cannot_be_written(s3: S3Server, local: Path) -> None:
    with pytest.raises(
        streamx.OutputError, match=r"^cannot write s3://nowhere/out/.*: there is no such bucket"
    ):
        run_on_threads(local, "s3://nowhere/out")


@pytest.mark.parametrize(
    ("input", "output", "needed"),
    [
        ("-", "s3://bucket/out", "an INPUT of files"),
        ("https://host/in.csv", "s3://bucket/out", "an INPUT of files"),
        ("in.csv", "gs://bucket/out", "an OUTPUT on disk or in S3"),
        ("in.csv", "s3://bucket/", "an OUTPUT on disk or in S3"),
        ("in.csv", "s3://bucket/out.jsonl.gz", "plain output"),
        ("in.csv", "https://host/out", "not the web's"),
    ],
)
def test_ends_that_a_cluster_does_not_take_are_refused(
    input: str, output: str, needed: str
) -> None:
    with pytest.raises(streamx.UsageError, match=needed):
        streamx.transform(input, output, engine="dask")
