"""What user code returns becomes records of the output, or a plain refusal."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum, IntEnum
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
from codec.conversions import CSV, JSONL, TSV, layout_of
from codec.readers import with_each_reader
from codec.twins import dialect
from hypothesis import given
from hypothesis import strategies as st

from streamx.codec import records
from streamx.codec.encode import EncodeError, Encoder
from streamx.codec.json_values import json_of, value_of
from streamx.codec.layout import ColumnType, Layout, Remark, Tally
from streamx.codec.record import Record

reader = with_each_reader(sys.modules[__name__])

NAN, INFINITY = float("nan"), float("inf")
TYPES = (ColumnType.INTEGER, ColumnType.STRING)


def encoded(encoder: Encoder, *results: Mapping[str, Any]) -> tuple[bytes, Tally]:
    """Encode results that came from every tenth byte."""
    tally = Tally()
    return encoder.encode([(result, 10 * n) for n, result in enumerate(results)], tally), tally


def record_of(line: bytes, layout: Layout) -> Record:
    [[(record, _)]] = records(line, layout)
    return record


def refusal(value: object) -> str:
    with pytest.raises(EncodeError) as caught:
        json_of({"a": [1, {"b": value}]})
    return str(caught.value)


class Colour(Enum):
    RED = "red"
    NAN = NAN


class Level(IntEnum):
    HIGH = 3


@dataclass
class Thing:
    a: int = 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((None, "null"), (True, "true"), (0, "0"), (10**30, "1" + "0" * 30), (-(2**64), None)),
        *((1.5, "1.5"), (1.0, "1.0"), (1e-300, "1e-300"), (-0.0, "-0.0"), ("é\n", '"é\\n"')),
        *((Decimal("1.50"), "1.50"), (Decimal("1E+400"), "1E+400"), (Decimal(-5), "-5")),
        *((date(2024, 2, 29), '"2024-02-29"'), (time(1, 2, 3), '"01:02:03"')),
        (datetime(2024, 2, 29, 1, 2, 3), '"2024-02-29T01:02:03"'),
        (datetime(2024, 2, 29, 1, 2, 3, 5, UTC), '"2024-02-29T01:02:03.000005+00:00"'),
        (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        *((Colour.RED, '"red"'), (Level.HIGH, "3"), ((1, [2]), "[1,[2]]")),
        (MappingProxyType({"a": 1}), '{"a":1}'),
    ],
)
def test_a_value_is_written_as_json_has_it(value: object, text: str | None) -> None:
    expected = (text or str(value)).encode()
    assert json_of(value) == expected
    # What else is there must not matter: integers beyond 64 bits make orjson refuse the whole.
    assert json_of([value, None]) == b"[%b,null]" % expected
    assert json_of({"a": value, "b": 2**70}) == b'{"a":%b,"b":%d}' % (expected, 2**70)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        *((NAN, "nan in"), (INFINITY, "inf in"), (-INFINITY, "-inf in"), (Colour.NAN, "nan in")),
        *((Decimal("NaN"), "NaN in"), (Decimal("sNaN"), "sNaN in")),
        *((b"x", "b'x' (bytes) in"), ({1}, "{1} (set) in"), (Thing(), "Thing(a=1) (Thing) in")),
        (object, "<class 'object'> (type) in"),
        ("\ud800", "half of a surrogate pair in '\\ud800' (str) in"),
    ],
)
def test_a_value_that_json_lacks_is_refused_by_name(value: object, found: str) -> None:
    assert refusal(value).startswith(f"{found} field 'a.1.b'; expected ")


@pytest.mark.parametrize("key", [1, None, (1, 2)])
def test_a_key_that_is_no_text_is_refused(key: object) -> None:
    assert refusal({key: 1}).startswith(f"the key {key!r} ({type(key).__name__}) in field 'a.1.b'")


def test_a_value_that_holds_itself_is_refused() -> None:
    cycle: list[object] = []
    cycle.append(cycle)
    with pytest.raises(EncodeError, match="nested too deeply or holds itself in field 'x'"):
        json_of(cycle, "x")


def test_a_value_of_many_levels_is_written_all_the_same() -> None:
    deep = b"[" * 270 + b"]" * 270
    assert json_of(value_of(deep)) == deep


def test_text_that_says_null_or_nan_is_text() -> None:
    assert json_of({"a": "null", "b": "nan", "c": 1.5}) == b'{"a":"null","b":"nan","c":1.5}'


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)  # fmt: skip


@given(VALUES)
def test_any_value_is_read_as_what_was_written(value: object) -> None:
    raw = json_of(value)
    assert value_of(raw) == json.loads(raw) == value
    assert json_of([value, 2**64]) == b"[%b,%d]" % (raw, 2**64)
    assert json_of(value_of(raw)) == raw


@given(VALUES, st.sampled_from([NAN, INFINITY, b"x"]))
def test_any_value_with_one_that_json_lacks_is_refused(value: object, wrong: object) -> None:
    for whole in ([value, wrong], {"a": {"b": (value, wrong)}}):
        with pytest.raises(EncodeError):
            json_of(whole)


def test_results_before_a_refused_one_are_written() -> None:
    output, tally = encoded(Encoder(JSONL), {"a": 1}, {"a": {}}, {"a": NAN}, {"a": 2})
    assert output == b'{"a":1}\n{"a":{}}\n'
    assert tally.records_out == 2
    assert tally.bad is not None
    assert (tally.bad.position, tally.bad.found) == (20, "nan in field 'a'")
    assert tally.bad.expected == "a number that JSON has; return None or text instead"


def test_a_set_field_that_cannot_be_written_is_named() -> None:
    record = record_of(b"1,x\n", layout_of(CSV, JSONL, ["i", "s"], *TYPES))
    record["s"] = {"b": {1}}
    _, tally = encoded(Encoder(JSONL), record)
    assert tally.bad is not None
    assert tally.bad.found == "{1} (set) in field 's.b'"


def test_only_set_fields_are_encoded() -> None:
    layout = layout_of(CSV, JSONL, ["i", "s", "n"], *TYPES, ColumnType.NUMBER)
    record = record_of(b'7,"a ""b""",1.50\n', layout)
    record["s"] += "!"
    record["é"] = None
    assert (
        encoded(Encoder(JSONL), record)[0]
        == '{"i":7,"s":"a \\"b\\"!","n":1.50,"é":null}\n'.encode()
    )
    del record["i"]
    assert encoded(Encoder(CSV, ("n", "s", "i")), record)[1].bad is not None
    columns = ("n", "s", "i", "é")
    assert encoded(Encoder(CSV, columns), record)[0] == b'1.50,"a ""b""!",,\n'


