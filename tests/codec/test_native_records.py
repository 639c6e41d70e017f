"""Native records, and what the native encoder makes of them, are what the reference has."""

from __future__ import annotations

import gc
import random
import resource
import tracemalloc
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import pytest
from codec.conversions import CSV, JSONL, TSV, layout_of
from codec.readers import READERS
from codec.test_csv_records import documents
from codec.twin_documents import (
    CHANCE,
    DIALECTS,
    csv_document,
    csv_layout,
    json_document,
    json_keys,
    json_layout,
    limit,
)
from codec.twins import embedded, native, using
from hypothesis import given, settings
from hypothesis import strategies as st

import streamx
from streamx.codec import reference
from streamx.codec.encode import Encoder
from streamx.codec.json_values import json_of
from streamx.codec.layout import Column, ColumnType, CsvFormat, Format, Layout, Tally
from streamx.codec.uniform import reference_of

records = READERS.get("native", reference.records)
pytestmark = pytest.mark.skipif("native" not in READERS, reason="the native codec is not in use")

TARGETS: list[Format] = [JSONL, JSONL, CSV, TSV, *DIALECTS]
VALUES: list[object] = [
    *(0, 7, -1, 2**63, -(2**63), 10**30, True, None, 0.0, -0.0, 1.5, 1e-5, 1e16, 0.1 + 0.2, 1e300),
    *("", "x", 'a "\n,;', "é" * 40, "\ufeffx", "\r", "\ud800", [1, "a"], {"b": None}, b"no"),
    *(float("nan"), float("inf")),
]
thoroughly = settings(max_examples=200, deadline=None)
Batch = list[tuple[Any, int]]


def read(reader: Any, data: bytes | memoryview, layout: Layout, most: int | None) -> Any:
    """Return all records with their positions, and the tally."""
    found: Batch = []
    reading = reader(data, layout, most)
    while True:
        try:
            found += next(reading)
        except StopIteration as stop:
            return found, stop.value


def facts(found: Batch) -> list[object]:
    """Return all that can be told of records."""
    return [
        [(name, value, type(value)) for name, value in record.items()] + [len(record), position]
        for record, position in found
    ]


def grow(value: object) -> None:
    """Change a nested value in place."""
    if isinstance(value, list):
        value.append(1.5)
    if isinstance(value, dict):
        value["z"] = []


def changed(record: Any, chance: random.Random, names: list[str]) -> Mapping[str, Any]:
    """Do some of what user code does to a record; the same for the same chance."""
    for _ in range(chance.randrange(4)):
        name, value = chance.choice([*names, "new", 'q"é']), deepcopy(chance.choice(VALUES))
        other = {name: value, chance.choice(names): 1}
        kind = chance.randrange(9)
        if kind <= 1:
            record[name] = value
        elif kind <= 3:
            grow(record.get(name) if kind == 2 else record.pop(name, None))
        elif kind == 4:
            record = record | other if chance.random() < 0.5 else other | record
        elif kind == 5:
            record = record.copy()
        elif kind == 6:
            kept = [each for each in record if chance.random() < 0.8]
            record = record.picked([(each, each + chance.choice(["", "_"])) for each in kept])
        elif kind == 7 and record:
            record.popitem()
        elif kind == 8:
            for each, before in record.items():
                grow(before)
                record[chance.choice([each, name])] = before
    return {**record} if chance.random() < 0.1 else record


def encoded(encode: Any, results: Batch) -> tuple[bytes, Tally]:
    tally = Tally()
    return encode(results, tally), tally


def assert_same_records(
    data: bytes, layout: Layout, most: int | None, chance: random.Random
) -> None:
    expected, tally = read(reference.records, data, layout, most)
    for name in native.instruction_sets():
        with using(name):
            found, found_tally = read(records, embedded(data), layout, most)
        assert facts(found) == facts(expected)
        assert found_tally == tally
    found, expected = (read(each, data, layout, most)[0] for each in (records, reference.records))
    names, seed = [column.name for column in layout.columns] or ["a"], chance.random()
    one, other = random.Random(seed), random.Random(seed)
    results = [(changed(record, one, names), at) for record, at in found]
    twins = [(changed(record, other, names), at) for record, at in expected]
    if chance.random() < 0.5:
        assert facts(results) == facts(twins)
    encoder = Encoder(
        layout.target,
        (*names[::-1], "new"),
        extra_keys=chance.choice(["error", "drop", "ignore"]),  # type: ignore[arg-type]
        strict_types=layout.strict_types,
    )
    expected_output = encoded(encoder._by_python, twins)
    for name in native.instruction_sets():
        with using(name):
            assert encoded(encoder.encode, results) == expected_output
    assert encoded(encoder._by_python, [(reference_of(r), at) for r, at in results]) == (
        expected_output
    )
    for result in zip(results, twins, strict=True):  # by itself, whatever the others are
        pair = [encoded(encoder.encode, [each]) for each in result]
        assert pair[0] == pair[1]


@given(CHANCE, st.sampled_from(DIALECTS), st.integers(1, 5))
@thoroughly
def test_records_of_any_document_are_the_references(
    chance: random.Random, format: CsvFormat, width: int
) -> None:
    layout = csv_layout(chance, format, width, chance.choice(TARGETS))
    assert_same_records(csv_document(chance, format, width), layout, limit(chance), chance)


