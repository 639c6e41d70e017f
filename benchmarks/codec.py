"""Measures the codec by itself: one thread, chunks in memory, megabytes per CPU second.

Call it with `python -m benchmarks.codec`. It counts the seconds that its thread ran, so that others
on the machine disturb it little.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import click

from benchmarks.inputs import DEFAULT_DIRECTORY, FLIGHTS_COLUMNS, Inputs
from streamx.chunk import Chunk
from streamx.codec import CODEC_NAME, last_boundary
from streamx.codec.layout import CsvFormat, JsonlFormat
from streamx.read.chunker import Chunker
from streamx.transform.operations import Select
from streamx.transform.plan import AnyPlan, Recipe
from streamx.transform.resolve import resolve

NULLS = frozenset({b"NA"})


@dataclass(frozen=True, slots=True)
class Direction:
    """What is converted to what."""

    input: str
    recipe: Recipe


DIRECTIONS = {
    "flights CSV to JSONL": Direction(
        "flights.csv", Recipe(CsvFormat(), JsonlFormat(), nulls=NULLS)
    ),
    "text CSV to JSONL": Direction("text.csv", Recipe(CsvFormat(), JsonlFormat())),
    "flights JSONL to CSV": Direction("flights.jsonl", Recipe(JsonlFormat(), CsvFormat())),
    "flights CSV to CSV, 5 columns": Direction(
        "flights.csv", Recipe(CsvFormat(), CsvFormat(), operations=(Select(FLIGHTS_COLUMNS),))
    ),
    "text CSV to CSV": Direction("text.csv", Recipe(CsvFormat(), CsvFormat())),
    "flights JSONL to JSONL, 5 columns": Direction(
        "flights.jsonl", Recipe(JsonlFormat(), JsonlFormat(), operations=(Select(FLIGHTS_COLUMNS),))
    ),
}


@dataclass(frozen=True, slots=True)
class Job:
    """A direction made ready: its plan, and its input as chunks."""

    plan: AnyPlan
    chunks: tuple[Chunk, ...]

    @property
    def megabytes(self) -> float:
        return sum(len(chunk.data) for chunk in self.chunks) / 1e6

    def convert(self) -> None:
        """Convert all chunks and forget the output."""
        with self.plan.opened() as runner:
            for chunk in self.chunks:
                for _ in runner.run(chunk):
                    pass


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
@click.option("--chunk-kib", type=click.IntRange(1), default=256, show_default=True)
@click.option("--only", metavar="TEXT", default="", help="Directions with this in their name.")
@click.option("--scale", type=float, default=1.0, show_default=True, help="1 is 31 MB of CSV.")
@click.option("--directory", type=click.Path(path_type=Path), default=DEFAULT_DIRECTORY)
def main(rounds: int, chunk_kib: int, only: str, scale: float, directory: Path) -> None:
    """Print how fast streamx.codec converts, per direction."""
    inputs = _read(Inputs(directory, scale))
    click.echo(f"{CODEC_NAME} codec, chunks of {chunk_kib} KiB, median of {rounds} rounds\n")
    click.echo("| direction | input, MB | MB/s |\n|---|---:|---:|")
    for name, direction in DIRECTIONS.items():
        if only in name:
            job = _ready(direction.recipe, inputs[direction.input], chunk_kib * 1024)
            rate = job.megabytes / _median_seconds(job.convert, rounds)
            click.echo(f"| {name} | {job.megabytes:.0f} | {rate:.1f} |")


def _read(inputs: Inputs) -> dict[str, bytes]:
    flights = inputs.flights_csv(1).path.read_bytes()
    job = _ready(DIRECTIONS["flights CSV to JSONL"].recipe, flights, 1 << 20)
    with job.plan.opened() as runner:
        lines = b"".join(part for chunk in job.chunks for part in runner.run(chunk))
    text = inputs.text_csv(0.045).path.read_bytes()
    return {"flights.csv": flights, "flights.jsonl": lines, "text.csv": text}


def _ready(recipe: Recipe, data: bytes, chunk_size_bytes: int) -> Job:
    resolution = resolve(recipe, data, "end", "input")
    assert resolution is not None, "the whole input is always enough to decide"

    def find(block: memoryview) -> int:
        return last_boundary(block, recipe.source)

    chunker = Chunker(find, chunk_size_bytes, recipe.max_record_bytes)
    chunks = []
    for start in range(resolution.start, len(data), chunk_size_bytes):
        chunker.feed(data[start : start + chunk_size_bytes])
        chunks.append(chunker.cut())
    chunks.append(chunker.finish())
    return Job(resolution.plan, tuple(chunk for chunk in chunks if chunk is not None))


def _median_seconds(work: Callable[[], None], rounds: int) -> float:
    def timed() -> float:
        start = time.thread_time()
        work()
        return time.thread_time() - start

    timed()
    return median(timed() for _ in range(rounds))


if __name__ == "__main__":
    main()
