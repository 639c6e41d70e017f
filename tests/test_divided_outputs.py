"""An output that is divided holds, file by file, what an undivided one holds in one."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import Run
from directories import files_in
from functions import write
from hypothesis import given, settings
from hypothesis import strategies as st

import streamx
from streamx import Apply, Limit, OutputError, Rename, Select, Set, UsageError
from streamx.job_options import JobOptions
from streamx.write.file_names import FileNames

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4) | st.sampled_from(
    ["", "x", "X", "a/b", "line\nbreak", '5" pipe', "..", "~", "é", "e\u0301", "y" * 300]
)
RECORDS = "".join(f"{number},{'ab'[number % 2]},{number % 3}\n" for number in range(3_000))


def lines_of(output: bytes, target: str) -> list[tuple[dict[str, Any], bytes]]:
    """Return the records of an output, each with its bytes, and without a header."""
    if target == "jsonl":
        return [(json.loads(line), line) for line in io.BytesIO(output)]
    lines = _Lines(output)
    reader = csv.reader(lines, delimiter="\t" if target == "tsv" else ",", strict=True)
    names, found = next(reader), []
    lines.taken.clear()
    for cells in reader:
        found.append((dict(zip(names, cells, strict=True)), "".join(lines.taken).encode()))
        lines.taken.clear()
    return found


class _Lines:
    """Lines of a text that notes those that were taken."""

    def __init__(self, output: bytes) -> None:
        self._lines = io.StringIO(output.decode(), newline="\n")
        self.taken: list[str] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        self.taken.append(next(self._lines))
        return self.taken[-1]


def text_of(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(TEXTS, TEXTS, st.integers(0, 3)), min_size=1, max_size=40),
    st.sampled_from(["csv", "tsv", "jsonl"]),
    st.sampled_from(["csv", "jsonl"]),
    st.sampled_from([("k",), ("n",), ("n", "k"), ("k", "v", "n")]),
    st.integers(8, 400),
    st.integers(1, 3),
)
def test_each_file_holds_the_records_of_the_plain_output_that_have_its_values(
    records: list[tuple[str, str, int]],
    source: str,
    target: str,
    by: Sequence[str],
    chunk_size_bytes: int,
    workers: int,
) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        input = directory / f"in.{source}"
        input.write_bytes(document(records, source))
        plain, divided = directory / f"plain.{target}", directory / "out"
        options: dict[str, Any] = {"target_format": target, "types": "string"}
        streamx.transform(input, plain, **options)
        options |= {"chunk_size_bytes": chunk_size_bytes, "workers": workers}
        report = streamx.transform(input, divided, partition_by=by, **options)
        output, names = plain.read_bytes(), FileNames(by)
        header = output[: output.index(b"\n") + 1] if target == "csv" else b""
        values: dict[tuple[str, ...], str] = {}
        expected: dict[str, bytes] = {}
        for record, line in lines_of(output, target):
            key = tuple(text_of(record[each]) for each in by)
            if key not in values:
                values[key] = f"{names.path_of(key)}.{target}"
            expected[values[key]] = expected.get(values[key], header) + line
        assert files_in(divided) == expected
        assert report.files_written == len(expected)
        assert report.bytes_out == sum(map(len, expected.values()))


def document(records: Sequence[tuple[str, str, int]], source: str) -> bytes:
    named = [dict(zip(("k", "v", "n"), record, strict=True)) for record in records]
    if source == "jsonl":
        return b"".join(json.dumps(each, ensure_ascii=False).encode() + b"\n" for each in named)
    text = io.StringIO()
    delimiter = "\t" if source == "tsv" else ","
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([("k", "v", "n"), *records])
    return text.getvalue().encode()


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.tuples(TEXTS, TEXTS, st.integers(0, 3)), max_size=40),
    st.sampled_from(["csv", "jsonl"]),
    st.integers(1, 12),
    st.integers(8, 400),
)
def test_parts_of_so_many_records_are_the_plain_output_cut_between_records(
    records: list[tuple[str, str, int]], target: str, most: int, chunk_size_bytes: int
) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        input = directory / "in.csv"
        input.write_bytes(document(records, "csv"))
        plain, divided = directory / f"plain.{target}", directory / "out"
        options: dict[str, Any] = {"target_format": target, "types": "string"}
        streamx.transform(input, plain, **options)
        streamx.transform(
            input, divided, split_records=most, chunk_size_bytes=chunk_size_bytes, **options
        )
        output = plain.read_bytes()
        header = output[: output.index(b"\n") + 1] if target == "csv" else b""
        lines = [line for _, line in lines_of(output, target)]
        assert files_in(divided) == {
            f"part-{number:05}.{target}": header + b"".join(lines[start : start + most])
            for number, start in enumerate(range(0, len(lines), most))
        }


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    path.write_text(f"id,k,n\n{RECORDS}")
    return path


FUNCTIONS = """
def sync(record):
    record["third"] = "abc"[record["id"] % 3]
    return record

