"""Writes first inputs for the fuzzer into a directory, from the sample data and golden cases."""

import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
CSV_TO_JSONL, JSONL_TO_JSONL, CSV_TO_CSV, JSONL_TO_CSV = range(4)
WITH_PROGRAM = 1 << 4
DIRECTIONS = {
    ".csv": (CSV_TO_JSONL, CSV_TO_CSV, CSV_TO_JSONL | WITH_PROGRAM),
    ".tsv": (CSV_TO_JSONL, CSV_TO_CSV),
    ".jsonl": (JSONL_TO_JSONL, JSONL_TO_CSV, JSONL_TO_JSONL | WITH_PROGRAM),
}
MOST_BYTES = 600
ALL_TYPES = 0b11100100
NAMES_OF_SAMPLE = 6 << 4


def header(kind: int, delimiter: int, columns: int, shape: int) -> bytes:
    """Return the first bytes of an input, as target.h numbers them."""
    count = columns - 1 if columns <= 8 else 127 + columns
    formats = [kind, delimiter, 0, count, ALL_TYPES, ALL_TYPES >> 1, 0, 0]
    return bytes([*formats, 0b10, 0, 0, 0, MOST_BYTES // 5, 0, 0, shape])


def pieces(data: bytes) -> Iterator[bytes]:
    """Cut out a few lines from the start and the middle."""
    lines = data.splitlines(keepends=True)
    for start in {0, len(lines) // 2}:
        yield b"".join(lines[start : start + 4])[:MOST_BYTES]


def inputs() -> Iterator[bytes]:
    """Make inputs of all files, each in the directions that its format has."""
    for path in [*ROOT.glob("sample_data/*"), *ROOT.glob("tests/cases/*/*/*")]:
        is_sample = path.parent.name == "sample_data"
        delimiter = b"\t" if path.suffix == ".tsv" else b","
        data = path.read_bytes() if path.suffix in DIRECTIONS else b""
        for kind in DIRECTIONS.get(path.suffix, ()):
            is_csv = kind & 1 == 0
            columns = data.split(b"\n")[0].count(delimiter) + 1 if is_csv else 8
            shape = NAMES_OF_SAMPLE if is_sample else 0
            for piece in pieces(data):
                yield header(kind, delimiter == b"\t", min(columns, 100), shape) + piece


def main() -> None:
    """Write each input once, under a number."""
    directory = Path(sys.argv[1])
    for number, data in enumerate(sorted(set(inputs()))):
        (directory / f"seed-{number:04}").write_bytes(data)


main()
