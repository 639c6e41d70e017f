"""Workers, chunk size and buffers change how fast a run is, and nothing else."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

import streamx
from streamx import Rename, Select
from streamx.job_options import JobOptions

# Every record makes one object with this key, so its output is far longer than itself.
LONG = "k" * 3_000


@dataclass(frozen=True)
class Outcome:
    """What a run may only get from its input and options."""

    output: bytes | None
    counts: tuple[int, int, int] | None
    warnings: list[str]
    error: str


@dataclass(frozen=True)
class Case:
    """An input, the names of input and output, and options that decide what is written."""

    data: bytes
    source: str
    target: str
    options: JobOptions


def outcome_of(case: Case, **sizes: int) -> Outcome:
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name, case.source), Path(name, case.target)
        source.write_bytes(case.data)
        told: list[str] = []
        options: JobOptions = {**case.options, **sizes}  # type: ignore[typeddict-item]  # sizes
        counts, error = None, ""
        try:
            report = streamx.transform(source, target, on_warning=told.append, **options)
            counts = report.records_in, report.records_out, report.blank_lines
            assert list(report.warnings) == told
        except streamx.StreamxError as failure:
            error = f"{type(failure).__name__}: {failure}".replace(name, "")
        assert not list(Path(name).glob(".*"))
        output = target.read_bytes() if target.exists() else None
        return Outcome(output, counts, [text.replace(name, "") for text in told], error)


def outcome_of_one_worker(case: Case) -> Outcome:
    return outcome_of(case, workers=1, chunk_size_bytes=1 << 24)


GOOD_CSV = [
    *(b"1,x\n", b"-2.5,y\r\n", b",\n", b'3,"a,b"\n', b'"4","x\n""y""\r\n"\r\n', b"\n", b"\r\n"),
    *("5,é€𝄞\n".encode(), b"6," + b"long " * 60 + b"\n", b"true,\r\r\n", b"NA,x\n"),
]
BAD_CSV = [b"1\n", b"1,2,3\r\n", b'"x"y,1\n', b'1,"never closed\n', b"1,\xff\n", b'x"y,"\n']
GOOD_JSON = [
    *(b'{"a":1,"b":"x"}\n', b'{"b": [1, {"c": "]"}], "a": 1.50}\r\n', b"{}\n", b"\n", b" \t\r\n"),
    *(b'{"a":"%b"}\n' % (b"long " * 60), '{"a":"é€𝄞\\n","b":null}\n'.encode()),
    *(b'{"c":2,"a":1}\n', b'{"d":"\\u00e9","c":{}}\n', b'{"a":1e400}\n'),
]
BAD_JSON = [b'{"a":}\n', b"[1]\n", b'{"a":1,"a":2}\n', b'{"a":"\xff"}\n', b'{"a":1\n', b"x\n"]


def documents(good: Sequence[bytes], bad: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Records, now and then with bad ones among them, and with or without the last line end."""
    some = st.lists(st.sampled_from(good), max_size=40).map(b"".join)
    rotten = st.just(b"") | st.sampled_from(bad)
    parts = st.tuples(some, st.integers(1, 3), rotten, some, rotten, some)
    whole = parts.map(lambda p: p[0] * p[1] + b"".join(p[2:]))
    return st.tuples(whole, st.booleans()).map(lambda p: p[0].rstrip(b"\r\n") if p[1] else p[0])


CSV_OPTIONS: list[JobOptions] = [
    {},
    {"types": "string"},
    {"pinned_types": {"a": "integer", LONG: "boolean"}},
    {"pinned_types": {"a": "number"}, "strict_types": True, "nulls": ["NA", "x"]},
    {"operations": [Select((LONG,))]},
    {"max_record_bytes": 40},
]
JSON_OPTIONS: list[JobOptions] = [
    {},
    {"columns": ["a", "b"], "extra_keys": "drop"},
    {"columns": ["a", "b", "c", "d"]},
    {"nested": "flatten", "extra_keys": "drop"},
    {"operations": [Select(("a",)), Rename("a", "z")]},
    {"max_record_bytes": 40, "columns": ["a", "b", "c", "d"]},
]
EDITS: list[JobOptions] = [
    {},
    {"operations": [Rename("a", "z")]},
    {"operations": [Select(("b", "a"))], "columns": ["a", "b"]},
]

CSV_DOCUMENTS = documents(GOOD_CSV, BAD_CSV).map(lambda data: f"a,{LONG}\n".encode() + data)
JSON_DOCUMENTS = documents(GOOD_JSON, BAD_JSON)
CASES = st.one_of(
    st.builds(
        Case, CSV_DOCUMENTS, st.just("in.csv"), st.just("out.jsonl"), st.sampled_from(CSV_OPTIONS)
    ),
    st.builds(Case, CSV_DOCUMENTS, st.just("in.csv"), st.just("out.tsv"), st.just(JobOptions())),
    st.builds(
        Case, JSON_DOCUMENTS, st.just("in.jsonl"), st.just("out.csv"), st.sampled_from(JSON_OPTIONS)
    ),
    st.builds(
        Case, JSON_DOCUMENTS, st.just("in.jsonl"), st.just("out.jsonl"), st.sampled_from(EDITS)
    ),
)


@settings(max_examples=100, deadline=None)
@given(CASES, st.integers(1, 4), st.integers(16, 4096), st.integers(1, 3))
def test_workers_chunk_size_and_buffer_change_no_output_count_warning_or_error(
    case: Case, workers: int, chunk_size_bytes: int, buffer_chunks: int
) -> None:
    assert outcome_of(
        case, workers=workers, chunk_size_bytes=chunk_size_bytes, buffer_chunks=buffer_chunks
    ) == outcome_of_one_worker(case)


def test_misfits_are_told_in_one_order_however_the_input_is_cut() -> None:
    options: JobOptions = {"pinned_types": {"a": "integer", "b": "integer"}}
    case = Case(b"a,b\n1,x\n" + b"1,1\n" * 20 + b"x,1\n", "in.csv", "out.jsonl", options)
    assert outcome_of(case, chunk_size_bytes=16).warnings == outcome_of_one_worker(case).warnings


def test_many_dropped_keys_are_counted_the_same_however_the_input_is_cut() -> None:
    # The first record fills a chunk; the next has more keys than are named, and k0 again.
    data = b'{"k0":"%b"}\n' % (b"x" * 587)
    data += b"".join(b'{"k%d":2}\n' % n for n in [*range(1, 30), 0])
    case = Case(data, "in.jsonl", "out.csv", {"columns": ["a"], "extra_keys": "drop"})
    assert outcome_of(case, chunk_size_bytes=600).warnings == outcome_of_one_worker(case).warnings


def test_bytes_that_are_not_utf_8_are_quoted_the_same_however_the_input_is_cut() -> None:
    case = Case(b"a,b\n1,x\n1,\xff\n1,x\n1,x\n", "in.csv", "out.jsonl", {})
    whole = outcome_of_one_worker(case).error
    assert "not UTF-8" in whole
    assert outcome_of(case, chunk_size_bytes=4).error == whole
