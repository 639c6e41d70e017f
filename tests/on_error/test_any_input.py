"""Whatever the input holds, each of its records is in the output or in the rejects, once."""

from __future__ import annotations

import base64
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from bad_cells import run
from hypothesis import given, settings
from hypothesis import strategies as st

from streamx import Apply

CSV = st.lists(
    st.sampled_from([b"1", b"a", b",", b'"', b"\n", b"\r\n", b"\xff", b"\0", "é".encode(), b'""']),
    max_size=60,
).map(b"".join)
JSONL = (
    st.lists(
        st.sampled_from(
            [b'{"a":1}', b"{", b'"', b"\n", b"\n", b"[1]", b"\xff", b"\0", b'{"a":"x"}']
        ),
        max_size=40,
    )
    .map(b"".join)
    .filter(lambda text: b"\0" not in text[:4])  # which might be taken for UTF-16
)


def result(data: bytes, name: str, **options: Any) -> tuple[bytes, bytes, dict[str, int]]:
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        report = run(directory, data, name, **options)
        rejects = directory / "out.jsonl.rejects.jsonl"
        lines = rejects.read_bytes() if rejects.exists() else b""
        lines = lines.replace(str(directory).encode(), b"")
        counts = {f"{k.stage} {k.name}": notice.count for k, notice in report.bad_records.items()}
        return (directory / "out.jsonl").read_bytes(), lines, counts


def raw_of(reject: dict[str, Any]) -> bytes:
    if "raw" in reject:
        return str(reject["raw"]).encode()
    return base64.b64decode(reject["raw_base64"])


def same(record: Any) -> Any:
    return record


# Processes take their time to start; what runs in this one is tried with more.
MANY, SOME = settings(deadline=None, max_examples=60), settings(deadline=None, max_examples=8)
IN_THIS_PROCESS: list[list[Any]] = [[], [lambda record: record]]


def assert_rejects_are_those_of_one_chunk(
    soup: bytes, chunk_size_bytes: int, max_record_bytes: int, operations: list[Any]
) -> None:
    data = b"a,b\n" + soup
    options: dict[str, Any] = {"operations": operations, "max_record_bytes": max_record_bytes}
    options["types"] = "string"
    whole = result(data, "in.csv", **options)
    assert result(data, "in.csv", chunk_size_bytes=chunk_size_bytes, **options) == whole
    for line in whole[1].splitlines():
        reject = json.loads(line)
        assert data[reject["offset"] :].startswith(raw_of(reject))
        assert data.count(b"\n", 0, reject["offset"]) + 1 == reject["line"]


@pytest.mark.parametrize("operations", IN_THIS_PROCESS, ids=["conversion", "function"])
@MANY
@given(soup=CSV, chunk_size_bytes=st.integers(1, 70), max_record_bytes=st.integers(4, 80))
def test_rejects_of_csv_are_the_same_for_any_chunk_size(
    operations: list[Any], soup: bytes, chunk_size_bytes: int, max_record_bytes: int
) -> None:
    assert_rejects_are_those_of_one_chunk(soup, chunk_size_bytes, max_record_bytes, operations)


@SOME
@given(soup=CSV, chunk_size_bytes=st.integers(1, 70), max_record_bytes=st.integers(4, 80))
def test_rejects_of_worker_processes_are_the_same_for_any_chunk_size(
    soup: bytes, chunk_size_bytes: int, max_record_bytes: int
) -> None:
    assert_rejects_are_those_of_one_chunk(soup, chunk_size_bytes, max_record_bytes, [same])


def assert_each_line_is_in_one_file(
    soup: bytes, chunk_size_bytes: int, operations: list[Any]
) -> None:
    output, lines, _ = result(
        soup, "in.jsonl", operations=operations, chunk_size_bytes=chunk_size_bytes
    )
    rejects = [raw_of(json.loads(line)) for line in lines.splitlines()]
    found = sorted([*output.splitlines(), *(raw for raw in rejects)])
    assert found == sorted(line for line in soup.split(b"\n") if line.strip(b" \t\r\n"))


@pytest.mark.parametrize("operations", IN_THIS_PROCESS, ids=["conversion", "function"])
@MANY
@given(soup=JSONL, chunk_size_bytes=st.integers(1, 70))
def test_each_line_of_jsonl_is_in_the_output_or_in_the_rejects(
    operations: list[Any], soup: bytes, chunk_size_bytes: int
) -> None:
    assert_each_line_is_in_one_file(soup, chunk_size_bytes, operations)


@SOME
@given(soup=JSONL, chunk_size_bytes=st.integers(1, 70))
def test_each_line_that_worker_processes_read_is_in_the_output_or_in_the_rejects(
    soup: bytes, chunk_size_bytes: int
) -> None:
    assert_each_line_is_in_one_file(soup, chunk_size_bytes, [same])


def test_a_record_comes_back_byte_for_byte(tmp_path: Path) -> None:
    records = [b'"a\nb"x,1', b"\xff\xfe,1", b"a\0b", "grüße".encode(), b'say ""hi"",1,2']
    data = b"a,b\n" + b"\n".join(records) + b"\n"
    _, lines, _ = result(data, "in.csv")
    assert [raw_of(json.loads(line)) for line in lines.splitlines()] == records


def test_rejects_name_the_columns_that_the_header_gave(tmp_path: Path) -> None:
    _, lines, _ = result(b"id;name\n1;x\n2\n", "in.csv", delimiter=";")
    reject = json.loads(lines)
    assert reject["columns"] == {"id": "integer", "name": "string"}
    assert reject["format"] == {"name": "csv", "delimiter": ";", "quote": '"'}


def test_an_unclosed_quote_takes_the_rest_of_the_input_and_no_more(tmp_path: Path) -> None:
    output, lines, counts = result(b'a,b\n1,2\n3,"x\n' + b"5,6\n" * 100, "in.csv")
    assert output == b'{"a":1,"b":2}\n'
    assert counts == {"parse unclosed quote": 1}
    assert json.loads(lines)["raw"] == '3,"x\n' + "5,6\n" * 100


def test_behind_a_record_that_is_too_long_the_run_goes_on(tmp_path: Path) -> None:
    data = b"a,b\n1,2\n" + b'3,"' + b"x\n" * 5_000 + b'"\n5,6\n'
    for chunk_size_bytes in (10, 1_000, 100_000):
        sizes = {"max_record_bytes": 100, "chunk_size_bytes": chunk_size_bytes}
        output, lines, _ = result(data, "in.csv", types="string", **sizes)
        assert output == b'{"a":"1","b":"2"}\n{"a":"5","b":"6"}\n'
        reject = json.loads(lines)
        assert (reject["line"], reject["is_cut"], len(reject["raw"])) == (3, True, 100)


def test_a_name_that_is_no_unicode_can_be_rejected(tmp_path: Path) -> None:
    report = run(tmp_path, b"a,b\n1\n", "x\udcff.csv", operations=[Apply(same)])
    assert report.bad_record_count == 1
