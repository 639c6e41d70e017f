"""Arrow's values become JSON texts that say the same, whatever their type."""

from __future__ import annotations

import base64
import datetime
import json
import math
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamx.read.arrow_json import JsonTexts

UNHURRIED = settings(deadline=None, max_examples=80)
TEXTS = st.text(max_size=6) | st.sampled_from(['"', "\\", "\\n", "\n\t\0", "é\u2028", "\x7f"])
UTC = datetime.UTC
MOMENTS = st.datetimes(datetime.datetime(1677, 9, 22), datetime.datetime(2262, 4, 11))
UNITS = {"s": 0, "ms": 3, "us": 6, "ns": 6}


def integers(kind: pa.DataType, bits: int, *, is_signed: bool) -> tuple[pa.DataType, Any]:
    low = -(2 ** (bits - 1)) if is_signed else 0
    return kind, st.integers(low, low + 2**bits - 1)


def moments(unit: str, zone: str | None) -> tuple[pa.DataType, Any]:
    step = 10 ** (6 - UNITS[unit])
    values = MOMENTS.map(lambda each: each.replace(microsecond=each.microsecond // step * step))
    if zone is not None:
        values = values.map(lambda each: each.replace(tzinfo=UTC))
    return pa.timestamp(unit, zone), values


SIMPLE: list[tuple[pa.DataType, Any]] = [
    integers(pa.int8(), 8, is_signed=True),
    integers(pa.int64(), 64, is_signed=True),
    integers(pa.uint64(), 64, is_signed=False),
    (pa.bool_(), st.booleans()),
    (pa.float64(), st.floats()),
    (pa.float32(), st.floats(width=32)),
    (pa.float16(), st.floats(width=16)),
    (pa.decimal128(38, 4), st.decimals(-(10**30), 10**30, places=4)),
    (pa.decimal256(50, 10), st.decimals(-(10**38), 10**38, places=10)),
    (pa.decimal128(5, -2), st.integers(-99999, 99999).map(lambda each: Decimal(each * 100))),
    (pa.string(), TEXTS),
    (pa.large_string(), TEXTS),
    (pa.string_view(), TEXTS),
    (pa.binary(), st.binary(max_size=5)),
    (pa.large_binary(), st.binary(max_size=5)),
    (pa.binary_view(), st.binary(max_size=20)),
    (pa.binary(3), st.binary(min_size=3, max_size=3)),
    (pa.date32(), st.dates()),
    (pa.date64(), st.dates()),
    (pa.time32("s"), st.times().map(lambda each: each.replace(microsecond=0))),
    (pa.time64("us"), st.times()),
    *[moments(unit, zone) for unit in UNITS for zone in (None, "UTC", "America/New_York")],
    (pa.dictionary(pa.int8(), pa.string()), TEXTS),
    (pa.dictionary(pa.int32(), pa.float64()), st.floats(allow_nan=False)),
    (pa.null(), st.none()),
]


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    def lists(pair: tuple[pa.DataType, Any]) -> Any:
        values = st.lists(st.none() | pair[1], max_size=3)
        kinds = [pa.list_(pair[0]), pa.large_list(pair[0])]
        fixed = (pa.list_(pair[0], 2), st.lists(st.none() | pair[1], min_size=2, max_size=2))
        views = [pa.list_view(pair[0]), pa.large_list_view(pair[0])]
        return st.sampled_from([*((kind, values) for kind in (*kinds, *views)), fixed])

    def structs(pairs: list[tuple[pa.DataType, Any]]) -> tuple[pa.DataType, Any]:
        named = {f'n"{number}': pair for number, pair in enumerate(pairs)}
        kind = pa.struct([(name, pair[0]) for name, pair in named.items()])
        return kind, st.fixed_dictionaries(
            {name: st.none() | pair[1] for name, pair in named.items()}
        )

    def maps(pair: tuple[pa.DataType, Any]) -> Any:
        keys = st.sampled_from([(pa.string(), TEXTS), (pa.int32(), st.integers(0, 99))])
        return keys.map(
            lambda key: (
                pa.map_(key[0], pair[0]),
                st.dictionaries(key[1], st.none() | pair[1], max_size=3).map(
                    lambda each: list(each.items())
                ),
            )
        )

    fields = st.lists(inner, max_size=3).map(structs)
    return inner.flatmap(lists) | fields | inner.flatmap(maps)


KINDS = st.recursive(st.sampled_from(SIMPLE), nested, max_leaves=4)


@st.composite
def arrays(draw: st.DrawFn) -> pa.Array:
    kind, values = draw(KINDS)
    array = pa.array(draw(st.lists(st.none() | values, max_size=6)), kind)
    start = draw(st.integers(0, len(array)))
    return array.slice(start, draw(st.integers(0, len(array))))


def expected(value: Any, kind: pa.DataType) -> Any:
    """Return what JSON is to say of a value that Arrow gives."""
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(kind, pa.DictionaryType):
        return expected(value, kind.value_type)
    if isinstance(value, float | Decimal | bytes):
        return expected_scalar(value)
    if isinstance(value, dict):
        return {field.name: expected(value[field.name], field.type) for field in kind}
    if isinstance(kind, pa.MapType):
        return {str(key): expected(each, kind.item_type) for key, each in value}
    if isinstance(value, list):
        return [expected(each, kind.value_type) for each in value]
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat()


def expected_scalar(value: float | Decimal | bytes) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    odd = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}
    return odd.get(str(value), float(value))


def said(text: str | None, kind: pa.DataType) -> Any:
    """Return what a text says, in the form of `expected` where there are several."""
    value = None if text is None else json.loads(text)
    return alike(value, kind)


def alike(value: Any, kind: pa.DataType) -> Any:
    if value is None:
        return None
    if isinstance(kind, pa.DictionaryType):
        return alike(value, kind.value_type)
    if pa.types.is_float32(kind) and isinstance(value, float):
        return pa.scalar(value, pa.float32()).as_py()
    if pa.types.is_timestamp(kind) and kind.unit in ("ms", "ns") and "." in value:
        whole, _, fraction = value.rstrip("Z").partition(".")
        return f"{whole}.{fraction[:6]:0<6}{'Z' if value.endswith('Z') else ''}"
    if isinstance(value, dict) and isinstance(kind, pa.MapType):
        return {key: alike(each, kind.item_type) for key, each in value.items()}
    if isinstance(value, dict):
        return {field.name: alike(value[field.name], field.type) for field in kind}
    if isinstance(value, list):
        return [alike(each, kind.value_type) for each in value]
    if pa.types.is_decimal(kind):
        return float(value)
    return value


@UNHURRIED
@given(arrays())
@example(pa.array([[[1, None], []], None, [None]], pa.list_(pa.list_(pa.int8()))).slice(1))
@example(pa.array([{"a": "x"}, None], pa.struct([("a", pa.string())])))
def test_every_value_says_in_json_what_arrow_has(array: pa.Array) -> None:
    kind = array.type
    texts = JsonTexts().of(array)
    assert len(texts) == len(array)
    assert [said(text, kind) for text in texts.to_pylist()] == [
        expected(value, kind) for value in array.to_pylist()
    ]


def texts_of(values: list[Any], kind: pa.DataType) -> list[str | None]:
    texts: list[str | None] = JsonTexts().of(pa.array(values, kind)).to_pylist()
    return texts


def test_numbers_are_exact_and_doubles_show_that_they_are_no_integers() -> None:
    assert texts_of([2**64 - 1, 0], pa.uint64()) == ["18446744073709551615", "0"]
    assert texts_of([Decimal("1.50"), Decimal("-0.10")], pa.decimal128(20, 2)) == ["1.50", "-0.10"]
    doubles = [1.0, -0.0, 0.1, 1e15, 1e300, 2**53, 123456789012345.0]
    shown = ["1.0", "-0.0", "0.1", "1e+15", "1e+300", "9.007199254740992e+15"]
    assert texts_of(doubles, pa.float64()) == [*shown, "1.23456789012345e+14"]
    assert texts_of([0.1, 16777216.0], pa.float32()) == ["0.1", "16777216.0"]


def test_times_have_a_fraction_where_it_is_not_zero() -> None:
    moment = datetime.datetime(2026, 3, 29, 1, 2, 3, 400_000, tzinfo=UTC)
    kind = pa.timestamp("us", "Europe/Berlin")
    assert texts_of([moment, moment.replace(microsecond=0)], kind) == [
        '"2026-03-29T01:02:03.400000Z"',
        '"2026-03-29T01:02:03Z"',
    ]
    assert texts_of([moment.time().replace(tzinfo=None)], pa.time32("ms")) == ['"01:02:03.400"']


@pytest.mark.parametrize(
    ("seconds", "unit", "text"),
    [(90, "s", "PT90S"), (-1.5, "ms", "-PT1.5S"), (1e-6, "us", "PT0.000001S"), (0, "ns", "PT0S")],
)
def test_durations_are_seconds(seconds: float, unit: str, text: str) -> None:
    assert texts_of([datetime.timedelta(seconds=seconds), None], pa.duration(unit)) == [
        f'"{text}"',
        None,
    ]


def test_an_identifier_is_written_with_its_hyphens() -> None:
    texts = texts_of([bytes(range(16))], pa.uuid())
    assert texts == ['"00010203-0405-0607-0809-0a0b0c0d0e0f"']


def test_runs_of_values_are_written_one_by_one() -> None:
    runs = pc.run_end_encode(pa.array(["x", "x", None]))
    assert JsonTexts().of(runs).to_pylist() == ['"x"', '"x"', None]


def test_values_of_a_type_without_text_are_an_error() -> None:
    with pytest.raises(pa.ArrowNotImplementedError, match="month_day_nano_interval have no text"):
        texts_of([(1, 2, 3)], pa.month_day_nano_interval())


def test_keys_of_maps_that_are_no_texts_become_texts() -> None:
    kind = pa.map_(pa.struct([("a", pa.int8())]), pa.string())
    assert texts_of([[({"a": 1}, "x")]], kind) == ['{"{\\"a\\":1}":"x"}']


def test_numbers_that_json_lacks_are_texts_and_noted() -> None:
    texts = JsonTexts()
    array = pa.array([[math.nan], [math.inf, -math.inf, 0.5, None]])
    assert texts.of(array).to_pylist() == ['["NaN"]', '["Infinity","-Infinity",0.5,null]']
    assert texts.has_odd_numbers
    texts = JsonTexts()
    texts.of(pa.array([0.5, None]))
    assert not texts.has_odd_numbers


def test_a_moment_beyond_what_arrow_writes_is_an_error() -> None:
    with pytest.raises(pa.ArrowException):
        JsonTexts().of(pa.array([2**62], pa.int64()).cast(pa.timestamp("s")))
