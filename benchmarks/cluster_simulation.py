"""Runs the coordinator of a cluster on splits that nobody reads.

python -m benchmarks.cluster_simulation

What is real: planning, credits, the order of results, the manifest, and the names of the parts,
which are empty files. What is not: the workers, and the clock, which jumps to the end of the next
call. So this measures what the coordinator itself takes, in time and memory, and says how long a
run would be whose scans and splits take as long as is assumed.
"""

from __future__ import annotations

import asyncio
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from streamx.chunk import ChunkResult
from streamx.cluster.bodies import Body
from streamx.cluster.calls import RetriedCalls
from streamx.cluster.coordinator import Coordinator
from streamx.cluster.folders import DiskFolder
from streamx.cluster.output import OutputFolder
from streamx.cluster.parts import Draft
from streamx.cluster.scan import RangeTask, scan_range
from streamx.cluster.split_run import SplitResult, SplitTask
from streamx.cluster.transition import Lane, Transition, states_of
from streamx.codec.layout import CsvFormat, JsonlFormat, Layout
from streamx.codec.states import State
from streamx.job import Job
from streamx.monitor.report import Totals
from streamx.read.files import InputFile
from streamx.testing import run_in_simulated_time
from streamx.transform.plan import Plan
from streamx.transform.resolve import Resolution

_SPLIT_BYTES = 64 * 1024 * 1024
_RECORDS = 600_000
# On average: of a range at 1 GB/s, of a split with a function in Python at 60 MB/s.
_SCAN_SECONDS = 0.07
_SPLIT_SECONDS = 1.1


class FakeCluster:
    """Has so many threads, each of which ends its call after a time, without doing anything.

    Attributes:
        most_calls: the most that were submitted at a time.
    """

    name = "simulation"

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.most_calls = 0
        self._calls = 0
        self._free = asyncio.Semaphore(threads)
        self._random = random.Random(threads)

    async def call(self, function: Callable[[Any], Any], argument: Any, *, is_urgent: bool) -> Any:
        self._calls += 1
        self.most_calls = max(self.most_calls, self._calls)
        is_scan = function is scan_range
        async with self._free:
            seconds = _SCAN_SECONDS if is_scan else _SPLIT_SECONDS
            await asyncio.sleep(self._random.uniform(0.5, 1.5) * seconds)
        self._calls -= 1
        return _transition(argument) if is_scan else _result(argument)

    async def close(self) -> None:
        pass


def _transition(task: RangeTask) -> Transition:
    lane = Lane(State.IN_CELL, 40, 1, _RECORDS, 1)
    return Transition(task.size_bytes, _RECORDS, dict.fromkeys(states_of(task.format), lane))


def _result(task: SplitTask) -> SplitResult:
    path = task.output
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    result = ChunkResult(task.split.number, records_in=_RECORDS, records_out=_RECORDS)
    return SplitResult(result, Draft(path, 0, 0), None, 0.5)


@dataclass(frozen=True, slots=True)
class Measured:
    """What the coordinator took.

    Attributes:
        splits: how many were run.
        seconds: of processor time.
        simulated_seconds: how long the run would have been.
        most_calls, most_in_flight: at a time.
    """

    splits: int
    seconds: float
    simulated_seconds: float
    most_calls: int
    most_in_flight: int


def simulate(splits: int, threads: int, directory: Path) -> Measured:
    """Run so many splits on so many threads that are none."""
    format = CsvFormat()
    plan = Plan(Layout(format, JsonlFormat(), (), ()))
    file = InputFile("/data/in.csv", "in.csv", splits * _SPLIT_BYTES, "0")
    job = Job(input="in.csv", output="out.jsonl", workers=1)
    cluster = FakeCluster(threads)
    folder = DiskFolder(str(directory / "out"), is_durable=False)
    output = OutputFolder(folder, ".jsonl", splits, {})
    output.open(resumes=False)
    totals = Totals("in.csv", plan)
    coordinator = Coordinator(
        job,
        Resolution(plan, 0, 1),
        RetriedCalls(cluster, 3),
        output,
        totals,
        _SPLIT_BYTES,
        is_one_output=False,
    )

    async def bodies() -> AsyncIterator[Body]:
        yield Body(file, 0, 1, is_plain=True)

    async def timed() -> float:
        await coordinator.run(bodies())
        return asyncio.get_running_loop().time()

    started = time.process_time()
    simulated_seconds = run_in_simulated_time(timed())
    output.complete(totals.state())
    seconds = time.process_time() - started
    assert totals.records_in == splits * _RECORDS
    most = coordinator.credits.statistics().peak_fill
    return Measured(output.manifest.parts, seconds, simulated_seconds, cluster.most_calls, most)


@click.command()
@click.option("--splits", type=int, help="Only so many, in this process.")
@click.option("--threads", type=int, default=800, show_default=True, help="Of all workers.")
def main(splits: int | None, threads: int) -> None:
    """Print what some numbers of splits take, each in a process of its own."""
    if splits is None:
        for each in (100, 1_000, 10_000, 160_000):
            command = [sys.executable, "-m", "benchmarks.cluster_simulation"]
            subprocess.run([*command, f"--splits={each}", f"--threads={threads}"], check=True)
        return
    with tempfile.TemporaryDirectory() as directory:
        measured = simulate(splits, threads, Path(directory))
        peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    click.echo(
        f"{measured.splits:>7,} splits on {threads} threads: {measured.seconds:6.1f} s of CPU "
        f"time ({1e6 * measured.seconds / measured.splits:.0f} us each), {peak_mib:.0f} MiB at the "
        f"peak, {measured.most_calls:,} calls and {measured.most_in_flight:,} splits at a time; "
        f"a run of {measured.simulated_seconds:,.0f} s"
    )


if __name__ == "__main__":
    main()
