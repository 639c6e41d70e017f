"""A record may be changed amid reading and writing it, whichever codec made it."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Mapping
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


@pytest.mark.parametrize("target", [JSONL, CSV])
def test_a_result_that_changes_while_it_is_written_does_no_harm(target: Format) -> None:
    for result in [*made(), dict(made()[0])]:
        result["a"] = Emptying(result)
        result["c"] = [result.pop("c")]
        tally = Tally()
        try:
            output = Encoder(target, ("a", "b", "c")).encode([(result, 0)], tally)
        except (RuntimeError, LookupError):
            continue
        assert output.endswith(b"\n") or tally.bad is not None
