"""Runs a job by splits, one after the other in this process, as workers of a cluster would."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from streamx.cluster.scan import RangeTask, scan_range
from streamx.cluster.split_run import SplitResult, SplitTask, run_split
from streamx.cluster.splits import Split, SplitPlanner
from streamx.ends import open_inlet
from streamx.job import Job, job_of
from streamx.pipeline import resolved
from streamx.read.files import input_files
from streamx.transform.resolve import Resolution


def resolution_of(job: Job) -> Resolution:
    async def resolve() -> Resolution:
        _, reader = await open_inlet(job, lambda _: None)
        try:
            return await resolved(job, reader, lambda _: None)
        finally:
            await reader.close()

    return asyncio.run(resolve())


def splits_of(job: Job, resolution: Resolution, split_bytes: int) -> Sequence[Split]:
    (file,), format = input_files(job.input), resolution.plan.layout.source
    planner = SplitPlanner(file, 0, offset=resolution.start, line=resolution.line)
    end = file.size_bytes
    splits = [
        planner.add(scan_range(RangeTask(file, at, min(split_bytes, end - at), format)))
        for at in range(resolution.start, end, split_bytes)
    ]
    return [split for split in (*splits, planner.end()) if split is not None]


def run_by_splits(
    input: Path, directory: Path, split_bytes: int, **options: Any
) -> list[SplitResult]:
    """Run all splits of an input and return their results; tasks go through pickle."""
    job = job_of(input, directory / "unused.jsonl", options | {"workers": 1})
    resolution = resolution_of(job)
    results = []
    for split in splits_of(job, resolution, split_bytes):
        rejects = str(directory / "rejects") if job.writes_rejects else None
        task = SplitTask(split, job, resolution.plan, None, str(directory / "part"), rejects)
        results.append(run_split(pickle.loads(pickle.dumps(task))))
    return results
