"""Functions of the user, through the command: their forms, chains, and what leaves as it came."""

from __future__ import annotations

from pathlib import Path

import pytest
from functions import numbers, transform, write

FORMS = """
    import asyncio

    def same(record):
        return record
    def changed(record):
        record["b"] = record["a"] * 2
        return record
    def new(record):
        return {"b": record["a"] * 2}
    def odd(record):
        return record if record["a"] % 2 else None
    def twice(record):
        return [record, {"a": "again"}]
    def several(record):
        for number in range(record["a"]):
            record["b"] = number
            yield record
    def several_dicts(record, result={}):
        for number in range(record["a"]):
            result["b"] = number
            yield result
    def endless(record):
        while True:
            record["a"] += 1
            yield record
    def one_dict(record, result={}):
        result.update(record)
        return result
    def batch(records):
        return [each | {"of": len(records)} if each["a"] != 1 else None for each in records]
    async def batch_async(records):
        return batch(records)
    async def changed_async(record):
        await asyncio.sleep(0)
        return changed(record)
    async def odd_async(record):
        return odd(record)
    async def several_async(record):
        for number in range(record["a"]):
            record["b"] = number
            yield record
    def awaitable(record):
        return changed_async(record)
    class Doubling:
        def __init__(self):
            self.factor = 2
        def __call__(self, record):
            return record | {"b": record["a"] * self.factor}
    class DoublingAsync(Doubling):
        async def __call__(self, record):
            return super().__call__(record)
    class Batch:
        def __call__(self, records):
            return batch(records)
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    write(tmp_path, FORMS)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("same", [{"a": 0}, {"a": 1}, {"a": 2}]),
        ("changed", [{"a": 0, "b": 0}, {"a": 1, "b": 2}, {"a": 2, "b": 4}]),
        ("changed_async", [{"a": 0, "b": 0}, {"a": 1, "b": 2}, {"a": 2, "b": 4}]),
        ("Doubling", [{"a": 0, "b": 0}, {"a": 1, "b": 2}, {"a": 2, "b": 4}]),
        ("DoublingAsync", [{"a": 0, "b": 0}, {"a": 1, "b": 2}, {"a": 2, "b": 4}]),
        ("new", [{"b": 0}, {"b": 2}, {"b": 4}]),
        ("odd", [{"a": 1}]),
        ("odd_async", [{"a": 1}]),
        ("twice", [{"a": 0}, {"a": "again"}, {"a": 1}, {"a": "again"}, {"a": 2}, {"a": "again"}]),
        ("several", [{"a": 1, "b": 0}, {"a": 2, "b": 0}, {"a": 2, "b": 1}]),
        ("several_async", [{"a": 1, "b": 0}, {"a": 2, "b": 0}, {"a": 2, "b": 1}]),
        ("several_dicts", [{"b": 0}, {"b": 0}, {"b": 1}]),
        ("one_dict", [{"a": 0}, {"a": 1}, {"a": 2}]),
    ],
)
def test_a_function_of_each_form_is_called_with_each_record(
    here: Path, name: str, expected: list[object]
) -> None:
    assert transform(here, "--fn", f"f.py:{name}", stdin=numbers(3)).records == expected


@pytest.mark.parametrize("name", ["batch", "batch_async", "Batch"])
def test_a_function_of_batches_gets_lists_and_the_rest(here: Path, name: str) -> None:
    result = transform(here, "--fn", f"f.py:{name}", "--batch-size", "2", stdin=numbers(3))
    assert result.records == [{"a": 0, "of": 2}, {"a": 2, "of": 1}]


def test_a_batch_of_any_size_fills_on_the_event_loop(here: Path) -> None:
    arguments = ("--fn", "f.py:batch_async", "--batch-size", "300", "--batch-wait", "60s")
    result = transform(here, *arguments, stdin=numbers(600))
    assert {record["of"] for record in result.records} == {300}


def test_a_function_is_found_in_a_module_of_the_working_directory(here: Path) -> None:
    write(here, "from .helpers import double", "jobs/__init__.py")
    write(here, "def double(record): return record | {'b': record['a'] * 2}", "jobs/helpers.py")
    expected = [{"a": 0, "b": 0}]
    assert transform(here, "--fn", "jobs:double", stdin=numbers(1)).records == expected
    assert transform(here, "--fn", "jobs.helpers:double", stdin=numbers(1)).records == expected


@pytest.mark.parametrize("name", ["json", "tempfile", "asyncio", "random", "types", "logging"])
def test_a_file_may_be_called_like_a_module_of_python(tmp_path: Path, name: str) -> None:
    write(tmp_path, "import json\ndef f(record): return json.loads('{}')", f"fns/{name}.py")
    assert transform(tmp_path, "--fn", f"fns/{name}.py:f", stdin=numbers(1)).records == [{}]


def test_paths_and_names_may_be_of_any_alphabet(tmp_path: Path) -> None:
    write(tmp_path, "def größe(record): return {'Größe': 1}", "Maße/größen.py")
    result = transform(tmp_path, "--fn", "Maße/größen.py:größe", stdin=numbers(1))
    assert result.records == [{"Größe": 1}]


def test_a_linked_file_imports_from_where_it_lies(tmp_path: Path) -> None:
    write(tmp_path, "import beside_f\ndef f(record): return beside_f.f(record)", "real/f.py")
    write(tmp_path, "def f(record): return {}", "real/beside_f.py")
    (tmp_path / "f.py").symlink_to("real/f.py")
    assert transform(tmp_path, "--fn", "f.py:f", stdin=numbers(1)).records == [{}]


def test_steps_apply_in_the_order_written(here: Path) -> None:
    chain = ("--rename", "a=x", "--rename", "x=a", "--fn", "f.py:changed", "--where", "b > 2")
    chain += ("--fn", "f.py:odd", "--rename", "b=c", "--set", "d=c + 1", "--select", "d,a")
    for more in ((), ("--fn", "f.py:odd_async")):
        result = transform(here, *chain, *more, "--limit", "2", stdin=numbers(9))
        assert result.records == [{"d": 7, "a": 3}, {"d": 11, "a": 5}]


def test_an_expression_may_come_before_the_function_that_needs_it(here: Path) -> None:
    chain = ("--set", "a=a * 10", "--fn", "f.py:changed", "--drop", "a")
    assert transform(here, *chain, stdin=numbers(2)).records == [{"b": 0}, {"b": 20}]


@pytest.mark.parametrize("name", ["odd", "odd_async"])
def test_a_limit_counts_what_reaches_it(here: Path, name: str) -> None:
    function = ("--fn", f"f.py:{name}")
    before = transform(here, "--limit", "3", *function, stdin=numbers(99))
    assert before.records == [{"a": 1}]
    behind = transform(here, *function, "--limit", "3", stdin=numbers(99))
    assert behind.records == [{"a": 1}, {"a": 3}, {"a": 5}]


def test_no_function_is_called_behind_a_limit_of_none(tmp_path: Path) -> None:
    write(tmp_path, "def f(record): raise ValueError")
    assert transform(tmp_path, "--limit", "0", "--fn", "f.py:f", stdin=numbers(3)).records == []


LOSSLESS = '{"z": 1.50 ,"id":"007","big":1E30,"n":1000000000000000000000000000000,"a":null}\n'


@pytest.mark.parametrize("name", ["same", "odd_async"])
def test_what_nobody_touches_leaves_as_it_came(here: Path, name: str) -> None:
    arguments = ("--from", "jsonl", "--to", "jsonl", "--set", "a=1", "--fn", f"f.py:{name}")
    result = transform(here, *arguments, stdin=LOSSLESS)
    assert result.output == LOSSLESS.replace(": ", ":").replace(" ,", ",").replace("null", "1")


def test_cells_nobody_touches_keep_their_text_and_quotes(here: Path) -> None:
    data = 'a,id,text\n1.50,007,"x, ""y"""\n'
    write(here, "def f(record): return record | {'id': record['id'] + '!'}", "g.py")
    assert transform(here, "--fn", "g.py:f", "--from", "csv", "--to", "csv", stdin=data).output == (
        'a,id,text\n1.50,007!,"x, ""y"""\n'
    )
    assert transform(here, "--fn", "f.py:same", stdin=data).output == (
        '{"a":1.50,"id":"007","text":"x, \\"y\\""}\n'
    )


