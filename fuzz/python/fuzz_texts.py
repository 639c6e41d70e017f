"""Feeds what atheris makes up to all that reads texts in Python; only our own errors may come out.

    pip install atheris==3.0.0
    python fuzz/python/fuzz_texts.py checkpoint|reject|expression|chunker CORPUS -max_total_time=60

CORPUS is a directory that holds first inputs (a checkpoint; lines of rejects, one in each file)
and gets those that are new. The options are those of libFuzzer; an input that it keeps as
`crash-...` is run again by naming the file. It is run by hand and is no part of the tests.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import atheris

with atheris.instrument_imports(include=["streamx"]):
    from streamx.chunk import Chunk
    from streamx.codec.layout import CsvFormat, Format, JsonlFormat
    from streamx.codec.reference import last_boundary
    from streamx.codec.reference.slices import scanner_of
    from streamx.errors import UsageError
    from streamx.monitor.report import Totals
    from streamx.read.chunker import Chunker
    from streamx.read.reject_lines import RejectError, read_reject
    from streamx.transform.expressions import ExpressionError, parse
    from streamx.write.checkpoint import Checkpoint

RECORDS: list[dict[str, Any]] = [
    {"a": 1, "b": -2.5, "s": "ab", "t": "2024-02-29T10:00:00Z", "n": None},
    {"a": 10**40, "b": 0, "s": "é\0𝄞", "t": "", "n": [1, {"x": "y"}]},
]


def checkpoint(data: bytes) -> None:
    """Read a file; one that is nearly right gets its digest, so that more of it is looked at."""
    with suppress(ValueError, TypeError, KeyError):
        Checkpoint.from_bytes(data)
    with suppress(ValueError, RecursionError):
        value = json.loads(data)
        if isinstance(value, dict):
            value.pop("sha256", None)
            digest = hashlib.sha256(json.dumps(value, indent=1).encode()).hexdigest()
            data = json.dumps(value | {"sha256": digest}).encode()
    with suppress(ValueError, TypeError, KeyError):
        read = Checkpoint.from_bytes(data)
        assert Checkpoint.from_bytes(read.to_bytes()) == read
        with suppress(LookupError, TypeError, ValueError, AttributeError):
            Totals().begin_with(read.committed.totals)


def reject(data: bytes) -> None:
    """Read a line of a rejects file."""
    with suppress(RejectError):
        read_reject(data)


def expression(data: bytes) -> None:
    """Compile an expression, and evaluate it for records of all kinds of values."""
    text = data.decode("utf-8", "surrogateescape")
    with suppress(UsageError):
        compiled = parse(text, "--set x")
        for record in RECORDS:
            with suppress(ExpressionError):
                compiled.evaluate(record)


def chunker(data: bytes) -> None:
    """Cut data in blocks of any sizes; the chunks must be those of one block."""
    if len(data) < 3:
        return
    shape, chunk_bytes, block_bytes = data[:3]
    formats = (CsvFormat(), JsonlFormat(), CsvFormat(b";", b"'"))
    format, text = formats[shape % len(formats)], data[3:]

    def cut(block_bytes: int, chunk_bytes: int) -> list[tuple[int, int, bytes]]:
        cutter = Chunker(lambda block: last_boundary(block, format), chunk_bytes, 10**6)
        chunks: list[Chunk | None] = []
        for start in range(0, len(text), block_bytes):
            cutter.feed(text[start : start + block_bytes])
            while not cutter.wanted_bytes:
                chunks.append(cutter.cut())
        chunks.append(cutter.finish())
        return [(each.offset, each.line, bytes(each.data)) for each in chunks if each is not None]

    whole = b"".join(data for _, _, data in cut(len(text) or 1, 10**6))
    cuts = cut(block_bytes + 1, chunk_bytes + 1)
    assert whole == text == b"".join(data for _, _, data in cuts)
    ends = {0, *record_ends(text, format)}
    for offset, line, _ in cuts:
        assert offset in ends
        assert line == text.count(b"\n", 0, offset) + 1


def record_ends(text: bytes, format: Format) -> Iterator[int]:
    """Yield where the records end, found one by one."""
    scanner, start = scanner_of(format), 0
    while start < len(text):
        start = scanner.next_boundary(text, start)
        yield start


TARGETS = {each.__name__: each for each in (checkpoint, reject, expression, chunker)}


def main() -> None:
    """Run the target that is named first."""
    target = TARGETS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
