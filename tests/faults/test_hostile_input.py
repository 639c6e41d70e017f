"""Input made to do harm, or no text at all, is converted or refused in bounded memory and time."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from processes import finish, running

MIB = 1024 * 1024
# A run takes a second or two; what takes longer than the square of its input takes minutes.
ENOUGH_SECONDS = 40.0
DIRECTIONS = [(source, target) for source in ("csv", "jsonl") for target in ("csv", "jsonl")]

codecs = pytest.mark.parametrize("codec", ["native", "reference"])


# Says what the most memory of a command was. A process of its own, since the memory of one that
# starts another is counted as that of the other.
MEASURED = """
import resource, subprocess, sys
status = subprocess.call([sys.executable, "-m", "streamx", "transform", *sys.argv[1:]])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""


@dataclass(frozen=True)
class Outcome:
    """What became of a run: exit status, standard error, output, and most memory in use."""

    status: int
    error: str
    output: bytes
    peak_bytes: int


Convert = Callable[..., Outcome]


@pytest.fixture
def convert(tmp_path: Path) -> Convert:
    """Convert bytes by the command, and check what holds whatever they are."""

    def run(data: bytes, source: str, target: str, *options: str, codec: str = "native") -> Outcome:
        (tmp_path / f"in.{source}").write_bytes(data)
        output = tmp_path / f"out.{target}"
        output.write_bytes(b"old\n")
        result = subprocess.run(
            [sys.executable, "-c", MEASURED, f"in.{source}", output.name, *options],
            cwd=tmp_path,
            env={**os.environ, "STREAMX_CODEC": codec},
            capture_output=True,
            timeout=ENOUGH_SECONDS,
            check=False,
        )
        status, error, written = result.returncode, result.stderr.decode(), output.read_bytes()
        assert status in (0, 1, 3), error
        assert all(line.startswith("streamx: ") for line in error.splitlines()), error
        assert len(error) < 20_000
        assert (written == b"old\n") == (status == 1)
        peak_bytes = int(result.stdout) * 1024
        return Outcome(status, error, written, peak_bytes)

    return run


DEPTH = 100_000
NESTING_BOMBS = [
    b'{"a":' + b"[" * DEPTH + b"]" * DEPTH + b"}",
    b'{"a":' * DEPTH + b"1" + b"}" * DEPTH,
    b'{"a":' + b"[" * DEPTH,
    b'{"a":' * DEPTH,
    b"[" * DEPTH,
]


@codecs
@pytest.mark.parametrize(
    ("target", "options"), [("csv", ("--columns", "a")), ("jsonl", ("--set", "a=a + 0"))]
)
def test_nesting_bombs_are_bad_records_and_the_one_behind_them_is_converted(
    convert: Convert, codec: str, target: str, options: tuple[str, ...]
) -> None:
    data = b"\n".join([*NESTING_BOMBS, b'{"a":7}'])
    outcome = convert(data, "jsonl", target, *options, "--on-error", "skip", codec=codec)
    assert outcome.status == 3
    assert f"{len(NESTING_BOMBS)} bad records left out" in outcome.error
    assert outcome.output == (b"a\n7\n" if target == "csv" else b'{"a":7}\n')
    assert outcome.peak_bytes < 90 * MIB


DIGITS = b"9" * 100_000
NUMBERS = [DIGITS, b"-" + DIGITS, b"0." + DIGITS, b"1e" + DIGITS, b"-1.5E-" + DIGITS]


@codecs
def test_numbers_of_a_hundred_thousand_digits_come_out_as_they_were(
    convert: Convert, codec: str
) -> None:
    table = b"a\n%b\n" % b"\n".join(NUMBERS)
    lines = b"".join(b'{"a":%b}\n' % number for number in NUMBERS)
    texts = b"".join(b'{"a":"%b"}\n' % number for number in NUMBERS)
    assert convert(table, "csv", "jsonl", codec=codec).output == texts
    assert convert(lines, "jsonl", "csv", codec=codec).output == table


@codecs
def test_expressions_compute_with_numbers_of_a_hundred_thousand_digits_or_say_they_cannot(
    convert: Convert, codec: str
) -> None:
    lines = b"".join(b'{"a":%b}\n' % number for number in [*NUMBERS, b"1"])
    options = ("--set", "b=a * a", "--where", "a < 5", "--on-error", "skip")
    outcome = convert(lines, "jsonl", "jsonl", *options, codec=codec)
    assert outcome.status == 3
    assert outcome.output.endswith(b'{"a":1,"b":1}\n')


