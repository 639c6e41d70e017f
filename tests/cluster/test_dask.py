"""Runs on a scheduler and workers of Dask, which are processes of their own, and may be killed."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import pytest
from cluster.clusters import run_on_threads, wait_until
from conftest import STREAMX, TIMEOUT_SECONDS
from storage.s3_server import S3Server, environment

import streamx
from streamx.cluster import dask, dask_opening
from streamx.errors import WorkerDiedError

distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")

# One cluster for all tests, which run one after the other; the last of them ends it.
pytestmark = [
    pytest.mark.xdist_group("dask"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]
FUNCTIONS = """
import os, signal, time

def slow(record):
    if record["n"] % 10 == 0:
        time.sleep(0.02)
    if record["n"] == 77:
        raise ValueError("refused")
    record["n"] = record["n"] * 2
    return record

def die(record):
    if record["n"] == 500:
        os.kill(os.getpid(), signal.SIGKILL)
    return record
"""


class Servers:
    """A scheduler and two workers with a nanny, which starts another where one was killed."""

    def __init__(self, directory: Path, variables: Mapping[str, str]) -> None:
        self.file = directory / "scheduler.json"
        quiet = {**os.environ, **variables, "DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "critical"}
        # Work that was on a worker which was killed is not to blame for that.
        quiet["DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES"] = "10"

        def start(kind: str, *arguments: str) -> Popen[bytes]:
            command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *arguments]
            named = ["--scheduler-file", os.fspath(self.file)]
            return Popen([*command, *named], cwd=directory, env=quiet, stderr=PIPE)

        self.scheduler = start("scheduler", "--port", "0", "--no-dashboard", "--host", "127.0.0.1")
        wait_until(self.file.exists)
        self.workers = start(
            "worker", "--nworkers", "2", "--nthreads", "1", "--no-dashboard", "--memory-limit", "0"
        )
        self.client = distributed.Client(scheduler_file=str(self.file), set_as_default=False)
        self.client.wait_for_workers(2, timeout=TIMEOUT_SECONDS)

    def close(self) -> None:
        self.client.close(timeout=1)
        for process in (self.workers, self.scheduler):
            process.terminate()
            process.communicate(timeout=TIMEOUT_SECONDS)


@pytest.fixture(scope="module")
def servers(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    servers = Servers(tmp_path_factory.mktemp("dask"), environment(s3_server.url))
    yield servers
    servers.close()
    s3_server.clear()


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records that hold line feeds, commas and quotes, a function for them, and what it makes."""
    directory = tmp_path_factory.mktemp("numbers")
    (directory / "f.py").write_text(FUNCTIONS)
    source = directory / "numbers.csv"
    lines = [f'{number},"a\nb, ""{number}"""\n' for number in range(1, 1001)]
    source.write_text("n,text\n" + "".join(lines))
    slow = streamx.Apply(f"{directory}/f.py:slow")
    streamx.transform(
        source, directory / "slow.jsonl", operations=[slow], on_error="reject", workers=1
    )
    return source


def slow_output(numbers: Path) -> bytes:
    return (numbers.parent / "slow.jsonl").read_bytes()


def content_of(directory: Path) -> bytes:
    return b"".join(part.read_bytes() for part in sorted(directory.glob("part-*")))


def test_flights_are_what_this_machine_makes_of_them(
    servers: Servers, full_flights: Path, tmp_path: Path
) -> None:
    known: dict[str, Any] = {"nulls": ["NA"]}
    local = streamx.transform(full_flights, tmp_path / "local.jsonl", **known)
    report = streamx.transform(
        full_flights,
        tmp_path / "out",
        engine="dask",
        client=servers.client,
        split_size_bytes=3_000_000,
        **known,
    )
    assert content_of(tmp_path / "out") == (tmp_path / "local.jsonl").read_bytes()
    assert report.records_out == local.records_out == 336_776
    assert servers.client.status == "running"


