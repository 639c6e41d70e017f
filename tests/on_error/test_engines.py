"""A bad record is left out in the same way wherever it is run, and whatever cannot take it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from bad_cells import ENGINES, HERE, output_of, rejects_of, run, table

import streamx
from streamx import Apply, Drop, Limit, StreamxError, Where

KINDS = ["good", "cells", "raise", "good", "nan", "quote", "half", "two"] * 40
STAGES = {
    "cells": "parse",
    "quote": "parse",
    "raise": "transform",
    "nan": "encode",
    "half": "encode",
}
TYPES = {
    "cells": "number of cells",
    "quote": "text after a quote",
    "raise": "ValueError",
    "nan": "value",
    "half": "value",
}
engines = pytest.mark.parametrize("engine", ENGINES)


@engines
@pytest.mark.parametrize("is_ordered", [True, False])
@pytest.mark.parametrize("chunk_size_bytes", [100, None])
def test_what_a_function_cannot_take_goes_to_the_rejects(
    tmp_path: Path, engine: str, is_ordered: bool, chunk_size_bytes: int | None
) -> None:
    report = run(
        tmp_path,
        table(KINDS),
        operations=[ENGINES[engine]],
        is_ordered=is_ordered,
        chunk_size_bytes=chunk_size_bytes,
        workers=2,
    )
    assert report.ran_in == engine
    output, rejects = output_of(tmp_path), rejects_of(tmp_path)
    if not is_ordered:
        output.sort(key=lambda record: record["id"])
        rejects.sort(key=lambda reject: reject["line"])
    good = [n for n, kind in enumerate(KINDS) for _ in range({"good": 1, "two": 2}.get(kind, 0))]
    assert [record["id"] for record in output] == good
    bad = [number for number, kind in enumerate(KINDS) if kind in STAGES]
    assert [reject["line"] - 2 for reject in rejects] == bad
    for number, reject in zip(bad, rejects, strict=True):
        kind = KINDS[number]
        assert (reject["stage"], reject["error"]["type"]) == (STAGES[kind], TYPES[kind])
        assert table(KINDS)[reject["offset"] :].startswith(reject["raw"].encode() + b"\n")
    counts = Counter(TYPES[KINDS[number]] for number in bad)
    assert {kind.name: n.count for kind, n in report.bad_records.items()} == {
        "number of cells": counts["number of cells"],
        "text after a quote": counts["text after a quote"],
        "ValueError": counts["ValueError"],
        "value": counts["value"],
    }
    assert (report.records_in, report.records_out) == (len(KINDS), len(good))
    assert (report.bad_record_count, report.exit_code) == (len(bad), 3)


@engines
@pytest.mark.parametrize("kind", STAGES)
def test_without_lenience_the_first_bad_record_ends_the_run(
    tmp_path: Path, engine: str, kind: str
) -> None:
    with pytest.raises(StreamxError, match="line 3"):
        run(tmp_path, table(["good", kind]), operations=[ENGINES[engine]], on_error="fail")
    assert not (tmp_path / "out.jsonl").exists()
    assert rejects_of(tmp_path) == []


@engines
def test_skipping_counts_and_writes_no_rejects(tmp_path: Path, engine: str) -> None:
    report = run(tmp_path, table(KINDS), operations=[ENGINES[engine]], on_error="skip")
    assert report.bad_record_count == 200
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["in.csv", "out.jsonl"]
    assert report.warnings[-1].startswith(f"{tmp_path}/in.csv: 200 bad records left out: ")


@engines
def test_a_limit_counts_records_that_passed(tmp_path: Path, engine: str) -> None:
    kinds = ["raise", "good", "cells", "good", "good", "raise"]
    run(tmp_path, table(kinds), operations=[ENGINES[engine], Limit(2)])
    assert [record["id"] for record in output_of(tmp_path)] == [1, 3]
    assert [reject["line"] for reject in rejects_of(tmp_path)] == [2, 4]


@engines
def test_steps_around_a_function_reject_too(tmp_path: Path, engine: str) -> None:
    steps = [Where("int(id) >= 0"), ENGINES[engine], Where("kind < 5"), Drop(("kind",))]
    data = b"id,kind\n1,raise\nx,good\n3,good\n4,7\n5,3\n"
    run(tmp_path, data, operations=steps, types="string")
    found = [(reject["line"], reject["error"]["type"]) for reject in rejects_of(tmp_path)]
    assert found == [
        (2, "ValueError"),
        (3, "expression"),
        (4, "expression"),
        (5, "expression"),
        (6, "expression"),
    ]


@pytest.mark.parametrize("codec_runs", ["expressions", "conversion"])
def test_threads_reject_what_cannot_be_parsed_typed_or_computed(
    tmp_path: Path, codec_runs: str
) -> None:
    operations = [Where("1 / a != 7")] if codec_runs == "expressions" else []
    data = b"a,b\n1,2\nx,3\n4\n0,5\n6,7\n"
    run(tmp_path, data, operations=operations, strict_types=True, pinned_types={"a": "integer"})
    is_computed = codec_runs == "expressions"
    assert [record["a"] for record in output_of(tmp_path)] == [1, *([] if is_computed else [0]), 6]
    lines = [reject["line"] for reject in rejects_of(tmp_path)]
    assert lines == [3, 4, *([5] if is_computed else [])]


@pytest.mark.parametrize(
    ("function", "error"), [("dying", "WorkerDiedError"), ("hanging", "TimeoutError")]
)
def test_a_record_at_which_two_processes_end_is_left_out(
    tmp_path: Path, function: str, error: str
) -> None:
    kinds = ["good"] * 30 + ["die"] + ["good", "cells"] * 20 + ["die", "good"]
    timeout = {"timeout_seconds": 1.0} if function == "hanging" else {}
    run(tmp_path, table(kinds), operations=[Apply(f"{HERE}:{function}")], workers=1, **timeout)
    assert [record["kind"] for record in output_of(tmp_path)] == ["good"] * 51
    deaths = [reject for reject in rejects_of(tmp_path) if reject["stage"] == "transform"]
    assert [reject["line"] for reject in deaths] == [32, 73]
    assert {(reject["error"]["type"], reject["attempts"]) for reject in deaths} == {(error, 2)}


def test_a_batch_that_fails_is_rejected_as_a_whole(tmp_path: Path) -> None:
    kinds = ["good", "good", "good", "raise", "good", "cells", "good"]
    run(tmp_path, table(kinds), operations=[Apply(f"{HERE}:all_picky")], batch_records=2)
    assert [record["id"] for record in output_of(tmp_path)] == [0, 1, 4, 6]
    assert [reject["line"] for reject in rejects_of(tmp_path)] == [4, 5, 7]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_batch_at_which_two_processes_end_is_left_out_as_a_whole(
    tmp_path: Path, workers: int
) -> None:
    kinds = ["good"] * 30 + ["die"] + ["good", "cells"] * 20 + ["die", "good", "good"]
    operations = [Where("id != 33"), Apply(f"{HERE}:all_dying")]
    data, options = table(kinds), {"workers": workers, "batch_records": 4}
    run(tmp_path, data, operations=operations, **options)
    deaths = [reject for reject in rejects_of(tmp_path) if reject["stage"] == "transform"]
    assert [reject["raw"].split(",")[0] for reject in deaths] == [
        *("28", "29", "30", "31"),
        *("67", "69", "71", "72"),
    ]
    assert {reject["error"]["type"] for reject in deaths} == {"WorkerDiedError"}
    numbers = {number for number, kind in enumerate(kinds) if kind == "good"}
    left_out = {28, 29, 30, 31, 33, 67, 69, 71, 72}
    assert [record["id"] for record in output_of(tmp_path)] == sorted(numbers - left_out)


def test_a_batch_that_is_deadly_is_named_by_its_lines(tmp_path: Path) -> None:
    kinds = ["good"] * 5 + ["die"] + ["good"] * 5
    operations = [Apply(f"{HERE}:all_dying")]
    with pytest.raises(StreamxError, match=r"at lines 6 to 9 \(byte"):
        run(tmp_path, table(kinds), operations=operations, batch_records=4, on_error="fail")


@pytest.mark.parametrize("engine", ["processes", "loop"])
def test_rejects_say_how_often_a_function_was_called(tmp_path: Path, engine: str) -> None:
    operations: list[Any] = [ENGINES[engine]]
    run(tmp_path, table(["raise", "good"]), operations=operations, retries=2)
    assert [reject["attempts"] for reject in rejects_of(tmp_path)] == [3]


@engines
def test_nobody_calls_a_function_twice_for_a_record_behind_a_bad_one(
    tmp_path: Path, engine: str
) -> None:
    if engine == "processes":
        pytest.skip("its calls cannot be counted from here, and are those of the caller's thread")
    calls: Counter[int] = Counter()

    def counted(record: Any) -> Any:
        calls[record["id"]] += 1
        return {"id": float("nan")} if record["kind"] == "nan" else record

    async def counted_later(record: Any) -> Any:
        return counted(record)

    data = table(["good", "nan"] * 500)
    run(tmp_path, data, operations=[counted_later if engine == "loop" else counted])
    assert set(calls.values()) == {1}
    assert len(calls) == 1000


def test_the_library_raises_for_too_many_only(tmp_path: Path) -> None:
    data = table(["cells"] * 3 + ["good"])
    assert run(tmp_path, data, max_errors=3).bad_record_count == 3
    with pytest.raises(streamx.TooManyBadRecordsError, match="3 are bad of the first 3 records"):
        run(tmp_path, data, max_errors=2)