def test_a_header_of_two_million_names_is_an_error_that_names_the_limit(convert: Convert) -> None:
    data = b",".join(b"%d" % number for number in range(2_000_000)) + b"\n" + b"1," * 1_999_999
    outcome = convert(data, "csv", "jsonl")
    assert outcome.status == 1
    assert "line 1 (byte 0): 2000000 columns" in outcome.error
    assert "expected at most 131072" in outcome.error
    assert outcome.peak_bytes < 256 * MIB


def test_a_table_of_two_million_columns_without_a_header_is_refused_too(convert: Convert) -> None:
    outcome = convert(b"," * 2_000_000, "csv", "csv", "--no-header")
    assert "2000001 columns" in outcome.error
    assert outcome.peak_bytes < 160 * MIB


@codecs
def test_a_record_of_two_million_cells_under_two_names_is_a_bad_one(
    convert: Convert, codec: str
) -> None:
    data = b"a,b\n1,2\n" + b"," * 2_000_000 + b"\n3,4\n"
    options = ("--ragged", "pad", "--on-error", "skip")
    outcome = convert(data, "csv", "jsonl", *options, codec=codec)
    assert (outcome.status, outcome.output) == (3, b'{"a":1,"b":2}\n{"a":3,"b":4}\n')
    assert outcome.peak_bytes < 128 * MIB


def object_of(keys: int) -> bytes:
    return b"{%b}\n" % b",".join(b'"k%06d":1' % number for number in range(keys))


def test_a_record_of_two_million_keys_is_longer_than_the_longest(convert: Convert) -> None:
    outcome = convert(object_of(2_000_000), "jsonl", "csv", "--columns", "k000005")
    assert outcome.status == 1
    assert "--max-record-bytes" in outcome.error
    assert outcome.peak_bytes < 128 * MIB


def test_more_keys_than_there_may_be_columns_name_the_way_out(convert: Convert) -> None:
    keys = object_of(140_000)
    outcome = convert(keys, "jsonl", "csv")
    assert outcome.status == 1
    assert "140000 different keys in the first records; expected at most 131072" in outcome.error
    assert "name those to keep with --columns" in outcome.error
    options = ("--columns", "k000007", "--extra-keys", "drop")
    assert convert(keys, "jsonl", "csv", *options).output == b"k000007\n1\n"


@codecs
def test_more_keys_than_there_may_be_columns_pass_an_expression(
    convert: Convert, codec: str
) -> None:
    keys = object_of(140_000)
    outcome = convert(keys, "jsonl", "jsonl", "--where", "k000005 == 1", codec=codec)
    assert (outcome.status, outcome.output) == (0, keys)


@codecs
@pytest.mark.parametrize("source", ["csv", "jsonl"])
def test_nothing_but_line_ends_is_an_empty_table(convert: Convert, codec: str, source: str) -> None:
    outcome = convert(b"\n\r\n" * 700_000, source, "csv", codec=codec)
    assert (outcome.status, outcome.output) == (0, b"")
    assert outcome.peak_bytes < 64 * MIB


@pytest.mark.parametrize(
    ("source", "codec", "byte"),
    [
        ("csv", "native", b"\r"),
        ("csv", "native", b"\0"),
        ("csv", "native", b'"'),
        ("jsonl", "reference", b"\0"),
        ("jsonl", "reference", b"{"),
    ],
    ids=["CSV-CR", "CSV-NUL", "CSV-quote", "JSONL-NUL", "JSONL-brace"],
)
def test_megabytes_of_one_byte_are_one_record_or_a_bad_one(
    convert: Convert, codec: str, byte: bytes, source: str
) -> None:
    outcome = convert(byte * 3_000_001, source, "jsonl", "--on-error", "skip", codec=codec)
    assert outcome.peak_bytes < 96 * MIB


@codecs
def test_much_that_is_no_json_is_refused_without_a_search_for_what_might_be(
    convert: Convert, codec: str
) -> None:
    outcome = convert(b"1," * 2_000_000, "jsonl", "jsonl", codec=codec)
    assert outcome.status == 1
    assert "no valid JSON at character 2" in outcome.error
    assert outcome.peak_bytes < 96 * MIB