@pytest.mark.parametrize("split_bytes", [999, 100_000])
def test_quoted_line_feeds_at_the_ends_of_splits_are_data(
    servers: Servers, numbers: Path, tmp_path: Path, split_bytes: int
) -> None:
    known: dict[str, Any] = {"operations": [lambda record: {**record, "n": -record["n"]}]}
    streamx.transform(numbers, tmp_path / "local.csv", **known)
    streamx.transform(
        numbers,
        tmp_path / "joined.csv",
        engine="dask",
        client=servers.client,
        split_size_bytes=split_bytes,
        concat=True,
        **known,
    )
    assert (tmp_path / "joined.csv").read_bytes() == (tmp_path / "local.csv").read_bytes()
    assert not (tmp_path / "joined.csv.parts").exists()


def test_what_a_worker_raises_deep_in_a_split_is_what_this_machine_raises(
    servers: Servers, numbers: Path, tmp_path: Path
) -> None:
    known: dict[str, Any] = {"operations": [streamx.Apply(f"{numbers.parent}/f.py:die")]}
    with pytest.raises(WorkerDiedError) as local:
        streamx.transform(numbers, tmp_path / "local.jsonl", **known)
    with pytest.raises(WorkerDiedError) as found:
        streamx.transform(numbers, tmp_path / "out", engine="dask", client=servers.client, **known)
    assert str(found.value) == str(local.value)


