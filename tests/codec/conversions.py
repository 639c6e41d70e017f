"""Runs the codec the way a whole run does, without threads: what the tests of records share."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import TypeVar

from streamx.chunk import Chunk, ChunkResult, Failure, Notice, Place
from streamx.codec import convert, last_boundary
from streamx.codec.layout import (
    Column,
    ColumnType,
    CsvFormat,
    Format,
    JsonlFormat,
    Layout,
    Pick,
    Tally,
)
from streamx.read.chunker import Chunker
from streamx.transform.plan import Plan, Recipe
from streamx.transform.resolve import resolve

CSV = CsvFormat()
TSV = CsvFormat(b"\t")
JSONL = JsonlFormat()

T = TypeVar("T")


def drain(parts: Generator[bytes, None, T]) -> tuple[bytes, T]:
    """Return all parts joined, and what the generator returned."""
    output = b""
    while True:
        try:
            output += next(parts)
        except StopIteration as stop:
            return output, stop.value


def layout_of(
    source: Format, target: Format, names: Sequence[str], *types: ColumnType, **options: object
) -> Layout:
    """Return the layout that keeps columns as they are; types that are not given are strings."""
    columns = tuple(
        Column(name, type)
        for name, type in zip(names, chain(types, repeat(ColumnType.STRING)), strict=False)
    )
    picks = tuple(Pick(index, name) for index, name in enumerate(names))
    return Layout(source, target, columns, picks, **options)  # type: ignore[arg-type]


def converted(data: bytes, layout: Layout, limit: int | None = None) -> tuple[bytes, Tally]:
    """Convert the whole data in one call."""
    return drain(convert(data, layout, limit))


@dataclass
class Outcome:
    """What a run amounted to; `line_of` and `offset_of` are those of the failure."""

    output: bytes = b""
    records_in: int = 0
    records_out: int = 0
    blank_lines: int = 0
    misfits: dict[str, Notice] = field(default_factory=dict)
    dropped_values: int = 0
    dropped_keys: dict[str, Place] = field(default_factory=dict)
    failure: Failure | None = None

    def add(self, output: bytes, result: ChunkResult) -> None:
        self.output += output
        self.records_in += result.records_in
        self.records_out += result.records_out
        self.blank_lines += result.blank_lines
        self.failure = result.failure
        for name, notice in result.misfits.items():
            known = self.misfits.get(name)
            self.misfits[name] = notice if known is None else known + notice
        self.dropped_values += result.dropped_values
        self.dropped_keys = {**result.dropped_keys, **self.dropped_keys}

    @property
    def failed_at(self) -> tuple[int, int, str] | None:
        """Line, offset and kind of the failure; the text it quotes is left out."""
        if self.failure is None:
            return None
        place = self.failure.place
        return place.line, place.offset, self.failure.found.partition(":")[0]

    @property
    def facts(self) -> tuple[object, ...]:
        """What may not depend on how the input was cut; blank lines have tests of their own."""
        return (
            *(self.output, self.records_in, self.records_out),
            *(self.misfits, self.dropped_values, self.dropped_keys, self.failed_at),
        )


def blocks_of(data: bytes, size_bytes: int) -> list[bytes]:
    """Cut data into blocks of one size."""
    return [data[at : at + size_bytes] for at in range(0, len(data), size_bytes)]


def chunks_of(chunker: Chunker, blocks: Iterable[bytes], *, eager: bool = False) -> Iterator[Chunk]:
    """Drive a chunker as the reader does; `eager` asks for a chunk after every block.

    A block that fits is put where it belongs, as a read does; a larger one is fed, as a head is.
    """
    remaining = iter(blocks)
    while not chunker.is_finished:
        if chunker.wanted_bytes == 0:
            chunk = chunker.cut()
        elif (block := next(remaining, None)) is None:
            chunk = chunker.finish()
        else:
            if len(block) <= chunker.wanted_bytes:
                chunker.room()[: len(block)] = block
                chunker.fill(len(block))
            else:
                chunker.feed(block)
            chunk = chunker.cut() if eager else None
        if chunk is not None:
            yield chunk


def boundary_finder(format: Format) -> Callable[[memoryview], int]:
    return lambda data: last_boundary(data, format)


def run_plan(plan: Plan, chunks: Iterable[Chunk]) -> Outcome:
    """Run a plan over chunks in order, up to its limit or the first failure."""
    outcome = Outcome()
    for chunk in chunks:
        limits = tuple(limit - outcome.records_in for limit in plan.limits)
        outcome.add(*drain(plan.run(chunk, limits)))
        if outcome.failure is not None or outcome.records_in in plan.limits:
            break
    return outcome


def run_cut(
    layout: Layout, blocks: Sequence[bytes], chunk_size_bytes: int, limit: int | None = None
) -> Outcome:
    """Convert blocks by way of chunks of the given size."""
    find = boundary_finder(layout.source)
    chunker = Chunker(find, chunk_size_bytes, layout.max_record_bytes)
    limits = () if limit is None else (limit,)
    return run_plan(Plan(layout, b"", limits), chunks_of(chunker, blocks))


def run_recipe(recipe: Recipe, data: bytes, chunk_size_bytes: int = 1 << 20) -> Outcome:
    """Resolve a recipe against the whole input and run it; the output starts with the header."""
    resolution = resolve(recipe, data, "end", "in")
    assert resolution is not None, "the whole input is always enough to decide"
    chunker = Chunker(
        boundary_finder(recipe.source),
        chunk_size_bytes,
        recipe.max_record_bytes,
        offset=resolution.start,
        line=resolution.line,
    )
    blocks = [data[resolution.start :]] if data[resolution.start :] else []
    outcome = run_plan(resolution.plan, chunks_of(chunker, blocks))
    outcome.output = resolution.plan.header + outcome.output
    return outcome


def json_lines(*lines: str) -> bytes:
    """Return lines, each with a line feed behind it, as UTF-8."""
    return "".join(line + "\n" for line in lines).encode()
