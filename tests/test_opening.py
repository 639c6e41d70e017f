"""A run that is cancelled, at whatever moment, takes everything back that it opened."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

import pytest
from threads_of_runs import threads_of_runs

import streamx
from streamx.job_options import JobOptions

# Turns of the event loop before the cancellation: each of the first, and some of the later ones.
MOMENTS = [*range(61), *range(70, 400, 30)]


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def cancel_after(turns: int, source: Path, output: Path, options: JobOptions) -> bool:
    """Cancel a run after so many turns; tell whether that ended it."""
    running = asyncio.ensure_future(streamx.transform_async(source, output, **options))
    for _ in range(turns):
        await asyncio.sleep(0)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    return running.cancelled()


@pytest.mark.parametrize("name", ["in.csv", "pipe.csv"])
@pytest.mark.parametrize("output_name", ["out.jsonl", "out.jsonl.gz"])
def test_cancelling_at_any_moment_leaves_no_file_thread_or_descriptor(
    tmp_path: Path, name: str, output_name: str
) -> None:
    source, output = tmp_path / name, tmp_path / output_name
    if name == "pipe.csv":
        os.mkfifo(source)
    else:
        source.write_bytes(b"a,b\n" + b'1,"x"\n' * 5_000)
    output.write_bytes(b"old\n")
    options: JobOptions = {"workers": 2, "chunk_size_bytes": 1_000, "buffer_chunks": 1}
    files, descriptors = sorted(os.listdir(tmp_path)), open_descriptors()
    cancelled = 0
    for turns in MOMENTS:
        was_cancelled = asyncio.run(cancel_after(turns, source, output, options))
        cancelled += was_cancelled
        where = f"cancelled after {turns} turns"
        assert sorted(os.listdir(tmp_path)) == files, where
        assert threads_of_runs() == [], where
        assert open_descriptors() == descriptors, where
        if was_cancelled:
            assert output.read_bytes() == b"old\n", where
        else:
            output.write_bytes(b"old\n")
    assert cancelled > 60


def test_cancelling_while_an_output_fifo_has_no_reader_leaves_nothing_open(tmp_path: Path) -> None:
    source, output = tmp_path / "in.csv", tmp_path / "out.jsonl"
    source.write_bytes(b"a\n1\n")
    os.mkfifo(output)
    descriptors = open_descriptors()
    for turns in range(10):
        assert asyncio.run(cancel_after(turns, source, output, {}))
        assert (threads_of_runs(), open_descriptors()) == ([], descriptors)


@pytest.mark.parametrize("output_name", ["out.jsonl", "no/such/out.jsonl", "taken.jsonl"])
def test_run_that_cannot_start_leaves_nothing_open(tmp_path: Path, output_name: str) -> None:
    (tmp_path / "taken.jsonl").mkdir()
    source = tmp_path / "in.csv"
    if output_name != "out.jsonl":
        source.write_bytes(b"a\n1\n")
    descriptors = open_descriptors()
    with pytest.raises(streamx.StreamxError):
        streamx.transform(source, tmp_path / output_name)
    assert (threads_of_runs(), open_descriptors()) == ([], descriptors)
    assert not list(tmp_path.glob(".*"))