@given(CHANCE)
@thoroughly
def test_records_of_any_objects_are_the_references(chance: random.Random) -> None:
    keys = json_keys(chance)
    layout = json_layout(chance, chance.choice(TARGETS), keys)
    assert_same_records(json_document(chance, keys), layout, limit(chance), chance)


@given(documents(), CHANCE)
@thoroughly
def test_records_of_any_soup_are_the_references(
    document: tuple[bytes, CsvFormat, int], chance: random.Random
) -> None:
    data, format, width = document
    layout = csv_layout(chance, format, width, chance.choice(TARGETS))
    assert_same_records(data, layout, limit(chance), chance)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.decimals(-99, 99, places=4).map(float))
@settings(max_examples=1_000, deadline=None)
def test_a_float_is_written_as_json_of_writes_it(value: float) -> None:
    assert Encoder(JSONL).encode([({"x": value}, 0)], Tally()) == b'{"x":%b}\n' % json_of(value)


@given(st.floats(-1e6, 1e6), st.integers(0, 8))
@settings(max_examples=1_000, deadline=None)
def test_a_rounded_float_is_written_as_json_of_writes_it(value: float, digits: int) -> None:
    test_a_float_is_written_as_json_of_writes_it.hypothesis.inner_test(round(value, digits))  # type: ignore[attr-defined]


def test_a_number_is_read_as_python_reads_it() -> None:
    chance = random.Random(5)
    layout = Layout(CSV, JSONL, (Column("x", ColumnType.NUMBER, True),))
    for _ in range(5_000):
        digits = str(chance.randrange(1, 10 ** chance.randrange(1, 22)))
        at = chance.randrange(len(digits) + 1)
        text = chance.choice(["", "-"]) + (digits[:at] or "0") + "." + (digits[at:] or "0")
        [[(record, _)]] = records(text.encode(), layout)
        assert record["x"] == float(text)


def test_long_records_and_many_columns_are_taken_and_written() -> None:
    chance = random.Random(7)
    for width, size in [(2, 200_000), (3, 5_000), (3_000, 3), (1, 70_000)]:
        names = [f"c{number}" for number in range(width)]
        row = b",".join([b'"%b ""x"' % (b"a\x01,"[: chance.randrange(4)] * size)] * width)
        data = b"\r\n".join([row, b"", row, row])
        for target in (JSONL, CSV, TSV):
            assert_same_records(data, layout_of(CSV, target, names), None, chance)


def test_more_selections_than_are_remembered_are_taken_all_the_same() -> None:
    record, encoder = native_record(), Encoder(JSONL)
    for number in range(200):
        picked = record.picked([("b", f"x{number}")]).picked([(f"x{number}", "y")])
        assert encoder.encode([(picked, 0)], Tally()) == b'{"y":"x"}\n'
    assert encoder.encode([(record.picked([]), 0)], Tally()) == b"{}\n"


def native_record() -> Any:
    [[(record, _)]] = records(b"1,x\n", layout_of(CSV, JSONL, ["a", "b"]))
    return record


def test_a_native_record_is_a_record() -> None:
    record = native_record()
    assert isinstance(record, streamx.Record)
    assert type(record) is not streamx.Record
    match record:
        case streamx.Record():
            pass
        case _:
            pytest.fail("no match")
    match record:
        case {"a": "1"}:
            pass
        case _:
            pytest.fail("no match")


def test_a_native_record_is_made_by_reading_only() -> None:
    record_type = type(native_record())
    with pytest.raises(TypeError):
        record_type()
    with pytest.raises(TypeError):
        type("Mine", (record_type,), {})
    assert dict(record_type.__new__(record_type)) == {}


def test_a_record_outlives_its_data_and_its_batch() -> None:
    data = bytearray(b"1,x\n2,y\n")
    [batch] = records(memoryview(data), layout_of(CSV, JSONL, ["a", "b"]))
    data[:] = b"?" * len(data)
    kept, twin = batch[1][0], batch[1][0].picked([("b", "c")])
    del batch
    gc.collect()
    assert kept == {"a": "2", "b": "y"}
    assert twin == {"c": "y"}


def test_a_record_that_holds_itself_is_collected() -> None:
    layout = layout_of(CSV, JSONL, ["a"])
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(100):
        [[(record, _)]] = records(b"1\n", layout)
        record["self"] = record
    del record
    gc.collect()
    assert len(gc.get_objects()) < before + 50


def test_reading_and_encoding_again_and_again_keeps_no_memory() -> None:
    data = b'1,1.50,"a ""b""",x\n' * 5_000
    layout = layout_of(CSV, JSONL, ["a", "b", "c", "d"], ColumnType.INTEGER, ColumnType.NUMBER)
    encoder = Encoder(JSONL)

    def once() -> None:
        for batch in records(data, layout):
            for record, _ in batch:
                record["c"] = record["c"] + "é"
                record["new"] = [record["a"]]
                del record["d"]
            encoder.encode(batch, Tally())

    once()
    gc.collect()
    tracemalloc.start()
    before, peak = tracemalloc.get_traced_memory()[0], 0
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(30):
        once()
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - resident
    assert after - before < 20_000
    assert peak < 16 * 1024  # KiB; what was read is 2.7 MB, thirty times
