"""Methods of what a function returns are the user's code too: what they raise is his error."""

from __future__ import annotations

from pathlib import Path

import pytest
from functions import numbers, transform, write

ODD = """
    from collections import UserDict, UserList

    class Odd(Exception):
        pass
    def refuse(self, *arguments):
        raise Odd("refused")
    def odd(kind, *names):
        return type("Odd" + kind.__name__.title(), (kind,), dict.fromkeys(names, refuse))

    class Unprintable(Exception):
        __str__ = __repr__ = refuse

    class OddClass:
        __class__ = property(refuse)

    def at_three(make):
        return lambda record: make(record) if record["a"] == 3 else {"a": 0}
    def raise_unprintable(record):
        raise Unprintable

    iterating = at_three(lambda record: odd(UserDict, "__iter__")(a=1))
    getting = at_three(lambda record: odd(UserDict, "__getitem__")(a=1))
    subclass = odd(dict, "keys", "items", "__iter__", "__len__", "__getitem__", "__eq__")
    odd_dict = lambda record: subclass(a=record["a"])
    iterable = at_three(lambda record: odd(UserList, "__iter__")([record]))
    of_a_class = at_three(lambda record: OddClass())
    inner_mapping = at_three(lambda record: {"a": {"b": odd(UserDict, "__iter__")(a=1)}})
    inner_list = at_three(lambda record: {"a": [None, odd(list, "__iter__")([1])]})
    inner_class = at_three(lambda record: {"a": OddClass()})
    inner_class_in_place = at_three(lambda record: record | {"a": OddClass()})
    among_results = at_three(lambda record: [record, odd(UserDict, "__iter__")(a=1)])
    unprintable = at_three(raise_unprintable)

    def among_a_batch(records):
        return [iterating(record) for record in records]
    def odd_batch(records):
        return odd(list, "__iter__")([{"a": 0}] * len(records))
    async def asynchronous(record):
        return iterating(record)
    async def inner_async(record):
        return inner_mapping(record)
    def in_place(record):
        if record["a"] == 3:
            record["list"].append(odd(list, "__repr__", "__iter__")())
        return record
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    write(tmp_path, ODD)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "target", "arguments"),
    [
        *(
            (name, "jsonl", ())
            for name in (
                *("iterating", "getting", "iterable", "of_a_class", "inner_mapping"),
                *("inner_list", "inner_class", "inner_class_in_place", "among_results"),
                *("asynchronous", "inner_async"),
            )
        ),
        *((name, "csv", ()) for name in ("iterating", "getting", "inner_mapping", "inner_async")),
        ("iterating", "jsonl", ("--where", "a >= 0")),
        ("among_a_batch", "csv", ("--batch-size", "5")),
    ],
)
def test_what_a_method_raises_names_the_line_and_shows_the_own_traceback(
    here: Path, name: str, arguments: tuple[str, ...], target: str
) -> None:
    formats = ("--from", "csv", "--to", target)
    result = transform(here, *formats, "--fn", f"f.py:{name}", *arguments, stdin=numbers(5))
    assert result.status == 1
    first, *traceback = result.errors.splitlines()
    assert first.startswith("streamx: error: standard input, line 5 (byte 8): ")
    assert "raised streamx_fn_f.Odd: refused" in first
    assert traceback[0] == "Traceback (most recent call last):"
    assert traceback[-1].endswith("Odd: refused")
    assert f'File "{here}/f.py"' in result.errors
    assert "streamx/" not in result.errors
    assert len(result.output.splitlines()) == 3 + (target == "csv")


def test_a_list_of_results_that_cannot_be_read_is_an_error_of_its_batch(here: Path) -> None:
    arguments = ("--fn", "f.py:odd_batch", "--batch-size", "5")
    result = transform(here, *arguments, stdin=numbers(5))
    assert "line 2 (byte 2): f.py:odd_batch raised streamx_fn_f.Odd: refused\n" in result.errors


def test_an_exception_that_cannot_be_printed_is_named_all_the_same(here: Path) -> None:
    result = transform(here, "--fn", "f.py:unprintable", stdin=numbers(5))
    first = result.errors.splitlines()[0]
    assert first.startswith("streamx: error: standard input, line 5 (byte 8): f.py:unprintable")
    assert "raised" in first
    assert "Unprintable" in first


def test_a_list_that_became_odd_in_place_is_written_as_it_is(here: Path) -> None:
    stdin = "".join(f'{{"a":{number},"list":[]}}\n' for number in range(5))
    formats = ("--from", "jsonl", "--to", "jsonl")
    result = transform(here, *formats, "--fn", "f.py:in_place", stdin=stdin)
    assert result.records[3] == {"a": 3, "list": [[]]}


def test_a_dict_with_methods_of_its_own_is_written_as_the_dict_that_it_is(here: Path) -> None:
    result = transform(here, "--fn", "f.py:odd_dict", stdin=numbers(2))
    assert result.records == [{"a": 0}, {"a": 1}]


@pytest.mark.parametrize("wait", ["", "await asyncio.sleep(0)"])
def test_an_endless_asynchronous_generator_is_an_error(tmp_path: Path, wait: str) -> None:
    write(
        tmp_path,
        f"import asyncio\nasync def f(r):\n    while True:\n        yield r\n        {wait}\n",
    )
    outcome = transform(tmp_path, "--fn", "f.py:f", "--concurrency", "1", stdin="a\n1\n")
    assert outcome.status == 1
    assert "line 2" in outcome.errors
    assert "gave more than 32 MiB of results for one call; expected fewer" in outcome.errors


def test_a_generator_that_may_be_called_again_is_bounded_too(tmp_path: Path) -> None:
    write(tmp_path, "def f(r):\n    while True:\n        yield r\n")
    outcome = transform(tmp_path, "--fn", "f.py:f", "--retries", "3", stdin="a\n1\n")
    assert outcome.status == 1
    assert "gave more than 32 MiB of results for one call; expected fewer" in outcome.errors
