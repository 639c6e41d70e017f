"""A worker process takes no more than 64 MiB beyond what the user's own module takes by itself."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from functions import TIMEOUT_SECONDS, transform, write

MOST_BYTES = 64 * 1024 * 1024

FUNCTIONS = """
    import json, os

    def peak_bytes():
        with open("/proc/self/status") as file:
            (line,) = (line for line in file if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024

    class Measured:
        def __enter__(self): ...
        def __exit__(self, *error):
            with open("peaks", "a") as file:
                print(peak_bytes(), file=file)

    class Touch(Measured):
        def __call__(self, record):
            record["touched"] = 1
            return record
    class Rebuild(Measured):
        def __call__(self, record):
            return {**record}
    class Enlarge(Measured):
        "Results that are much larger than their records, and not the first ones."
        seen = 0
        def __call__(self, record):
            self.seen += 1
            return {"text": "x" * (1_000_000 if self.seen > 300 else 10)}
    class EnlargeInPlace(Enlarge):
        def __call__(self, record):
            record.update(super().__call__(record))
            return record
    class EnlargeNested(Enlarge):
        def __call__(self, record):
            self.seen += 1
            return {"list": list(range(100_000)) if self.seen > 300 else []}
    class EnlargeEscaped(Enlarge):
        def __call__(self, record):
            self.seen += 1
            return {"text": "\\U0001f600\\x01" * (250_000 if self.seen > 300 else 1)}
    class Several(Measured):
        def __call__(self, record):
            for number in range(200_000 if record["a"] == 7 else 1):
                yield {"number": number, "text": "x" * 1_000}
    class SeveralChanged(Measured):
        def __call__(self, record):
            for number in range(200_000 if record["a"] == 7 else 1):
                record["number"] = number
                yield record
    class Batches(Measured):
        def __call__(self, records):
            return [record | {"text": "x" * 2_000} for record in records]
"""


def csv(records: int) -> str:
    """Records of 19 columns and some 150 bytes."""
    names = ",".join("abcdefghijklmnopqrs")
    line = ",".join(["{0}", *(["UA,1545,N14228,some text,-7,1.50"] * 3)])
    return "\n".join([names, *(line.format(number) for number in range(records)), ""])


def jsonl(records: int) -> str:
    value = {"b": "UA", "c": 1545, "d": [1, 2, 3], "e": {"f": 1.5, "g": None}, "h": "some text"}
    return "".join(f"{json.dumps({'a': number, **value})}\n" for number in range(records))


def large_csv() -> str:
    return "a,b\n" + "".join(f'{number},"{"some text " * 40_000}"\n' for number in range(60))


def large_jsonl() -> str:
    return "".join(
        json.dumps({"a": number, "b": "some text\n" * 50_000}) + "\n" for number in range(60)
    )


CSV, JSONL = ("--from", "csv", "--to", "jsonl"), ("--from", "jsonl", "--to", "jsonl")
TO_CSV = ("--from", "csv", "--to", "csv")
WHERE, BATCHES = (*CSV, "--where", "a >= 0"), (*CSV, "--batch-size", "1000")


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize(
    ("name", "arguments", "make_input"),
    [
        pytest.param("Touch", CSV, partial(csv, 100_000), id="many small records"),
        pytest.param("Rebuild", JSONL, partial(jsonl, 50_000), id="many small objects"),
        pytest.param("Touch", CSV, large_csv, id="large records"),
        pytest.param("Rebuild", JSONL, large_jsonl, id="large objects"),
        pytest.param("Enlarge", CSV, partial(csv, 600), id="dicts that are much larger"),
        pytest.param(
            "Enlarge", WHERE, partial(csv, 600), id="dicts that are much larger, in a chain"
        ),
        pytest.param("Enlarge", TO_CSV, partial(csv, 600), id="dicts that are much larger, to CSV"),
        pytest.param(
            "EnlargeInPlace", CSV, partial(csv, 600), id="records that become much larger"
        ),
        pytest.param(
            "EnlargeInPlace", JSONL, partial(jsonl, 600), id="objects that become much larger"
        ),
        pytest.param("EnlargeEscaped", CSV, partial(csv, 400), id="text that is escaped"),
        pytest.param("EnlargeNested", CSV, partial(csv, 600), id="long lists"),
        pytest.param("Several", CSV, partial(csv, 10), id="many results of one record"),
        pytest.param(
            "Several", WHERE, partial(csv, 10), id="many results of one record, in a chain"
        ),
        pytest.param("SeveralChanged", JSONL, partial(jsonl, 10), id="the same object many times"),
        pytest.param("Batches", BATCHES, partial(csv, 30_000), id="batches of a thousand"),
    ],
)
def test_a_worker_stays_within_its_memory(
    tmp_path: Path, name: str, arguments: tuple[str, ...], make_input: Callable[[], str]
) -> None:
    write(tmp_path, FUNCTIONS)
    options = ("--fn", f"f.py:{name}", "-j", "2", "--chunk-size", "1M")
    result = transform(tmp_path, *arguments, *options, stdin=make_input())
    assert (result.status, result.errors) == (0, "")
    command = [sys.executable, "-c", "import f; print(f.peak_bytes())"]
    bare_bytes = int(subprocess.check_output(command, cwd=tmp_path, timeout=TIMEOUT_SECONDS))
    peaks_bytes = [int(line) for line in (tmp_path / "peaks").read_text().split()]
    assert peaks_bytes
    assert max(peaks_bytes) - bare_bytes <= MOST_BYTES