def test_a_misfit_is_counted_unless_it_was_replaced_or_types_are_strict() -> None:
    layout = layout_of(CSV, JSONL, ["i", "s"], *TYPES)
    rows = [record_of(line, layout) for line in (b"1,a", b"x,b", b"y,c", b"z,d")]
    rows[2]["i"] = 5
    output, tally = encoded(Encoder(JSONL), *rows)
    assert output.splitlines()[1:3] == [b'{"i":"x","s":"b"}', b'{"i":5,"s":"c"}']
    assert tally.misfits == {"i": Remark(2, 10, "'x'")}
    output, tally = encoded(Encoder(JSONL, strict_types=True), rows[2], rows[1])
    assert output == b'{"i":5,"s":"c"}\n'
    assert tally.bad is not None
    assert tally.bad.found == "'x' in column i, which is of type integer"
    assert not tally.misfits


def test_a_cell_of_the_same_dialect_keeps_its_quotes_and_another_gets_what_it_needs() -> None:
    record = record_of(b'"1","a;b"\n', layout_of(CSV, CSV, ["a", "b"]))
    record["c"] = "x;y"
    columns = ("a", "b", "c", "missing")
    assert encoded(Encoder(CSV, columns), record)[0] == b'"1","a;b",x;y,\n'
    assert encoded(Encoder(TSV, columns), record)[0] == b"1\ta;b\tx;y\t\n"
    semicolons = dialect(";", "'", "\r\n")
    assert encoded(Encoder(semicolons, columns), record)[0] == b"1;'a;b';'x;y';\r\n"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        *((None, ""), (True, "true"), (False, "false"), (1, "1"), (10**30, "1" + "0" * 30)),
        *((1.5, "1.5"), ("", ""), ("a,b", '"a,b"'), ('5" pipe', '"5"" pipe"'), ("a\n", '"a\n"')),
        *(([1, "a"], '"[1,""a""]"'), ({"a": None}, '"{""a"":null}"')),
        (date(2024, 1, 2), "2024-01-02"),
    ],
)  # fmt: skip
def test_values_become_cells(value: object, cell: str) -> None:
    output, _ = encoded(Encoder(CSV, ("a", "b")), {"b": 0, "a": value})
    assert output.decode() == f"{cell},0\n"


def test_what_a_reader_would_mistake_is_quoted() -> None:
    results = [{"a": ""}, {"a": "x\r"}, {"a": "\ufeffx"}, {}]
    assert encoded(Encoder(CSV, ("a",)), *results)[0] == '""\n"x\r"\n"\ufeffx"\n""\n'.encode()


def test_a_key_beyond_the_columns_is_refused_or_counted_or_ignored() -> None:
    results = [{"a": 1}, {"a": 2, "x": 0, "y": 0}, {"x": 0}]
    output, tally = encoded(Encoder(CSV, ("a",)), *results)
    assert output == b"1\n"
    assert tally.bad is not None
    assert tally.bad.found == "the key 'x', which the header lacks, in the function's result"
    assert tally.bad.position == 10
    output, tally = encoded(Encoder(CSV, ("a",), extra_keys="drop"), *results)
    assert output == b'1\n2\n""\n'
    assert (tally.dropped_values, tally.dropped_keys) == (3, {"x": 10, "y": 10})
    output, tally = encoded(Encoder(CSV, ("a",), extra_keys="ignore"), *results)
    assert output == b'1\n2\n""\n'
    assert tally == Tally(records_out=3)


def test_a_mapping_of_any_kind_is_a_result() -> None:
    proxy = MappingProxyType({"a": 1, "b": "x"})
    assert encoded(Encoder(JSONL), proxy)[0] == b'{"a":1,"b":"x"}\n'
    assert encoded(Encoder(CSV, ("b", "a")), proxy)[0] == b"x,1\n"


def test_a_record_within_a_result_is_an_object() -> None:
    record = record_of(b'{"a":1.50}', Layout(JSONL, JSONL))
    assert encoded(Encoder(JSONL), {"before": record, "n": 1})[0] == (
        b'{"before":{"a":1.5},"n":1}\n'
    )


def test_a_record_that_no_column_shows_is_refused() -> None:
    for extra_keys in ("drop", "ignore"):
        output, tally = encoded(Encoder(CSV, (), extra_keys=extra_keys), {"a": 1})  # type: ignore[arg-type]
        assert output == b""
        assert tally.bad is not None
        assert tally.bad.found == "a record, but no columns"


def test_no_results_are_no_output() -> None:
    assert encoded(Encoder(JSONL)) == (b"", Tally())
    assert encoded(Encoder(CSV, ("a",))) == (b"", Tally())