BINARY_FILES = {
    "ELF": Path(sys.executable).resolve().read_bytes()[:300_000],
    "PNG": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + zlib.compress(bytes(range(256)) * 99),
    "random bytes": random.Random(6).randbytes(200_000),
}
SOUPS = {
    "csv": bytes(random.Random(7).choices(b'a1,"\n\n\r\0\xff=', k=100_000)),
    "jsonl": b"\n".join(random.Random(8).choices([b'{"x":1}', b'{"x":"', b"{}", b"\0"], k=9_000)),
}


@pytest.mark.parametrize(
    ("source", "target", "name"),
    [(*direction, name) for direction in DIRECTIONS for name in ("random bytes", "soup")]
    + [("csv", "jsonl", "ELF"), ("jsonl", "csv", "PNG")],
)
def test_binary_records_are_converted_or_rejected_and_the_output_is_valid(
    convert: Convert, name: str, source: str, target: str, tmp_path: Path
) -> None:
    header = b"x,y\n" if source == "csv" else b'{"x":"","y":""}\n'
    options = ["--on-error", "reject"]
    options += ["--ragged", "pad"] * (source == "csv")
    options += ["--escape-formulas"] * (target == "csv")
    data = header + (SOUPS[source] if name == "soup" else BINARY_FILES[name])
    outcome = convert(data, source, target, *options)
    assert outcome.status == 3
    if target == "csv":
        text = io.StringIO(outcome.output.decode(), newline="")
        assert {len(record) for record in csv.reader(text, strict=True)} == {2}
    else:
        assert all(isinstance(json.loads(line), dict) for line in lines_of(outcome.output))
    for line in lines_of((tmp_path / f"out.{target}.rejects.jsonl").read_bytes()):
        assert json.loads(line)["stage"] == "parse"


def lines_of(data: bytes) -> list[bytes]:
    return data.split(b"\n")[:-1]


@pytest.mark.parametrize(
    ("source", "name"), [("csv", "ELF"), ("csv", "random bytes"), ("jsonl", "PNG")]
)
def test_a_binary_file_is_refused_in_one_line(convert: Convert, name: str, source: str) -> None:
    outcome = convert(BINARY_FILES[name], source, "jsonl")
    assert outcome.status == 1
    assert outcome.error.count("\n") == 1


@pytest.mark.parametrize("way", ["--set", "--fn"])
def test_binary_records_pass_expressions_and_functions_or_are_left_out(
    convert: Convert, way: str, tmp_path: Path
) -> None:
    (tmp_path / "look.py").write_text(
        "def look(record):\n    return {**record, 'z': record['x']}\n"
    )
    step = "look.py:look" if way == "--fn" else "z=x"
    data = b"x,y\n" + SOUPS["csv"]
    outcome = convert(data, "csv", "jsonl", way, step, "--where", "z != '1'", "--on-error", "skip")
    assert outcome.status == 3
    records = [json.loads(line) for line in lines_of(outcome.output)]
    assert records
    assert all(record["z"] == record["x"] for record in records)


def test_a_gzip_member_that_expands_without_end_is_streamed_in_flat_memory(
    tmp_path: Path,
) -> None:
    bomb = zlib.compressobj(9, wbits=zlib.MAX_WBITS | 16)
    block = b"1,2,3\n" * 200_000
    packed = b"".join([bomb.compress(b"a,b,c\n"), *(bomb.compress(block) for _ in range(80))])
    packed += bomb.flush()
    assert 80 * len(block) > 500 * len(packed)
    (tmp_path / "in.csv.gz").write_bytes(packed)
    with (
        open(os.devnull, "wb") as nowhere,
        running(
            "in.csv.gz", "-", "--to", "csv", "--summary", "s.json", cwd=tmp_path, stdout=nowhere
        ) as process,
    ):
        assert finish(process, ENOUGH_SECONDS) == (0, "")
    summary = json.loads((tmp_path / "s.json").read_bytes())
    assert summary["records_out"] == 80 * 200_000
    assert summary["memory_peak_bytes"] < 80 * MIB


def test_short_records_under_a_wide_header_are_padded_in_bounded_memory(convert: Convert) -> None:
    width, height = 5_000, 2_000
    header = b",".join(b"%d" % number for number in range(width)) + b"\n"
    outcome = convert(header + b"1\n" * height, "csv", "csv", "--ragged", "pad")
    assert outcome.status == 0
    assert outcome.output == header + (b"1" + b"," * (width - 1) + b"\n") * height
    assert outcome.peak_bytes < 128 * MIB
