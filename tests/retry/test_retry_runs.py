"""A retry is told of by where records first stood, wherever it runs and whatever is in its way."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import streamx
from streamx import Apply, BadRecordError, FunctionError, InputError, UsageError

HERE = Path(__file__)
Run = Callable[..., "subprocess.CompletedProcess[bytes]"]
HEAD = b"id,kind\n"


def picky(record: Any) -> Any:
    if record["kind"] == "bad":
        raise ValueError("as told")
    return record | {"seen": True}


async def asking(record: Any) -> Any:
    return picky(record)


def patient(record: Any) -> Any:
    return record | {"seen": True}


ENGINES: dict[str, Any] = {
    "processes": Apply(f"{HERE}:picky"),
    "loop": Apply(f"{HERE}:asking"),
    "caller": lambda record: picky(record),
}


def rejected(directory: Path, data: bytes, name: str = "in.csv", **options: Any) -> Path:
    """Return the rejects file of a run."""
    (directory / name).write_bytes(data)
    path = directory / f"{name}.rejects.jsonl"
    streamx.transform(directory / name, directory / "first.jsonl", rejects=path, **options)
    return path


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


def write(path: Path, rejects: Sequence[dict[str, Any]]) -> Path:
    path.write_bytes(b"".join(json.dumps(each).encode() + b"\n" for each in rejects))
    return path


@pytest.mark.parametrize("engine", ENGINES)
def test_attempts_add_up_over_retries_in_every_engine(tmp_path: Path, engine: str) -> None:
    path = rejected(tmp_path, HEAD + b"1,bad\n2,good\n3\n" * 50, operations=[ENGINES[engine]])
    first = lines_of(path)
    for attempts in (2, 3):
        after = tmp_path / f"{attempts}.jsonl"
        streamx.retry(path, tmp_path / "o.jsonl", operations=[ENGINES[engine]], rejects=after)
        assert lines_of(after) == [each | {"attempts": attempts} for each in first]
        path = after


@pytest.mark.parametrize("engine", ENGINES)
def test_a_failure_names_where_the_record_first_stood(tmp_path: Path, engine: str) -> None:
    path = rejected(tmp_path, HEAD + b"1,good\n2,bad\n", operations=[ENGINES[engine]])
    with pytest.raises(FunctionError) as caught:
        streamx.retry(path, tmp_path / "o.jsonl", operations=[ENGINES[engine]])
    error = caught.value
    assert (error.source, error.line, error.offset) == (f"{tmp_path}/in.csv", 3, 15)


def test_columns_that_a_function_adds_are_in_the_header(tmp_path: Path) -> None:
    path = rejected(tmp_path, HEAD + b"1,bad\n2,bad\n", operations=[lambda r: picky(r)])
    streamx.retry(path, tmp_path / "o.csv", operations=[lambda r: patient(r)], chunk_size_bytes=1)
    assert (tmp_path / "o.csv").read_bytes() == b"id,kind,seen\n1,bad,true\n2,bad,true\n"


def test_rejects_of_several_inputs_may_be_joined(tmp_path: Path) -> None:
    paths = [rejected(tmp_path, HEAD + b"1\n", "a.csv"), rejected(tmp_path, HEAD + b"2\n", "b.csv")]
    joined = tmp_path / "joined.jsonl.gz"
    joined.write_bytes(gzip.compress(b"".join(path.read_bytes() for path in paths)))
    streamx.retry(joined, tmp_path / "o.jsonl", on_error="reject", types="string")
    rejects = lines_of(tmp_path / "o.jsonl.rejects.jsonl")
    assert [Path(each["source"]).name for each in rejects] == ["a.csv", "b.csv"]


def test_a_quote_that_is_left_open_takes_no_other_reject(tmp_path: Path) -> None:
    first = lines_of(rejected(tmp_path, HEAD + b'0,a\n1,"x\n2,b\n'))
    path = write(tmp_path / "joined.jsonl", [*first, first[0] | {"raw": "3,c"}, *first])
    streamx.retry(path, tmp_path / "o.jsonl", on_error="reject")
    assert (tmp_path / "o.jsonl").read_bytes() == b'{"id":3,"kind":"c"}\n'
    assert len(lines_of(tmp_path / "o.jsonl.rejects.jsonl")) == 2


def test_a_record_may_be_repaired_by_hand(tmp_path: Path) -> None:
    (reject,) = lines_of(rejected(tmp_path, HEAD + b"0,a\n1\n"))
    path = write(tmp_path / "edited.jsonl", [reject | {"raw": "1,a\n2,b", "offset": 99}])
    streamx.retry(path, tmp_path / "o.jsonl")
    assert (tmp_path / "o.jsonl").read_bytes() == b'{"id":1,"kind":"a"}\n{"id":2,"kind":"b"}\n'


@pytest.mark.parametrize(
    ("options", "data", "repaired"),
    [
        ({"delimiter": ";"}, b"1;a\n", b"1,a\n"),
        ({"quote": "'"}, b"1,'a,b'\n", b"1,'a,b'\n"),
        ({"encoding": "latin-1"}, b"1,\xe9\n", "1,é\n".encode()),
    ],
)
def test_options_say_how_to_read_rejects_otherwise(
    tmp_path: Path, options: dict[str, Any], data: bytes, repaired: bytes
) -> None:
    path = rejected(tmp_path, HEAD + data)
    streamx.retry(path, tmp_path / "o.csv", has_header=False, **options)
    assert (tmp_path / "o.csv").read_bytes() == repaired


def test_types_are_those_of_the_first_run(tmp_path: Path) -> None:
    path = rejected(tmp_path, HEAD + b"1,a\n2\n")
    write(path, [reject | {"raw": "2.0,7"} for reject in lines_of(path)])
    with pytest.raises(BadRecordError, match="column id, which is of type integer"):
        streamx.retry(path, tmp_path / "o.jsonl", strict_types=True)
    streamx.retry(path, tmp_path / "o.jsonl", pinned_types={"id": "number"})
    assert (tmp_path / "o.jsonl").read_bytes() == b'{"id":2.0,"kind":"7"}\n'


def test_the_columns_of_jsonl_are_those_of_the_first_run(tmp_path: Path) -> None:
    data = b'{"a":1,"b":2}\n{"b":1,"a":}\n'
    (tmp_path / "in.jsonl").write_bytes(data)
    streamx.transform(tmp_path / "in.jsonl", tmp_path / "1.csv", rejects=tmp_path / "r.jsonl")
    (reject,) = lines_of(tmp_path / "r.jsonl")
    streamx.retry(write(tmp_path / "r.jsonl", [reject | {"raw": '{"b":1}'}]), tmp_path / "o.csv")
    assert (tmp_path / "o.csv").read_bytes() == b"a,b\n,1\n"


@pytest.mark.parametrize("to", ["jsonl", "csv"])
def test_what_was_cut_off_is_passed_on_as_it_is(tmp_path: Path, to: str) -> None:
    data = HEAD + b"1," + b"x" * 50 + b"\n2\n3," + b"y" * 50 + b"\n4,bad\n"
    options: dict[str, Any] = {"operations": [lambda r: picky(r)], "max_errors": 4}
    path = rejected(tmp_path, data, max_record_bytes=20, **options)
    report = streamx.retry(path, tmp_path / f"o.{to}", on_error="reject", **options)
    first, again = lines_of(path), lines_of(tmp_path / f"o.{to}.rejects.jsonl")
    assert [each["attempts"] for each in again] == [1, 2, 1, 2]
    assert [each | {"attempts": 1} for each in again] == first
    assert (report.records_in, report.bad_record_count) == (4, 4)
    assert "2 parse (cut off in the rejects file), first in line 1" in report.warnings[-1]
    with pytest.raises(BadRecordError, match=r"line 2 .* only the first bytes"):
        streamx.retry(path, tmp_path / "p.jsonl")


def test_too_many_bad_records_are_told_by_lines_of_the_rejects_file(tmp_path: Path) -> None:
    path = rejected(tmp_path, HEAD + b"1,a\n2\n3\n4\n")
    with pytest.raises(streamx.TooManyBadRecordsError, match=r"2 records, the last in line 2 "):
        streamx.retry(path, tmp_path / "o.jsonl", on_error="skip", max_errors=1)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"format": {"name": "jsonl"}, "columns": []}, "a reject with format jsonl"),
        ({"columns": {"id": "integer"}}, "a reject with columns id; expected id,kind"),
        (
            {"columns": {"id": "number", "kind": "string"}},
            "type number for column id; expected integer (",
        ),
        ({"format": {"name": "csv", "delimiter": ";", "quote": '"'}}, "a reject with delimiter"),
        ({"raw": 7}, '"raw" with 7'),
        ({"line": -1}, '"line" with -1'),
        ({"raw_base64": "?"}, '"raw_base64" that cannot be read'),
    ],
)
def test_a_line_that_cannot_be_read_is_named(
    tmp_path: Path, change: dict[str, Any], found: str
) -> None:
    (reject,) = lines_of(rejected(tmp_path, HEAD + b"0,a\n1\n"))
    path = write(tmp_path / "two.jsonl", [reject | {"raw": "1,a"}, reject | change])
    for on_error in ("fail", "reject"):
        with pytest.raises(InputError) as caught:
            streamx.retry(path, tmp_path / "o.jsonl", on_error=on_error)
        assert f"{path}, line 2 (byte " in str(caught.value)
        assert found in str(caught.value)
        assert not (tmp_path / "o.jsonl").exists()


def test_a_line_that_is_no_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_bytes(b"\nid,kind\n")
    with pytest.raises(InputError, match=r"r.jsonl, line 2 .*'id,kind', which is not JSON"):
        streamx.retry(tmp_path / "r.jsonl", tmp_path / "o.jsonl")


def test_no_rejects_give_an_empty_output(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_bytes(b"")
    assert streamx.retry(tmp_path / "r.jsonl", tmp_path / "o.csv").records_in == 0
    assert (tmp_path / "o.csv").read_bytes() == b""


def test_the_first_output_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "o.jsonl.rejects.jsonl").write_bytes(b"")
    with pytest.raises(UsageError, match="would be replaced"):
        streamx.retry(tmp_path / "o.jsonl.rejects.jsonl", tmp_path / "o.jsonl")
    with pytest.raises(UsageError, match="takes no option 'resume'"):
        streamx.retry(tmp_path / "o.jsonl.rejects.jsonl", tmp_path / "p.jsonl", resume=True)


def test_the_command_joins_a_pipe(streamx: Run, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(HEAD + b"1\n2,b\n")
    streamx("transform", "in.csv", "o.jsonl", "--on-error", "reject")
    rejects = (tmp_path / "o.jsonl.rejects.jsonl").read_bytes()
    result = streamx("retry", "-", "-", "--to", "jsonl", "--on-error", "skip", stdin=rejects)
    assert (result.returncode, result.stdout) == (3, b"")
    assert b"standard input: 1 bad record left out" in result.stderr
    result = streamx("retry", "o.jsonl.rejects.jsonl", "p.jsonl", "--explain")
    assert b"id: integer" in result.stdout
    assert not (tmp_path / "p.jsonl").exists()
