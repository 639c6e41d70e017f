"""Soaks streamx: many gigabytes through a pipe, bad records among them, to a reader that pauses.

Ends with status 1 unless every record is accounted for and memory stays where it was.

    python -m benchmarks.soak                     20 GB, a few minutes
    python -m benchmarks.soak --gigabytes 1 --seed 4
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import click
import orjson

_MIB = 1024 * 1024
_HEADER = b"id,day,carrier,flight,remark,delay,price\n"
# One record in a hundred is one of these: too few cells, too many, no UTF-8, no integer.
_BAD = (
    b"7,2013-01-01,UA\n",
    b"7,2013-01-01,UA,1,a,b,2,3,4,5\n",
    b"7,x,\xff,1,a,2,3\n",
    b"7,2013-01-01,UA,1,a,late,1.50\n",
)
_BAD_SHARE = 0.01
_BLOCKS = 16
# How much more may be in memory after the first quarter than in it.
_MOST_GROWTH_BYTES = 8 * _MIB
_READ_BYTES = _MIB
_PAUSE_SHARE = 0.02
_LONGEST_PAUSE_SECONDS = 0.1
_BAD_RECORDS_STATUS = 3


@dataclass(frozen=True, slots=True)
class Block:
    """Whole records, and how many of them are bad."""

    data: bytes
    records: int
    bad: int


def block(chance: random.Random) -> Block:
    """Make about 1 MiB of records."""
    lines: list[bytes] = []
    size_bytes = bad = 0
    while size_bytes < _MIB:
        if chance.random() < _BAD_SHARE:
            bad += 1
            lines.append(chance.choice(_BAD))
        else:
            remark = b'"said ""yes"",\nand left"' if chance.random() < _BAD_SHARE else b"on time"
            delay = chance.randrange(-60, 900)
            lines.append(b"%d,2013-01-01,UA,1545,%b,%d,1.50\n" % (len(lines), remark, delay))
        size_bytes += len(lines[-1])
    return Block(b"".join(lines), len(lines), bad)


class Feeder(threading.Thread):
    """Writes blocks into a pipe until so many bytes have gone, as fast as they are taken."""

    def __init__(self, pipe: IO[bytes], blocks: list[Block], total_bytes: int, seed: int) -> None:
        super().__init__(daemon=True)
        self.sent_bytes = self.records = self.bad = 0
        self.waited_seconds = 0.0
        self._pipe = pipe
        self._blocks = blocks
        self._total_bytes = total_bytes
        self._chance = random.Random(seed)

    def run(self) -> None:
        """Write, and count."""
        with self._pipe as pipe:
            pipe.write(_HEADER)
            while self.sent_bytes < self._total_bytes:
                chosen = self._chance.choice(self._blocks)
                started = time.monotonic()
                pipe.write(chosen.data)
                self.waited_seconds += time.monotonic() - started
                self.sent_bytes += len(chosen.data)
                self.records += chosen.records
                self.bad += chosen.bad


class MemoryWatch(threading.Thread):
    """Notes the memory of a process, with how many bytes had been fed to it."""

    def __init__(self, pid: int, feeder: Feeder) -> None:
        super().__init__(daemon=True)
        self.samples: list[tuple[int, int]] = []
        self._status = Path(f"/proc/{pid}/status")
        self._feeder = feeder
        self._is_over = threading.Event()

    def run(self) -> None:
        """Look ten times a second until `end`."""
        while not self._is_over.wait(0.1):
            words = self._status.read_text().partition("VmRSS:")[2].split()
            if words:
                self.samples.append((self._feeder.sent_bytes, int(words[0]) * 1024))

    def end(self) -> None:
        """Stop looking."""
        self._is_over.set()
        self.join()

    def peaks_bytes(self, parts: int) -> list[int]:
        """Return the most that was in memory in each part of the input."""
        total = self.samples[-1][0] + 1
        peaks = [0] * parts
        for sent_bytes, memory_bytes in self.samples:
            part = parts * sent_bytes // total
            peaks[part] = max(peaks[part], memory_bytes)
        return peaks


def read_slowly(pipe: IO[bytes], seed: int) -> int:
    """Read to the end, with pauses that nobody expects; return how many lines there were."""
    chance, lines = random.Random(seed), 0
    while data := pipe.read(_READ_BYTES):
        lines += data.count(b"\n")
        if chance.random() < _PAUSE_SHARE:
            time.sleep(chance.uniform(0, _LONGEST_PAUSE_SECONDS))
    return lines


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--gigabytes", type=float, default=20.0, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
def main(gigabytes: float, seed: int) -> None:
    """Feed, read slowly, and say what came of it."""
    chance = random.Random(seed)
    blocks = [block(chance) for _ in range(_BLOCKS)]
    with tempfile.TemporaryDirectory() as directory:
        rejects, summary = Path(directory, "rejects.jsonl"), Path(directory, "summary.json")
        options = f"--from csv --to jsonl --type delay=integer --strict-types --rejects {rejects}"
        command = ["streamx", "transform", "-", "-", *options.split(), "--on-error", "reject"]
        process = subprocess.Popen(
            [sys.executable, "-m", *command, "--summary", str(summary), "--quiet"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        started = time.monotonic()
        feeder = Feeder(process.stdin, blocks, int(gigabytes * 1e9), seed)
        feeder.start()
        memory = MemoryWatch(process.pid, feeder)
        memory.start()
        lines = read_slowly(process.stdout, seed)
        memory.end()
        status = process.wait()
        seconds = time.monotonic() - started
        with rejects.open("rb") as file:
            rejected = sum(data.count(b"\n") for data in iter(lambda: file.read(_MIB), b""))
        said = orjson.loads(summary.read_bytes())
    tell(feeder, seconds, memory.peaks_bytes(4))
    found = (said["records_in"], said["records_out"], said["records_rejected"], lines, rejected)
    good = feeder.records - feeder.bad
    expected = (feeder.records, good, feeder.bad, good, feeder.bad)
    click.echo(f"records in, out and rejected; lines of output and of rejects: {found}")
    click.echo(f"expected:                                                     {expected}")
    first, *others = memory.peaks_bytes(4)
    is_flat = max(others) <= first + _MOST_GROWTH_BYTES
    is_exact = found == expected and status == _BAD_RECORDS_STATUS
    click.echo(
        f"exit status {status}; {'exact' if is_exact else 'NOT EXACT'}, memory "
        f"{'flat' if is_flat else 'NOT FLAT'}"
    )
    sys.exit(not (is_exact and is_flat))


def tell(feeder: Feeder, seconds: float, peaks_bytes: list[int]) -> None:
    """Print figures."""
    rate = feeder.sent_bytes / 1e6 / seconds
    click.echo(
        f"{feeder.sent_bytes / 1e9:.1f} GB in {seconds:.0f} s ({rate:.0f} MB/s), of which whoever "
        f"fed it waited {feeder.waited_seconds:.0f} s"
    )
    peaks = ", ".join(f"{peak / _MIB:.1f}" for peak in peaks_bytes)
    click.echo(f"most memory in each quarter, MiB: {peaks}")


if __name__ == "__main__":
    main()