async def on_loop(record):
    return sync(record)
"""


@pytest.mark.parametrize("target", ["csv", "jsonl"])
@pytest.mark.parametrize("name", ["sync", "on_loop"])
def test_functions_of_any_kind_may_add_the_column(
    source: Path, target: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = source.parent
    write(directory, FUNCTIONS)
    monkeypatch.chdir(directory)
    options: dict[str, Any] = {"target_format": target, "operations": [Apply(f"f.py:{name}")]}
    streamx.transform(source, directory / f"plain.{target}", **options)
    streamx.transform(source, "out", partition_by=["third"], chunk_size_bytes=4_000, **options)
    output = (directory / f"plain.{target}").read_bytes()
    lines = lines_of(output, target)
    header = output[: output.index(b"\n") + 1] if target == "csv" else b""
    assert files_in(directory / "out") == {
        f"third={value}.{target}": header
        + b"".join(line for record, line in lines if record["third"] == value)
        for value in "abc"
    }


def test_without_order_each_file_has_its_records_all_the_same(source: Path) -> None:
    out, lines = source.parent / "out", source.read_text().splitlines()
    options: JobOptions = {"target_format": "csv", "chunk_size_bytes": 2_000, "is_ordered": False}
    streamx.transform(source, out, partition_by=["k"], **options)
    for value in "ab":
        header, *found = files_in(out)[f"k={value}.csv"].decode().splitlines()
        assert header == lines[0]
        assert sorted(found) == sorted(line for line in lines if f",{value}," in line)


def test_the_column_is_one_of_the_output_renamed_or_computed(source: Path) -> None:
    operations = [Rename("k", "letter"), Set("half", "id // 1500"), Select(("half", "letter"))]
    out = source.parent / "out"
    streamx.transform(source, out, partition_by=["half", "letter"], operations=operations)
    assert {name: data.count(b"\n") for name, data in files_in(out).items()} == {
        f"half={half}/letter={letter}.jsonl": 750 for half in "01" for letter in "ab"
    }


def test_both_options_make_numbered_files_in_a_directory_of_each_value(source: Path) -> None:
    out = source.parent / "out"
    streamx.transform(source, out, partition_by=["k"], split_records=1_000, target_format="csv")
    files = files_in(out)
    assert {name: data.count(b"\n") - 1 for name, data in files.items()} == {
        f"k={letter}/part-{number:05}.csv": size
        for letter in "ab"
        for number, size in enumerate((1_000, 500))
    }


def test_a_limit_is_counted_over_all_files(source: Path) -> None:
    out = source.parent / "out"
    streamx.transform(source, out, split_records=4, operations=[Limit(10)])
    assert [data.count(b"\n") for data in files_in(out).values()] == [4, 4, 2]


@pytest.mark.parametrize("sizes", [{"chunk_size_bytes": 3_000}, {"max_memory_bytes": 150 << 20}])
def test_compressed_files_have_the_same_bytes_however_they_came_about(
    source: Path, sizes: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = source.parent
    rows = "".join(
        f"{n},{'ab'[n % 2]},{n * 7919 % 10_007}{'x' * (n % 50)}\n" for n in range(20_000)
    )
    source.write_text(f"id,k,n\n{rows}")
    options: dict[str, Any] = {"partition_by": ["k"], "compress": "gzip", "target_format": "csv"}
    streamx.transform(source, directory / "one", **options)
    monkeypatch.setattr(
        "streamx.job_output.DIVISION_BUFFER_BYTES", 20_000
    )  # much has to wait on disk
    streamx.transform(source, directory / "other", **options, **sizes)
    one, other = files_in(directory / "one"), files_in(directory / "other")
    assert one == other
    assert list(one) == ["k=a.csv.gz", "k=b.csv.gz"]
    plain = gzip.decompress(one["k=a.csv.gz"]).decode().splitlines()
    assert plain == ["id,k,n", *rows.splitlines()[::2]]


def test_records_that_lack_the_column_are_those_of_null(tmp_path: Path) -> None:
    input = tmp_path / "in.jsonl"
    input.write_bytes(b'{"a":"x"}\n{"b":1}\n{"a":null}\n{"a":""}\n')
    streamx.transform(input, tmp_path / "out", partition_by=["a"])
    assert files_in(tmp_path / "out") == {
        "a=x.jsonl": b'{"a":"x"}\n',
        "a=__HIVE_DEFAULT_PARTITION__.jsonl": b'{"b":1}\n{"a":null}\n{"a":""}\n',
    }


def test_values_of_any_length_are_told_apart_in_little_memory(tmp_path: Path) -> None:
    input, long = tmp_path / "in.csv", "x" * 100_000
    input.write_text("a,b\n" + "".join(f"{long}{n % 50},{n}\n" for n in range(200)))
    streamx.transform(input, tmp_path / "out", partition_by=["a"], chunk_size_bytes=1_000_000)
    files = files_in(tmp_path / "out")
    assert len(files) == 50
    for data in files.values():
        records = [json.loads(line) for line in data.splitlines()]
        assert [record["b"] for record in records] == [records[0]["b"] + 50 * n for n in range(4)]
        assert len({record["a"] for record in records}) == 1


def test_an_input_without_records_makes_an_empty_directory(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(b"a,b\n")
    report = streamx.transform(tmp_path / "in.csv", tmp_path / "out", partition_by=["a"])
    assert (files_in(tmp_path / "out"), report.files_written) == ({}, 0)
    assert (tmp_path / "out").is_dir()


def test_a_column_that_no_record_gets_is_refused_once_that_is_known(source: Path) -> None:
    write(source.parent, FUNCTIONS)
    step = Apply(f"{source.parent / 'f.py'}:sync")
    with pytest.raises(UsageError, match=r"no record has a column 'thrid'; did you mean 'third'"):
        streamx.transform(source, source.parent / "out", partition_by=["thrid"], operations=[step])
    with pytest.raises(UsageError, match=r"no column 'thrid'; did you mean 'third'"):
        streamx.transform(
            source,
            source.parent / "out",
            target_format="csv",
            partition_by=["thrid"],
            operations=[step],
        )
    left = {*os.listdir(source.parent)} - {"__pycache__"}
    assert left == {"f.py", "in.csv"}


def test_more_files_than_there_may_be_are_refused(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamx.write.divided.MOST_NAMES", 100)
    with pytest.raises(OutputError, match="would make more than 100 files; name a column of fewer"):
        streamx.transform(source, source.parent / "out", partition_by=["id"])
    assert os.listdir(source.parent) == ["in.csv"]


def test_more_numbers_than_sort_as_names_are_refused(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamx.write.divided.MOST_NUMBERS", 30)
    streamx.transform(source, source.parent / "out", split_records=100)
    with pytest.raises(OutputError, match="would make more than 30 files of one name"):
        streamx.transform(source, source.parent / "other", split_records=99)
    assert sorted(os.listdir(source.parent)) == ["in.csv", "out"]


def test_rejects_and_summary_stand_beside_the_directory(streamx: Run, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(b"a,b\n1,x\n2\n3,y\n")
    run = streamx(
        *("transform", "in.csv", "out/", "--partition-by", "b", "--on-error", "reject"),
        *("--summary", "summary.json", "--quiet"),
    )
    assert (run.returncode, run.stderr) == (3, b"")
    assert files_in(tmp_path / "out") == {
        "b=x.jsonl": b'{"a":1,"b":"x"}\n',
        "b=y.jsonl": b'{"a":3,"b":"y"}\n',
    }
    assert json.loads((tmp_path / "out.rejects.jsonl").read_bytes())["line"] == 3
    summary = json.loads((tmp_path / "summary.json").read_bytes())
    assert (summary["files_written"], summary["bytes_out"]) == (2, 32)


@pytest.mark.parametrize("option", ["rejects", "lock_file", "summary", "metrics", "report"])
@pytest.mark.parametrize("place", ["out", "out/sub/../file", "link/file"])
def test_no_other_file_of_the_run_is_within_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.csv").write_text("a\n1\n")
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to("out")
    options: dict[str, Any] = {option: place, "partition_by": ["a"]}
    if option == "rejects":
        options["on_error"] = "reject"
    message = f"--{option.replace('_', '-')} needs a place outside of OUTPUT"
    with pytest.raises(UsageError, match=message):
        streamx.transform("in.csv", "out/", **options)
    assert os.listdir(tmp_path / "out") == []