@pytest.mark.parametrize("source", ["csv", "tsv", "jsonl"])
@pytest.mark.parametrize("target", ["csv", "tsv", "jsonl"])
def test_every_direction_goes_through_a_function(here: Path, source: str, target: str) -> None:
    texts = {"csv": "a,b\n1,x\n", "tsv": "a\tb\n1\tx\n", "jsonl": '{"a":1,"b":"x"}\n'}
    changed = {"csv": "a,b\n1,2\n", "tsv": "a\tb\n1\t2\n", "jsonl": '{"a":1,"b":2}\n'}
    arguments = ("--from", source, "--to", target, "--fn", "f.py:changed")
    assert transform(here, *arguments, stdin=texts[source]).output == changed[target]


def test_a_hundred_thousand_columns_are_not_too_many(here: Path) -> None:
    header = ",".join(["a", *(f"c{number}" for number in range(100_000))])
    data = f"{header}\n{'1,' * 100_000}1\n"
    (record,) = transform(here, "--fn", "f.py:changed", stdin=data).records
    assert (len(record), record["b"], record["c99999"]) == (100_002, 2, 1)


def test_results_of_a_generator_without_end_are_taken_up_to_the_limit(here: Path) -> None:
    result = transform(here, "--fn", "f.py:endless", "--limit", "1000", stdin=numbers(3))
    assert [record["a"] for record in result.records] == list(range(1, 1001))
