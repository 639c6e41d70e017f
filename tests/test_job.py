"""What a job refuses before anything is read, and how much a run may hold at a time."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import pytest

from streamx import Apply, Drop, Limit, Rename, Select, Set, UsageError, Where
from streamx.job import Job
from streamx.sizing import (
    DEFAULT_CHUNK_SIZE_BYTES,
    MIB,
    SMALLEST_CHUNK_BYTES,
    available_cpus,
    choose_sizing,
)

CSV_TO_JSONL: dict[str, Any] = {"input": "in.csv", "output": "out.jsonl"}
JSONL_TO_CSV: dict[str, Any] = {"input": "in.jsonl", "output": "out.csv"}
CSV_TO_CSV: dict[str, Any] = {"input": "in.csv", "output": "out.csv"}
JSONL_TO_JSONL: dict[str, Any] = {"input": "in.jsonl", "output": "out.jsonl"}


@pytest.mark.parametrize(
    ("name", "value", "known"),
    [
        ("types", "guess", "'infer', 'string'"),
        ("types", None, "'infer', 'string'"),
        ("nested", "jason", "None, 'json', 'flatten'"),
        ("progress", "loud", "'auto', 'bar', 'plain', 'json', 'off'"),
        ("progress", None, "'auto', 'bar', 'plain', 'json', 'off'"),
        ("extra_keys", "keep", "None, 'error', 'drop'"),
        ("extra_keys", ["drop"], "None, 'error', 'drop'"),
    ],
)
def test_value_that_is_none_of_the_choices_is_refused_with_the_choices(
    name: str, value: object, known: str
) -> None:
    with pytest.raises(UsageError) as caught:
        Job(**{**JSONL_TO_CSV, name: value})
    assert str(caught.value) == f"{name} is {value!r}; it must be one of {known}"


@pytest.mark.parametrize("name", ["source_format", "target_format"])
def test_format_that_there_is_not_is_refused_with_all_that_there_are(name: str) -> None:
    with pytest.raises(UsageError, match=rf"^{name}: 'jsn' is no format; say csv, tsv, jsonl"):
        Job(**{**JSONL_TO_CSV, name: "jsn"})


@pytest.mark.parametrize("operation", ["a", ("Select", "a"), None, 3, {"drop": "a"}])
def test_operation_of_another_kind_is_refused(operation: Any) -> None:
    with pytest.raises(UsageError, match="is no operation and no function"):
        Job(**CSV_TO_CSV, operations=[Select(("a",)), operation])


@pytest.mark.parametrize(
    "job",
    [
        {**CSV_TO_JSONL, "nulls": "NA"},
        {**CSV_TO_JSONL, "nulls": b"NA"},
        {**JSONL_TO_CSV, "columns": "abc"},
        {**CSV_TO_CSV, "operations": [Select("abc")]},  # type: ignore[arg-type]  # the mistake
        {**CSV_TO_CSV, "operations": [Drop("abc")]},  # type: ignore[arg-type]  # the mistake
    ],
    ids=["nulls", "bytes", "columns", "select", "drop"],
)
def test_one_text_where_a_list_belongs_is_refused(job: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="is one text where a list of them is needed"):
        Job(**job)


@pytest.mark.parametrize(
    ("job", "option"),
    [
        ({**JSONL_TO_JSONL, "columns": ["a"]}, "--columns"),
        ({**JSONL_TO_JSONL, "columns": ["a"], "operations": [Limit(1)]}, "--columns"),
        ({**CSV_TO_JSONL, "columns": ["a"]}, "--columns"),
        ({**JSONL_TO_CSV, "extra_keys": "drop", "operations": [Select(("a",))]}, "--extra-keys"),
        ({**JSONL_TO_CSV, "extra_keys": "error", "operations": [Select(("a",))]}, "--extra-keys"),
        ({**CSV_TO_CSV, "extra_keys": "drop"}, "--extra-keys"),
        ({**CSV_TO_JSONL, "nested": "json"}, "--nested"),
        ({**CSV_TO_CSV, "nulls": ["NA"]}, "--null"),
        ({**CSV_TO_CSV, "pinned_types": {"a": "string"}}, "--type"),
        ({**JSONL_TO_CSV, "strict_types": True}, "--strict-types"),
        ({**CSV_TO_JSONL, "crlf": True}, "--crlf"),
        ({**CSV_TO_JSONL, "add_bom": True}, "--add-bom"),
        ({**CSV_TO_JSONL, "output_delimiter": ";"}, "--output-delimiter"),
        ({**JSONL_TO_CSV, "delimiter": ";"}, "--delimiter"),
        ({**JSONL_TO_JSONL, "quote": "'"}, "--quote"),
        ({**JSONL_TO_JSONL, "has_header": False}, "--no-header"),
    ],
)
def test_option_that_can_have_no_effect_is_refused(job: dict[str, Any], option: str) -> None:
    with pytest.raises(UsageError, match=f"^{option} needs .*; this run goes from "):
        Job(**job)


@pytest.mark.parametrize("operation", [lambda record: record, Where("a > 1"), Set("b", "a")])
def test_values_that_are_flattened_meet_no_function_and_no_expression(operation: Any) -> None:
    with pytest.raises(UsageError, match="--nested flatten needs a chain without --fn"):
        Job(**{**JSONL_TO_CSV, "nested": "flatten", "operations": [operation]})


@pytest.mark.parametrize(
    ("options", "needed"),
    [
        ({"output": "-", "target_format": "jsonl"}, "an output file"),
        ({"resume": True}, "a run without --resume"),
        ({"checkpoint": "c"}, "a run without --checkpoint"),
    ],
)
def test_doing_without_fsync_is_refused_where_it_has_no_effect_or_a_bad_one(
    options: dict[str, Any], needed: str
) -> None:
    with pytest.raises(UsageError, match=f"--no-fsync needs {needed}"):
        Job(**{**CSV_TO_JSONL, **options, "fsync": False})


@pytest.mark.parametrize(
    "job",
    [
        {**JSONL_TO_JSONL, "columns": ["a"], "operations": [Select(("a",))]},
        {**JSONL_TO_JSONL, "columns": ["a", "b"], "operations": [Drop(("a",)), Limit(1)]},
        {**JSONL_TO_CSV, "columns": ("a",), "extra_keys": "drop", "operations": [Limit(1)]},
        {**CSV_TO_JSONL, "nulls": ("NA", ""), "pinned_types": {"a": "number"}},
        {**CSV_TO_CSV, "delimiter": ";", "output_delimiter": "tab", "quote": "'", "crlf": True},
    ],
)
def test_options_that_go_together_make_a_job(job: dict[str, Any]) -> None:
    assert Job(**job).recipe.source is not None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delimiter": '"'}, "are both"),
        ({"delimiter": ";;"}, "is not one ASCII character"),
        ({"delimiter": ""}, "is not one ASCII character"),
        ({"quote": "«"}, "is not one ASCII character"),
        ({"delimiter": "\n"}, "is not one ASCII character"),
        ({"skip_lines": -1}, "--skip-lines -1 cannot work; it must be at least 0"),
        ({"workers": 0}, "--workers 0 cannot work; it must be at least 1"),
        ({"workers": 1025}, "--workers 1025 cannot work; it must be at most 1,024"),
        ({"operations": [lambda records: records], "batch_records": 10**19}, "it must be at most"),
        ({"operations": [Limit(10**19)]}, "it must be at most"),
        ({"summary": ""}, "--summary names no file"),
        ({"metrics": ""}, "--metrics names no file"),
        ({"report": ""}, "--report names no file"),
        ({"buffer_chunks": -1}, "--buffer -1 cannot work"),
        ({"buffer_bytes": 0}, "--buffer-bytes 0 cannot work"),
        ({"chunk_size_bytes": 0}, "--chunk-size 0 cannot work"),
        ({"max_record_bytes": 0}, "--max-record-bytes 0 cannot work"),
        ({"max_memory_bytes": 0}, "--max-memory 0 bytes is too little"),
        ({"operations": [Limit(-1)]}, "--limit -1 cannot work; it must be at least 0"),
        ({"operations": [Rename("a", "\udcff")]}, "is not valid UTF-8"),
        ({"pinned_types": {"a": "float"}}, "no type 'float'; the types are: string, integer"),
        ({"nulls": ["\udcff"]}, "is not valid UTF-8"),
        ({"encoding": "klingon"}, "no text encoding is called 'klingon'"),
        ({"encoding": "base64"}, "no text encoding is called 'base64'"),
    ],
)
def test_value_that_cannot_work_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Job(**CSV_TO_JSONL, **options)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "message"), [((), "names no column"), (("a", "b", "a"), "names 'a' twice")]
)
def test_columns_are_some_and_distinct(columns: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Job(**JSONL_TO_CSV, columns=columns)


@pytest.mark.parametrize(("input", "output"), [("-", "out.csv"), ("in.txt", "o.csv"), ("a.gz", "")])
def test_format_that_the_name_does_not_tell_must_be_said(input: str, output: str) -> None:
    with pytest.raises(UsageError, match="say --from csv, tsv, jsonl, json, parquet, "):
        Job(input=input, output=output)


def test_limit_runs_one_worker_whatever_was_asked_for() -> None:
    assert Job(**CSV_TO_CSV, workers=4, operations=[Limit(5)]).sizing.workers == 1
    assert Job(**CSV_TO_CSV, workers=4).sizing.workers == 4


OPEN: dict[str, Any] = {
    "workers": None,
    "chunk_size_bytes": None,
    "buffer_chunks": None,
    "max_memory_bytes": None,
    "max_record_bytes": None,
}


def test_sizing_left_open_uses_the_cpus_and_the_usual_chunk() -> None:
    sizing = choose_sizing(**OPEN)
    assert (sizing.workers, sizing.chunk_size_bytes) == (available_cpus(), DEFAULT_CHUNK_SIZE_BYTES)
    assert sizing.credits == sizing.buffer_chunks + 2 * sizing.workers + 2


def test_sizing_keeps_what_was_fixed() -> None:
    fixed = {"workers": 3, "chunk_size_bytes": 777, "buffer_chunks": 5, "max_record_bytes": 99}
    for max_memory_bytes in (None, 100 * MIB):
        sizing = choose_sizing(**fixed, max_memory_bytes=max_memory_bytes)
        assert dataclasses.asdict(sizing).items() >= fixed.items()


def test_memory_of_a_run_follows_from_the_bytes_that_may_wait() -> None:
    fixed = {**OPEN, "workers": 2, "chunk_size_bytes": MIB, "buffer_chunks": 8}
    by_count = choose_sizing(**fixed)
    by_bytes = choose_sizing(**fixed, most_waiting_bytes=3 * MIB)
    alone = choose_sizing(**fixed, most_waiting_bytes=1)
    assert (by_count.buffer_bytes, by_bytes.buffer_bytes, alone.buffer_bytes) == (
        8 * MIB,
        3 * MIB,
        1,
    )
    assert by_bytes.credit_bytes == by_count.credit_bytes - 5 * MIB
    assert alone.credit_bytes == by_count.credit_bytes - 7 * MIB
    assert by_bytes.peak_bytes == by_count.peak_bytes - 10 * MIB
    assert choose_sizing(**fixed, most_waiting_bytes=99 * MIB).buffer_bytes == 8 * MIB


def test_reader_that_never_waits_has_credits_for_all_that_may_wait_and_two() -> None:
    fixed = {**OPEN, "workers": 2, "chunk_size_bytes": MIB, "buffer_chunks": 8}
    waiting, overflowing = choose_sizing(**fixed), choose_sizing(**fixed, has_reserve=True)
    assert (waiting.reserve_credits, overflowing.reserve_credits) == (0, 10)
    assert overflowing.credits == waiting.credits
    assert overflowing.peak_bytes == waiting.peak_bytes + 10 * MIB


def test_no_run_is_sized_for_more_than_its_memory() -> None:
    sized = 0
    cases = itertools.product((None, 1, 2, 8), (None, MIB), (None, 1, 16), range(40, 400, 15))
    for workers, chunk_size_bytes, buffer_chunks, mib in cases:
        try:
            sizing = choose_sizing(
                workers=workers,
                chunk_size_bytes=chunk_size_bytes,
                buffer_chunks=buffer_chunks,
                max_memory_bytes=mib * MIB,
                max_record_bytes=None,
            )
        except UsageError:
            continue
        sized += 1
        assert sizing.peak_bytes <= mib * MIB
        assert sizing.chunk_size_bytes >= SMALLEST_CHUNK_BYTES
        assert sizing.max_record_bytes >= sizing.chunk_size_bytes
        assert sizing.buffer_chunks >= 1
    assert sized > 300


def test_more_memory_never_makes_smaller_chunks_or_fewer_workers() -> None:
    sizings = [
        choose_sizing(**{**OPEN, "max_memory_bytes": mib * MIB}) for mib in range(64, 1000, 8)
    ]
    for smaller, larger in itertools.pairwise(sizings):
        assert smaller.chunk_size_bytes <= larger.chunk_size_bytes
        assert smaller.workers <= larger.workers
        assert smaller.max_record_bytes <= 16 * MIB


def test_memory_that_is_refused_names_one_that_is_enough() -> None:
    fixed = {**OPEN, "workers": 4, "chunk_size_bytes": MIB, "buffer_chunks": 8}
    with pytest.raises(UsageError) as caught:
        choose_sizing(**{**fixed, "max_memory_bytes": 50 * MIB})
    needed_mib = int(str(caught.value).partition("a run needs ")[2].partition("M")[0])
    assert choose_sizing(**{**fixed, "max_memory_bytes": needed_mib * MIB}).workers == 4
    with pytest.raises(UsageError):
        choose_sizing(**{**fixed, "max_memory_bytes": (needed_mib - 1) * MIB})


@pytest.mark.parametrize(
    "option", ["output", "rejects", "checkpoint", "lock_file", "summary", "metrics", "report"]
)
def test_a_functions_own_file_is_never_written(tmp_path: Path, option: str) -> None:
    function = tmp_path / "f.py"
    function.write_text("def f(record):\n    return record\n")
    places = {"output": str(tmp_path / "out.csv"), option: str(function)}
    options: Any = {"target_format": "csv", "operations": (Apply(f"{function}:f"),), **places}
    with pytest.raises(UsageError, match="is the file of --fn"):
        Job(input=str(tmp_path / "in.csv"), **options)
