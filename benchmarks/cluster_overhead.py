"""Compares a Python function on a cluster that is up with the same on this machine alone.

python -m benchmarks.cluster_overhead FILE.csv

One worker and two, each a process with one thread, against as many worker processes of a local
run. Rounds are made in turn, so that what else the machine does falls on all of them.
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
from typing import Any

import click
from distributed import Client, LocalCluster

import streamx

_FUNCTION = """
def add(r):
    r["x"] = r["flight"]
    return r
"""
_MIB = 1024 * 1024


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
        yield client


def _timed(source: Path, output: Path, **options: Any) -> float:
    """Run and return how many seconds it took."""
    started = time.monotonic()
    streamx.transform(source, output, **options)
    seconds = time.monotonic() - started
    if output.is_dir():
        shutil.rmtree(output)
    else:
        output.unlink()
    return seconds


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

        def local(count: int) -> Callable[[], float]:
            return lambda: _timed(source, directory / "out.jsonl", workers=count, **known)

        def on_cluster(count: int) -> Callable[[], float]:
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
        seconds: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(rounds):
            for name, run in runs.items():
                seconds[name].append(run())
        load = os.getloadavg()[0]
    for name, each in seconds.items():
        shown = "  ".join(f"{value:6.1f}" for value in each)
        click.echo(f"{name:12} {median(each):6.1f} s   ({shown})")
    one, two = median(seconds["one worker"]), median(seconds["two workers"])
    click.echo(
        f"one worker takes {one / median(seconds['local -j 1']):.2f} times a local run, two "
        f"{two / median(seconds['local -j 2']):.2f}; two are {one / two:.2f} times as fast as one "
        f"(load average {load:.1f})"
    )


if __name__ == "__main__":
    main()
