"""Clusters for tests: one of threads in this process, and one of fakes in simulated time."""

from __future__ import annotations

import asyncio
import pickle
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from conftest import TIMEOUT_SECONDS

from streamx.accounts import accounts_of
from streamx.cluster.run import run_on
from streamx.job import job_of
from streamx.monitor.report import Report

A = TypeVar("A")
R = TypeVar("R")


class ThreadCluster:
    """Makes calls in threads; what goes in and comes out goes through pickle.

    Args:
        threads: how many calls to make at a time.
        before: called with each argument, where it may raise what a worker would.

    Attributes:
        calls: names of the functions that were called.
    """

    name = "threads"

    def __init__(self, threads: int = 2, before: Callable[[Any], None] = lambda _: None) -> None:
        self.threads = threads
        self.calls: list[str] = []
        self._before = before

    async def call(self, function: Callable[[A], R], argument: A, *, is_urgent: bool) -> R:
        self.calls.append(function.__name__)
        self._before(argument)
        sent = pickle.loads(pickle.dumps((function, argument)))
        result: R = pickle.loads(pickle.dumps(await asyncio.to_thread(sent[0], sent[1])))
        return result

    async def close(self) -> None:
        pass


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "what was waited for has not come"
        time.sleep(0.01)


def run_on_threads(
    input: Path | str | Sequence[Path],
    output: Path | str,
    cluster: ThreadCluster | None = None,
    **options: Any,
) -> Report:
    """Run a job as `streamx.transform(..., engine="dask")` does, on a cluster of threads."""
    job = job_of(input, output, options | {"engine": "dask"})
    with accounts_of(job, lambda _: None) as accounts:
        return asyncio.run(run_on(cluster or ThreadCluster(), job, accounts))
