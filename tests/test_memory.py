"""A slow consumer makes the producer wait, and memory stays flat however long the stream."""

from __future__ import annotations

import json
import os
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import STREAMX

MIB = 1024 * 1024
RECORD = b"2013,1,1,517,UA,N14228,some text of no interest,1.50\n"
HEADER = b"year,month,day,time,carrier,tail,remark,price\n"
BLOCK = RECORD * (MIB // len(RECORD))


class Stream:
    """A run in a pipe: both ends are in the hands of the test."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [*STREAMX, "transform", *arguments, "--progress", "json"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.stdin = self.process.stdin.fileno()
        self.stdout = self.process.stdout.fileno()
        os.set_blocking(self.stdin, False)
        self.sent_bytes = 0
        self.received_bytes = 0
        self.position = 0
        self.feed(HEADER)

    def feed(self, data: bytes) -> int:
        """Write what the pipe takes and return how much that was."""
        try:
            written = os.write(self.stdin, data)
        except BlockingIOError:
            return 0
        self.sent_bytes += written
        return written

    def feed_until_stuck(self) -> None:
        """Write until the process takes nothing more for a second."""
        position = 0
        while select.select([], [self.stdin], [], 1)[1]:
            position = (position + self.feed(BLOCK[position:])) % len(BLOCK)
        self.position = position

    def feed_for(self, total_bytes: int) -> None:
        """Write so much more while nothing is read."""
        goal = self.sent_bytes + total_bytes
        while self.sent_bytes < goal:
            assert select.select([], [self.stdin], [], 60)[1], "the run waits for its reader"
            self.position = (self.position + self.feed(BLOCK[self.position :])) % len(BLOCK)

    def exchange(self, total_bytes: int) -> int:
        """Pass on `total_bytes` more, reading a little at a time; return the most in flight."""
        position, most = self.position, 0
        goal = self.sent_bytes + total_bytes
        while self.sent_bytes < goal:
            readable, writable, _ = select.select([self.stdout], [self.stdin], [], 60)
            assert readable or writable, "the run is stuck though its output is read"
            if readable:
                self.received_bytes += len(os.read(self.stdout, 64 * 1024))
            if writable:
                position = (position + self.feed(BLOCK[position:])) % len(BLOCK)
            most = max(most, self.sent_bytes - self.received_bytes)
        self.position = position
        return most

    def peak_memory_bytes(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024

    def finish(self, status: int = 0) -> dict[str, dict[str, float]]:
        """End the input, read the rest and return the last statistics of the buffers."""
        assert self.process.stdin is not None
        assert self.process.stderr is not None
        rest = BLOCK[self.position :]
        while rest:
            if select.select([], [self.stdin], [], 0)[1]:
                rest = rest[self.feed(rest) :]
            elif select.select([self.stdout], [], [], 60)[0]:
                self.received_bytes += len(os.read(self.stdout, MIB))
        self.process.stdin.close()
        while block := os.read(self.stdout, MIB):
            self.received_bytes += len(block)
        shown = [line for line in self.process.stderr.read().splitlines() if line[:1] == b"{"]
        buffers: dict[str, dict[str, float]] = json.loads(shown[-1])["buffers"]
        assert self.process.wait() == status
        return buffers


@contextmanager
def stream(*arguments: str) -> Iterator[Stream]:
    running = Stream(*arguments)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()
        for pipe in (running.process.stdin, running.process.stdout, running.process.stderr):
            assert pipe is not None
            pipe.close()


def test_a_consumer_that_reads_nothing_stops_the_reader_within_the_bounds() -> None:
    with stream("--from", "csv", "--to", "tsv", "-j", "2") as run:
        run.feed_until_stuck()
        # 10 credits of 1 MiB, 4 MiB of window, 4 MiB of output, one part more of each, the pipes.
        assert run.sent_bytes < 22 * MIB
        buffers = run.finish()
        for name in ("input buffer", "in flight"):
            assert buffers[name]["peak_fill"] <= buffers[name]["capacity"], name
            assert buffers[name]["peak_bytes"] <= buffers[name]["capacity_bytes"], name
        assert buffers["in flight"]["producer_wait_seconds"] > 0.5


@pytest.mark.parametrize(("target", "rest_bytes"), [("tsv", 180_000_000), ("jsonl", 30_000_000)])
def test_memory_is_flat_while_a_long_stream_passes_a_slow_consumer(
    target: str, rest_bytes: int
) -> None:
    with stream("--from", "csv", "--to", target, "-j", "2") as run:
        run.feed_until_stuck()
        run.exchange(20_000_000)
        early = run.peak_memory_bytes()
        run.exchange(rest_bytes)
        late = run.peak_memory_bytes()
        buffers = run.finish()
    assert late - early <= 4 * MIB
    assert late <= 64 * MIB
    for name in ("input buffer", "in flight"):
        assert buffers[name]["peak_fill"] <= buffers[name]["capacity"], name
    window, output = buffers["reorder window"], buffers["output buffer"]
    assert window["peak_bytes"] <= window["capacity_bytes"] + MIB
    assert output["peak_bytes"] <= output["capacity_bytes"] + MIB


@pytest.mark.parametrize("limit_mib", [56, 96])
def test_max_memory_is_kept_to(limit_mib: int) -> None:
    arguments = ("--from", "csv", "--to", "jsonl", "--max-memory", f"{limit_mib}M")
    with stream(*arguments) as run:
        run.feed_until_stuck()
        run.exchange(20_000_000)
        assert run.peak_memory_bytes() <= limit_mib * MIB
        run.finish()


@pytest.mark.parametrize("on_full", ["drop-oldest", "drop-newest"])
def test_memory_is_flat_while_a_fast_producer_is_dropped_for_a_consumer_that_reads_nothing(
    on_full: str,
) -> None:
    arguments = ("--from", "csv", "--to", "tsv", "-j", "2", "--on-full", on_full)
    with stream(*arguments, "--max-memory", "96M") as run:
        run.feed_for(30_000_000)
        early = run.peak_memory_bytes()
        run.feed_for(200_000_000)
        late = run.peak_memory_bytes()
        buffers = run.finish(status=3)
    assert late - early <= 4 * MIB
    assert late <= 96 * MIB
    waiting = buffers["input buffer"]
    assert waiting["dropped"] * MIB > 100_000_000
    assert waiting["peak_bytes"] <= waiting["capacity_bytes"]