def test_a_worker_that_joins_with_another_version_is_refused_before_it_reads_its_call(
    servers: Servers, numbers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def become(version: str) -> None:  # goes as code, since it is in no module of the workers
        import streamx

        streamx.__version__ = version

    def check_and_become_another(client: Any) -> None:
        check(client)
        client.run(become, "0.0.1")

    check = dask_opening._check_versions
    monkeypatch.setattr(dask_opening, "_check_versions", check_and_become_another)
    try:
        with pytest.raises(
            streamx.ClusterError, match=r"the worker on .* has streamx 0\.0\.1, and the run"
        ):
            streamx.transform(numbers, tmp_path / "out", engine="dask", client=servers.client)
    finally:
        servers.client.run(become, streamx.__version__)


def command(numbers: Path, *arguments: object, ends: tuple[str, str] | None = None) -> list[str]:
    return [
        *STREAMX, "transform", *(ends or (str(numbers), "out")), "--engine", "dask",
        "--split-size", "5000", "--fn", f"{numbers.parent}/f.py:slow", "--on-error", "reject",
        *map(str, arguments),
    ]  # fmt: skip


def test_killed_workers_lose_and_duplicate_nothing(
    servers: Servers, numbers: Path, tmp_path: Path
) -> None:
    running = Popen(command(numbers, "--scheduler", servers.file), cwd=tmp_path, stderr=PIPE)
    parts = tmp_path / "out"
    for count in (1, 3):
        wait_until(lambda: len(list(parts.glob("part-*"))) >= count or running.poll() is not None)  # noqa: B023  # it is called at once
        pids = sorted(servers.client.run(os.getpid, on_error="ignore").values())
        os.kill(random.choice(pids), signal.SIGKILL)
    _, errors = running.communicate(timeout=TIMEOUT_SECONDS)
    assert running.returncode == 3, errors.decode()
    assert b"1 bad record left out: 1 transform (ValueError), first in line 154" in errors
    assert content_of(parts) == slow_output(numbers)
    rejects = (numbers.parent / "slow.jsonl.rejects.jsonl").read_bytes()
    assert (tmp_path / "out.rejects.jsonl").read_bytes() == rejects


def test_ctrl_c_leaves_whole_parts_which_another_run_resumes(
    servers: Servers, s3_server: S3Server, numbers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3 = s3_server

    def parts() -> list[str]:
        return sorted(key for key in s3.keys if key.startswith("out/part-"))

    for name, value in environment(s3.url).items():
        monkeypatch.setenv(name, value)
    source, output = s3.put("in/numbers.csv", numbers.read_bytes()), "s3://bucket/out"
    options = "--scheduler", servers.file, "--split-size", 4000
    running = Popen(command(numbers, *options, ends=(source, output)))
    wait_until(lambda: parts() or running.poll() is not None)
    running.send_signal(signal.SIGINT)
    assert running.wait(TIMEOUT_SECONDS) == -signal.SIGINT  # for which a shell says 130
    finished = {part: s3.get(part) for part in parts()}
    assert "out/_SUCCESS" not in s3.keys
    report = streamx.transform(
        source,
        output,
        engine="dask",
        client=servers.client,
        split_size_bytes=4000,
        operations=[streamx.Apply(f"{numbers.parent}/f.py:slow")],
        on_error="reject",
        resume=True,
    )
    assert report.exit_code == 3
    assert b"".join(map(s3.get, parts())) == slow_output(numbers)
    assert {part: s3.get(part) for part in finished} == finished
    rejects = (numbers.parent / "slow.jsonl.rejects.jsonl").read_bytes()
    assert s3.get("out.rejects.jsonl").count(b"\n") == rejects.count(b"\n") == 1


def test_a_lost_scheduler_ends_the_run_which_another_cluster_resumes(
    servers: Servers, numbers: Path, tmp_path: Path
) -> None:
    running = Popen(command(numbers, "--scheduler", servers.file), cwd=tmp_path, stderr=PIPE)
    parts = tmp_path / "out"
    wait_until(lambda: list(parts.glob("part-*")) or running.poll() is not None)
    servers.scheduler.kill()
    _, errors = running.communicate(timeout=TIMEOUT_SECONDS)
    assert running.returncode == 1
    assert b"was lost; --resume goes on with what is finished" in errors
    assert errors.count(b"\n") == 1
    assert not (parts / "_SUCCESS").exists()
    function = streamx.Apply(f"{numbers.parent}/f.py:slow")
    known: dict[str, Any] = {"operations": [function], "on_error": "reject", "resume": True}
    run_on_threads(numbers, parts, split_size_bytes=5000, **known)
    assert content_of(parts) == slow_output(numbers)


def test_a_scheduler_that_is_not_there_is_named(
    numbers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_opening, "CONNECT_SECONDS", 0.5)
    with pytest.raises(
        streamx.ClusterError, match=r"cannot reach the scheduler tcp://127\.0\.0\.1"
    ):
        streamx.transform(numbers, tmp_path / "out", engine="dask", scheduler="tcp://127.0.0.1:9")


def test_a_cluster_whose_workers_have_all_left_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dask, "JOIN_SECONDS", 0.5)
    with (
        distributed.LocalCluster(
            n_workers=1, processes=False, dashboard_address="127.0.0.1:0"
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        left = dask.DaskCluster(client, [])
        assert asyncio.run(left.call(abs, -1, is_urgent=True)) == 1
        cluster.scale(0)
        wait_until(lambda: not client.nthreads())
        with pytest.raises(streamx.ClusterError, match="no worker is left at the scheduler"):
            asyncio.run(asyncio.wait_for(left.call(abs, -1, is_urgent=True), 20))


def test_a_result_that_is_lost_with_its_worker_is_made_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with (
        distributed.LocalCluster(
            n_workers=1, processes=False, dashboard_address="127.0.0.1:0"
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        calls = dask.DaskCluster(client, [])
        result_of = calls._result_of

        def lose_it_first(future: Any) -> Any:
            cluster.scale(0)
            wait_until(lambda: future.status == "lost")
            cluster.scale(1)
            return result_of(future)

        monkeypatch.setattr(calls, "_result_of", lose_it_first)
        assert asyncio.run(calls.call(abs, -1, is_urgent=True)) == 1


def test_a_client_that_is_none_or_closed_is_refused(numbers: Path, tmp_path: Path) -> None:
    closed = distributed.Client(processes=False, dashboard_address="127.0.0.1:0")
    closed.close()
    for client, said in ((closed, "client is closed"), ("tcp://x:1", "client is 'tcp://x:1'")):
        with pytest.raises(streamx.UsageError, match=said):
            streamx.transform(numbers, tmp_path / "out", engine="dask", client=client)


@pytest.mark.parametrize("content", ["{", "{}", "[]"])
def test_a_file_that_is_not_a_schedulers_is_named(
    numbers: Path, tmp_path: Path, content: str
) -> None:
    (tmp_path / "scheduler.json").write_text(content)
    with pytest.raises(
        streamx.ClusterError, match=r"cannot reach the scheduler .*/scheduler\.json"
    ):
        streamx.transform(
            numbers, tmp_path / "out", engine="dask", scheduler=tmp_path / "scheduler.json"
        )
