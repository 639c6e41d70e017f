"""Columns that functions add to a CSV: the first results decide, whatever the engine and sizes."""

from __future__ import annotations

from pathlib import Path

import pytest
from functions import numbers, transform, write

import streamx
from streamx.errors import FunctionError

TO_CSV = ("--from", "csv", "--to", "csv")
FUNCTIONS = """
    import os

    def doubled(record):
        record["b"] = record["a"] * 2
        return record
    async def doubled_async(record):
        return doubled(record)
    def late(record):
        return record | {"late": 1} if record["a"] == 1500 else record
    async def late_async(record):
        return late(record)
    def last(record):
        return record | {"last": 1} if record["a"] == 999 else record
    async def last_async(record):
        return last(record)
    def triple(record):
        for number in range(3):
            yield {"a": record["a"], f"n{number}_{record['a'] // 334}": number}
    def odd(record):
        return record | {"odd": True} if record["a"] % 2 else None
    def none(record):
        return None
    def failing(record):
        return doubled(record) if record["a"] < 3 else 1 / 0
    async def failing_async(record):
        return failing(record)
    def dies_once(record):
        if record["a"] == 2 and not os.path.exists("died"):
            open("died", "w").close()
            os._exit(1)
        return doubled(record)
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    write(tmp_path, FUNCTIONS)
    return tmp_path


def doubles(count: int) -> str:
    return "".join(["a,b\n", *(f"{number},{2 * number}\n" for number in range(count))])


@pytest.mark.parametrize("name", ["doubled", "doubled_async"])
@pytest.mark.parametrize("options", [(), ("--workers", "1"), ("--chunk-size", "50")])
def test_new_keys_become_columns_for_any_sizes(
    here: Path, name: str, options: tuple[str, ...]
) -> None:
    outcome = transform(here, *TO_CSV, "--fn", f"f.py:{name}", *options, stdin=numbers(3_000))
    assert outcome == (0, doubles(3_000), "")


@pytest.mark.parametrize("name", ["last", "last_async"])
def test_the_thousandth_result_still_decides(here: Path, name: str) -> None:
    options = (*TO_CSV, "--fn", f"f.py:{name}", "--chunk-size", "50")
    outcome = transform(here, *options, stdin=numbers(1_200))
    lines = outcome.output.splitlines()
    assert (outcome.status, lines[0], lines[1], lines[1_000]) == (0, "a,last", "0,", "999,1")


@pytest.mark.parametrize("name", ["late", "late_async"])
def test_a_later_key_is_an_error_or_dropped(here: Path, name: str) -> None:
    command = (*TO_CSV, "--fn", f"f.py:{name}")
    refused = transform(here, *command, stdin=numbers(2_000))
    assert refused.status == 1
    assert "line 1502" in refused.errors
    assert "the key 'late', which the header lacks" in refused.errors
    dropped = transform(here, *command, "--extra-keys", "drop", stdin=numbers(2_000))
    assert (dropped.status, dropped.output) == (0, numbers(2_000))
    named = transform(here, *command, "--columns", "a,late", stdin=numbers(2_000))
    assert named.output.splitlines()[1_501] == "1500,1"


def test_results_beyond_the_thousandth_do_not_decide(here: Path) -> None:
    command = (*TO_CSV, "--fn", "f.py:triple", "--extra-keys", "drop")
    outcome = transform(here, *command, stdin=numbers(999))
    assert outcome.output.splitlines()[0] == "a,n0_0,n1_0,n2_0"


def test_a_selection_behind_functions_names_the_columns(here: Path) -> None:
    command = (*TO_CSV, "--fn", "f.py:doubled", "--select", "b")
    assert transform(here, *command, stdin=numbers(2)).output == "b\n0\n2\n"


def test_columns_renamed_behind_a_function_are_found(here: Path) -> None:
    command = (*TO_CSV, "--fn", "f.py:doubled", "--rename", "b=c", "--drop", "a")
    assert transform(here, *command, stdin=numbers(2)).output == "c\n0\n2\n"


@pytest.mark.parametrize(
    ("stdin", "output"),
    [("a\n", "a\n"), ("a\n1", "a,b\n1,2\n"), ("a\n1\n2", "a,b\n1,2\n2,4\n"), ("", "")],
)
def test_short_inputs_have_a_header(here: Path, stdin: str, output: str) -> None:
    assert transform(here, *TO_CSV, "--fn", "f.py:doubled", stdin=stdin) == (0, output, "")


def test_the_header_is_there_when_every_record_was_dropped(here: Path) -> None:
    assert transform(here, *TO_CSV, "--fn", "f.py:none", stdin=numbers(9)) == (0, "a\n", "")


def test_a_table_without_header_gets_columns_all_the_same(here: Path) -> None:
    write(here, "def f(r):\n    return r | {'b': 1}\n", "g.py")
    command = (*TO_CSV, "--no-header", "--fn", "g.py:f", "--add-bom", "--crlf")
    assert transform(here, *command, stdin="7\n") == (0, "\ufeff7,1\r\n", "")


@pytest.mark.parametrize("name", ["failing", "failing_async"])
def test_results_before_a_failure_are_written(here: Path, name: str) -> None:
    outcome = transform(here, *TO_CSV, "--fn", f"f.py:{name}", stdin=numbers(9))
    assert (outcome.status, outcome.output) == (1, doubles(3))
    assert "line 5" in outcome.errors


def test_a_worker_that_dies_over_the_first_records_changes_nothing(here: Path) -> None:
    command = (*TO_CSV, "--fn", "f.py:dies_once", "--workers", "2")
    assert transform(here, *command, stdin=numbers(3_000)) == (0, doubles(3_000), "")


def test_new_keys_of_jsonl_become_columns(here: Path) -> None:
    command = ("--from", "jsonl", "--to", "csv", "--fn", "f.py:odd")
    stdin = "".join(f'{{"a":{number}}}\n' for number in range(5))
    assert transform(here, *command, stdin=stdin).output == "a,odd\n1,true\n3,true\n"


def test_a_limit_of_nothing_has_a_header(here: Path) -> None:
    command = (*TO_CSV, "--fn", "f.py:doubled", "--limit", "0")
    assert transform(here, *command, stdin=numbers(9)) == (0, "a\n", "")


def test_a_closure_in_the_library_adds_columns(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(numbers(2_500))
    added = 2
    streamx.transform(
        tmp_path / "in.csv",
        tmp_path / "out.csv",
        operations=[lambda record: record | {"b": record["a"] * added}],
        chunk_size_bytes=100,
    )
    assert (tmp_path / "out.csv").read_text() == doubles(2_500)


def test_a_late_key_in_the_library_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(numbers(1_200))
    with pytest.raises(FunctionError) as caught:
        streamx.transform(
            tmp_path / "in.csv",
            tmp_path / "out.csv",
            operations=[lambda record: record | ({"b": 1} if record["a"] == 1_100 else {})],
        )
    assert caught.value.line == 1_102


@pytest.mark.parametrize("key", ["1", "None", r"'\ud800'"])
@pytest.mark.parametrize("kind", ["", "async "])
def test_a_key_that_is_no_name_is_an_error_of_its_record(here: Path, key: str, kind: str) -> None:
    write(here, f"{kind}def f(r):\n    return {{{key}: 1}} if r['a'] == 2 else r\n", "g.py")
    stopped = transform(here, *TO_CSV, "--fn", "g.py:f", stdin=numbers(5))
    assert (stopped.status, stopped.output) == (1, numbers(2))
    assert "line 4" in stopped.errors
    skipped = transform(here, *TO_CSV, "--fn", "g.py:f", "--on-error", "skip", stdin=numbers(5))
    assert (skipped.status, skipped.output) == (3, "a\n0\n1\n3\n4\n")


def test_a_text_of_a_class_of_its_own_is_a_name(here: Path) -> None:
    write(here, "class K(str):\n    pass\ndef f(r):\n    return r | {K('b'): 1}\n", "g.py")
    assert transform(here, *TO_CSV, "--fn", "g.py:f", stdin=numbers(1)) == (0, "a,b\n0,1\n", "")
