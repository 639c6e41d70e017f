"""A record may be changed amid reading and writing it, whichever codec made it."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Mapping
from copy import deepcopy
from time import process_time
from typing import Any

import pytest
from codec.conversions import CSV, JSONL, layout_of
from codec.readers import with_each_reader

from streamx.codec import records
from streamx.codec.encode import Encoder
from streamx.codec.fields import csv_fields
from streamx.codec.layout import ColumnType, Format, Layout, Tally
from streamx.codec.record import Record

reader = with_each_reader(sys.modules[__name__])


def record_of(line: bytes, *names: str) -> Any:
    layout = layout_of(CSV, JSONL, list(names)) if names else Layout(JSONL, JSONL)
    [[(record, _)]] = records(line, layout)
    return record


def made() -> list[Any]:
    """Return a record of CSV and one of JSON, and both after a change."""
    found = []
    for _ in range(2):
        found += [record_of(b"1,2,3\n", "a", "b", "c"), record_of(b'{"a":"1","b":"2","c":"3"}\n')]
    for record in found[2:]:
        record["a"] = "1"
    return found


def test_iterating_goes_through_the_names_that_there_were() -> None:
    for record in made():
        for name in record:
            record[name + name] = record.pop(name)
        assert list(record.items()) == [("aa", "1"), ("bb", "2"), ("cc", "3")]
        for name in reversed(record):
            del record[name]
        assert record == {}


def test_a_value_is_what_it_is_when_an_iteration_reaches_it() -> None:
    for record in made():
        seen = []
        for name, value in record.items():
            record["c"] = name
            seen.append(value)
        assert seen == ["1", "2", "b"]
        values = iter(record.values())
        record["b"] = "new"
        assert list(values) == ["1", "new", "c"]


def test_views_look_alike_and_take_part_in_set_operations() -> None:
    for record in made():
        assert repr(record.keys()) == "KeysView({'a': '1', 'b': '2', 'c': '3'})"
        assert record.keys() & {"a", "x"} == {"a"}
        assert record.items() - {("a", "1")} == {("b", "2"), ("c", "3")}
        assert "3" in record.values()


def test_errors_of_use_say_the_same() -> None:
    for record in made():
        with pytest.raises(TypeError, match=r"operand type\(s\) for \|: 'Record' and 'int'"):
            record | 5
        with pytest.raises(AttributeError, match=r"^'Record' object has no attribute 'name'"):
            record.name = 1
        assert record.get(key="a") == record.pop(key="a", default=None) == "1"


class Name(str):
    """A name that is no plain str."""


def test_a_field_that_was_set_is_known_by_its_name_whatever_object_that_is() -> None:
    for record in made():
        record["new"] = 1
        equal = "".join(["n", "ew"])
        assert equal in record
        record[equal] += 1
        record[Name("new")] += 1
        assert (record[equal], record[Name("new")], record.get("other")) == (3, 3, None)
        assert list(record) == ["a", "b", "c", "new"]
        record[Name("b")] = "x"
        record["b"] += "y"
        assert dict(record) == {"a": "1", "b": "xy", "c": "3", "new": 3}


def test_a_copy_keeps_the_one_field_that_was_set_when_the_record_changes() -> None:
    for record in made():
        record["a"] = [1]
        copy, deep = record.copy(), deepcopy(record)
        record["a"].append(2)
        record["new"] = 3
        assert (copy["a"], deep["a"], len(copy), len(deep)) == ([1, 2], [1], 3, 3)
        del copy["a"]
        copy["a"] = 4
        assert list(copy.items()) == [("b", "2"), ("c", "3"), ("a", 4)]
        assert deep == {"a": [1], "b": "2", "c": "3"}


def test_more_new_names_than_a_shape_remembers_are_set_and_missed_all_the_same() -> None:
    for record in made():
        names = [sys.intern(f"new{number}") for number in range(1_000)]
        assert not any(name in record for name in names)
        for name in names:
            assert record.copy() | {name: 1} == {**record, name: 1}


@pytest.mark.parametrize("target", [JSONL, CSV])
def test_each_record_is_written_with_the_name_that_it_sets(target: Format) -> None:
    for is_new, names in ((True, ["x", "y", "x"]), (False, ["c", "a", "c"])):
        results = [(record_of(b"1,2,3\n", "a", "b", "c"), 0) for _ in names]
        for name, (record, _) in zip(names, results, strict=True):
            record[name] = name
        assert all(len(record) == 3 + is_new for record, _ in results)
        encoder = Encoder(target, ("a", "b", "c", "x", "y"))
        plain = encoder.encode([(dict(record), 0) for record, _ in results], Tally())
        assert encoder.encode(results, Tally()) == plain


def test_many_fields_are_deleted_in_a_moment() -> None:
    names = [f"c{number}" for number in range(30_000)]
    record = record_of(b",".join([b"1"] * len(names)), *names)
    start = process_time()
    for name in names[:-10]:
        del record[name]
    record.clear()
    assert record == {}
    assert process_time() - start < 1


def test_a_long_chain_of_kept_records_is_freed() -> None:
    record = record_of(b"1\n", "a")
    for _ in range(100_000):
        record, before = record.copy(), record
        record["before"] = before
    del record, before
    gc.collect()


class Mine(Record):
    """What somebody makes of the public class."""


@pytest.mark.parametrize(("target", "output"), [(JSONL, b'{"a":"1.50"}\n'), (CSV, b"1.50\n")])
def test_a_subclass_of_record_is_written_as_a_record(target: Format, output: bytes) -> None:
    record = Mine(csv_fields(layout_of(CSV, JSONL, ["a"])), [b"1.50"])
    assert Encoder(target, ("a",)).encode([(record, 0)], Tally()) == output


class Failing(Mapping[str, Any]):
    def __getitem__(self, name: str) -> Any:
        raise OSError(name)

    def __iter__(self) -> Iterator[str]:
        return iter("x")

    def __len__(self) -> int:
        return 1


def test_misfits_of_a_group_that_failed_are_not_counted_with_the_next() -> None:
    [[(record, _), (other, _)]] = records(
        b"x\ny\n", layout_of(CSV, JSONL, ["a"], ColumnType.NUMBER)
    )
    encoder = Encoder(JSONL)
    tally = Tally()
    encoder.encode([(record, 0), ({"b": Failing()}, 2)], tally)
    assert tally.bad is not None
    assert "OSError" in tally.bad.found
    tally = Tally()
    assert encoder.encode([(other, 2)], tally) == b'{"a":"y"}\n'
    assert tally.misfits["a"].count == 1
    assert tally.misfits["a"].example == "'y'"


class Emptying(Mapping[str, Any]):
    """Takes away what holds it while it is being written."""

    def __init__(self, holder: Any) -> None:
        self.holder = holder

    def __getitem__(self, name: str) -> Any:
        return "x" * 100

    def __iter__(self) -> Iterator[str]:
        self.holder.clear()
        gc.collect()
        return iter(["y" * 100])

    def __len__(self) -> int:
        return 1


@pytest.mark.parametrize("sets_another", [False, True])
@pytest.mark.parametrize("target", [JSONL, CSV])
def test_a_result_that_changes_while_it_is_written_does_no_harm(
    target: Format, sets_another: bool
) -> None:
    for result in [*made(), dict(made()[0])]:
        result["a"] = Emptying(result)
        if sets_another:
            result["c"] = [result.pop("c")]
        tally = Tally()
        try:
            output = Encoder(target, ("a", "b", "c")).encode([(result, 0)], tally)
        except (RuntimeError, LookupError):
            continue
        assert output.endswith(b"\n") or tally.bad is not None
