"""Compares a Python function on a cluster that is up with the same on this machine alone.

python -m benchmarks.cluster_overhead FILE.csv

One worker and two, each with a processor of its own, against as many worker processes of a local
run on as many processors. Rounds are made in turn, so that what else the machine does falls on all
of them; where that is much, the processor time of all processes says more.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import click
import psutil  # comes with distributed
from distributed import Client, LocalCluster

import streamx

_FUNCTION = """
def add(r):
    r["x"] = r["flight"]
    return r
"""
_MIB = 1024 * 1024
_PROCESSORS = sorted(os.sched_getaffinity(0))


@contextmanager
def _workers(count: int) -> Iterator[Any]:
    """Start so many workers and give a client of theirs."""
    with (
        LocalCluster(  # type: ignore[no-untyped-call]  # distributed has no types
            n_workers=count,
            threads_per_worker=1,
            memory_limit=0,
            dashboard_address="127.0.0.1:0",
        ) as cluster,
        Client(cluster, set_as_default=False) as client,  # type: ignore[no-untyped-call]
    ):
        for worker, processor in zip(client.nthreads(), _PROCESSORS, strict=False):
            client.run(_stay_on, {processor}, workers=[worker])
        yield client


def _stay_on(processors: set[int]) -> None:
    """Keep all threads of this process, and what they start, on some processors."""
    for thread in os.listdir("/proc/self/task"):
        os.sched_setaffinity(int(thread), processors)


class _Took(NamedTuple):
    """What a run took, in seconds."""

    seconds: float
    cpu_seconds: float


def _timed(source: Path, output: Path, **options: Any) -> _Took:
    """Run and return how long it took."""
    started, cpu_before = time.monotonic(), _cpu_seconds()
    streamx.transform(source, output, **options)
    took = _Took(time.monotonic() - started, _cpu_seconds() - cpu_before)
    if output.is_dir():
        shutil.rmtree(output)
    else:
        output.unlink()
    return took


def _cpu_seconds() -> float:
    """Return the processor time of this process and all below it, those that have ended too."""
    this = psutil.Process()
    return sum(sum(each.cpu_times()[:4]) for each in (this, *this.children(recursive=True)))


@click.command()
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@click.option("--split-size", "split_mib", type=click.IntRange(1), default=64, show_default=True)
def main(source: Path, rounds: int, split_mib: int) -> None:
    """Print seconds of each round, and the ratios of the medians."""
    with tempfile.TemporaryDirectory(dir=source.parent) as name, ExitStack() as stack:
        directory = Path(name)
        (directory / "f.py").write_text(_FUNCTION)
        known: dict[str, Any] = {
            "operations": [streamx.Apply(f"{directory}/f.py:add")], "nulls": ["NA"],
        }  # fmt: skip

        def local(count: int) -> Callable[[], _Took]:
            def run() -> _Took:
                _stay_on(set(_PROCESSORS[:count]))
                try:
                    return _timed(source, directory / "out.jsonl", workers=count, **known)
                finally:
                    _stay_on(set(_PROCESSORS))

            return run

        def on_cluster(count: int) -> Callable[[], _Took]:
            client = stack.enter_context(_workers(count))
            on_dask: dict[str, Any] = {"engine": "dask", "client": client}
            on_dask["split_size_bytes"] = split_mib * _MIB
            return lambda: _timed(source, directory / "out", **on_dask, **known)

        runs = {
            "local -j 1": local(1),
            "one worker": on_cluster(1),
            "local -j 2": local(2),
            "two workers": on_cluster(2),
        }
        took: dict[str, list[_Took]] = {name: [] for name in runs}
        for _ in range(rounds):
            for name, run in runs.items():
                took[name].append(run())
        load = os.getloadavg()[0]
    medians = {name: _Took(*map(median, zip(*each, strict=True))) for name, each in took.items()}
    for name, each in took.items():
        shown = "  ".join(f"{run.seconds:.1f}" for run in each)
        seconds, cpu_seconds = medians[name]
        click.echo(f"{name:12} {seconds:6.1f} s ({shown}), {cpu_seconds:6.1f} s of CPU time")
    for count, cluster in ((1, "one worker"), (2, "two workers")):
        alone, whole = medians[f"local -j {count}"], medians[cluster]
        click.echo(
            f"{cluster}: {whole.seconds / alone.seconds:.2f} times the time of a local run, "
            f"{whole.cpu_seconds / alone.cpu_seconds:.2f} times its CPU time"
        )
    faster = medians["one worker"].seconds / medians["two workers"].seconds
    click.echo(f"two workers are {faster:.2f} times as fast as one (load average {load:.1f})")


if __name__ == "__main__":
    main()
