"""Without a change all that was rejected is rejected again; with a repair it is converted."""

from __future__ import annotations

import base64
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import streamx
from streamx import StreamxError

CSV = st.lists(
    st.sampled_from(
        [b"1", b"a", b",", b'"', b"\n", b"\n", b"\r\n", b"\r", b"\xff", b"\0", b"\xef\xbb\xbf"]
    ),
    max_size=60,
).map(lambda pieces: b"a,b\n" + b"".join(pieces))
# Without \r\n, since a message about an open text shows the \r, which is no part of `raw`; and with
# a start that is not taken for UTF-16.
JSONL = (
    st.lists(
        st.sampled_from(
            [b'{"a":1}', b"{", b'"', b"\n", b"\n", b"[1]", b"\xff", b"\0", b"\xef\xbb\xbf"]
        ),
        max_size=40,
    )
    .map(b"".join)
    .filter(lambda text: b"\0" not in text[:4])
)
FIELDS = {
    "source": "in.csv",
    "line": 3,
    "offset": 9,
    "attempts": 1,
    "raw": "1,2",
    "format": {"name": "csv", "delimiter": ",", "quote": '"'},
    "columns": {"a": "integer", "b": "string"},
}


def late(record: Any) -> Any:
    """Refuse some records, as a server might that is down."""
    if "x" in str(record["b"]):
        raise ValueError("not now")
    return record


def rejects_of(output: Path) -> list[dict[str, Any]]:
    path = Path(f"{output}.rejects.jsonl")
    return (
        [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]] if path.exists() else []
    )


@pytest.mark.parametrize(
    "operations", [[], [lambda record: record]], ids=["conversion", "function"]
)
@pytest.mark.parametrize("name", ["in.csv", "in.jsonl"])
@settings(deadline=None, max_examples=30)
@given(data=st.data(), chunk_size_bytes=st.integers(1, 700), max_record_bytes=st.integers(4, 80))
def test_without_a_change_the_same_records_are_rejected(
    name: str,
    operations: list[Any],
    data: st.DataObject,
    chunk_size_bytes: int,
    max_record_bytes: int,
) -> None:
    soup = data.draw(CSV if name == "in.csv" else JSONL)
    options: dict[str, Any] = {"operations": operations, "max_record_bytes": max_record_bytes}
    with tempfile.TemporaryDirectory() as place:
        source, first, second = (Path(place) / each for each in (name, "1.jsonl", "2.jsonl"))
        source.write_bytes(soup)
        streamx.transform(source, first, on_error="reject", **options)
        known = rejects_of(first)
        if not known:
            return
        report = streamx.retry(
            f"{first}.rejects.jsonl",
            second,
            on_error="reject",
            chunk_size_bytes=chunk_size_bytes,
            **options,
        )
        assert report.bad_record_count == len(known)
        assert second.read_bytes() == b""
        grown = [
            each if each.get("is_cut") else each | {"attempts": each["attempts"] + 1}
            for each in known
        ]
        assert rejects_of(second) == grown


def test_a_line_end_is_no_part_of_what_is_said_of_a_record(tmp_path: Path) -> None:
    """CR and LF may stand on both sides of where what is shown ends."""
    for number, cell in enumerate([b"\xff" + b"1" * count for count in range(12)]):
        source, first = tmp_path / f"{number}.csv", tmp_path / f"{number}.jsonl"
        source.write_bytes(b"a\n" + cell + b"\r\n")
        streamx.transform(source, first, on_error="reject")
        second = tmp_path / f"{number}.again.jsonl"
        streamx.retry(f"{first}.rejects.jsonl", second, on_error="reject")
        (before,), (after,) = rejects_of(first), rejects_of(second)
        assert before["error"] == after["error"]


CELLS = st.sampled_from(["1", "25", "x", "ax", "", "é,", '"', "two\nlines", "2x"])


@settings(deadline=None, max_examples=30)
@given(
    table=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=30),
    chunk_size_bytes=st.integers(1, 700),
    to=st.sampled_from(["jsonl", "csv"]),
)
def test_what_a_repair_gives_is_what_a_run_with_nothing_bad_gives(
    table: list[tuple[str, str]], chunk_size_bytes: int, to: str
) -> None:
    def quoted(cell: str) -> str:
        return '"{}"'.format(cell.replace('"', '""'))

    lines = [",".join(map(quoted, ("n", "a", "b")))]
    lines += [",".join(map(quoted, (str(n), *cells))) for n, cells in enumerate(table)]
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        (directory / "in.csv").write_text("\n".join(lines) + "\n")
        source, first, second, whole = (
            directory / each for each in ("in.csv", f"1.{to}", f"2.{to}", f"whole.{to}")
        )
        chunk = {"chunk_size_bytes": chunk_size_bytes}
        streamx.transform(
            source, first, operations=[lambda record: late(record)], on_error="reject"
        )
        if rejects_of(first):
            options: dict[str, Any] = {"operations": [lambda record: record], **chunk}
            streamx.retry(f"{first}.rejects.jsonl", second, has_header=False, **options)
        streamx.transform(source, whole, operations=[lambda record: record])
        bad = {each["line"] for each in rejects_of(first)}
        repaired = second.read_bytes() if bad else b""
        assert sorted(first.read_bytes() + repaired) == sorted(whole.read_bytes())
        assert len(bad) == sum("x" in b for _, b in table)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
LINES = st.fixed_dictionaries(
    {},
    optional={
        **{key: st.just(value) | VALUES for key, value in FIELDS.items()},
        "raw_base64": st.binary(max_size=9).map(lambda raw: base64.b64encode(raw).decode())
        | st.text(max_size=9),
        "is_cut": st.booleans(),
    },
).map(lambda fields: json.dumps(fields).encode())


@settings(deadline=None, max_examples=60)
@given(
    lines=st.lists(st.binary(max_size=40) | LINES, max_size=6),
    on_error=st.sampled_from(["fail", "reject"]),
    encoding=st.sampled_from(["utf-8", "utf-16"]),
)
@example([json.dumps(FIELDS | {"line": 2**64}).encode()], "reject", "utf-8")
@example([json.dumps(FIELDS | {"raw": "\\ud800"}).encode()], "reject", "utf-8")
def test_any_bytes_are_rejects_or_an_error_that_names_the_line(
    lines: list[bytes], on_error: Any, encoding: str
) -> None:
    with tempfile.TemporaryDirectory() as place:
        path, output = Path(place) / "rejects.jsonl", Path(place) / "out.jsonl"
        path.write_bytes(b"\n".join([json.dumps(FIELDS).encode(), *lines]))
        try:
            streamx.retry(path, output, on_error=on_error, encoding=encoding)
        except StreamxError as error:
            assert "rejects.jsonl, line " in str(error) or on_error == "fail"  # noqa: PT017  # either
