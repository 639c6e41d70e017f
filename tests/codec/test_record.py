"""A record is a dict to user code, and the bytes of the input to the encoder."""

from __future__ import annotations

import copy
import pickle
import sys
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import pytest
from codec.conversions import CSV, JSONL, TSV, layout_of
from codec.readers import with_each_reader
from hypothesis import given
from hypothesis import strategies as st

from streamx.codec import records
from streamx.codec.encode import Encoder
from streamx.codec.fields import Fields, csv_fields
from streamx.codec.layout import Column, ColumnType, CsvFormat, JsonlFormat, Layout, Pick, Tally
from streamx.codec.record import Record

reader = with_each_reader(sys.modules[__name__])

TYPES = (ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.BOOLEAN, ColumnType.STRING)
NAMES = ("i", "n", "b", "s")


def csv_record(line: bytes, *, pinned: bool = False, format: CsvFormat = CSV) -> Record:
    """Return a record of an integer, a number, a boolean and a string column."""
    columns = tuple(Column(name, type, pinned) for name, type in zip(NAMES, TYPES, strict=True))
    layout = Layout(format, JSONL, columns, nulls=frozenset([b"NA"]))
    [[(record, _)]] = records(line, layout)
    return record


def json_record(line: bytes) -> Record:
    [[(record, _)]] = records(line, Layout(JSONL, JSONL))
    return record


def line_of(record: Mapping[str, Any]) -> bytes:
    return Encoder(JSONL).encode([(record, 0)], Tally())[:-1]


RECORDS: list[Callable[[], Record]] = [
    lambda: csv_record(b'1,1.50,TRUE,"a, ""b"""'),
    lambda: json_record(b'{"i":1,"n":1.50,"b":true,"s":"a, \\"b\\""}'),
]
each = pytest.mark.parametrize("make", RECORDS, ids=["csv", "jsonl"])


@pytest.mark.parametrize(
    ("line", "values"),
    [
        (b"1,1.50,true,x", [1, 1.5, True, "x"]),
        (b"-0,-20,FALSE,007", [0, -20, False, "007"]),
        (b'"12","0.5","True","5"" pipe"', [12, 0.5, True, '5" pipe']),
        (b",,,", [None, None, None, ""]),
        (b'"","","",""', [None, None, None, ""]),
        (b'NA,"NA",NA,NA', [None, None, None, None]),
        (b"007,1e5,yes,\xc3\xa9", ["007", "1e5", "yes", "é"]),
        (b"1234567890123456,1e5,t,", ["1234567890123456", "1e5", "t", ""]),
    ],
)
def test_cells_have_the_values_of_their_columns_types(line: bytes, values: list[object]) -> None:
    record = csv_record(line)
    assert list(record.values()) == values
    assert list(map(type, record.values())) == list(map(type, values))


def test_a_pinned_type_takes_any_number_and_integers_are_exact() -> None:
    record = csv_record(b"1" + b"0" * 30 + b",1e5,true,x", pinned=True)
    assert record["i"] == 10**30
    assert record["n"] == 100_000
    assert type(record["n"]) is float


def test_an_integer_beyond_what_int_reads_is_exact_all_the_same() -> None:
    digits = b"9" * 5_000
    assert csv_record(digits + b",1,true,x", pinned=True)["i"] + 1 > 0
    record = json_record(b'{"a":%b}' % digits)
    record["b"] = record["a"]
    assert line_of(record) == b'{"a":%b,"b":%b}' % (digits, digits)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        *((b"1", 1), (b"1.50", 1.5), (b"-0", 0), (b"1e2", 100.0), (b"true", True), (b"null", None)),
        *((b'"a\\u00e9\\n"', "aé\n"), (b"1" + b"0" * 30, 10**30), (b"18446744073709551616", 2**64)),
        (b"-9223372036854775809", -(2**63) - 1),
        (b'{"a":[1000000000000000000000,1.50]}', {"a": [10**21, 1.5]}),
        (b'"1000000000000000000000"', "1" + "0" * 21),
        (b"1e400", float("inf")),
    ],
)
def test_json_values_are_what_json_says(raw: bytes, value: object) -> None:
    found = json_record(b'{"x": %b }' % raw)["x"]
    assert found == value
    assert type(found) is type(value)


def test_only_what_is_read_is_decoded_and_once() -> None:
    record = json_record(b'{"a":[1],"b":2}')
    assert record.as_reference()._values == {}
    assert record["a"] is record["a"]
    assert record.as_reference()._values == {"a": [1]}


@each
def test_a_record_is_a_mapping_in_the_order_of_the_input(make: Callable[[], Record]) -> None:
    record = make()
    expected = {"i": 1, "n": 1.5, "b": True, "s": 'a, "b"'}
    assert isinstance(record, MutableMapping)
    assert list(record) == list(record.keys()) == list(expected)
    assert list(reversed(record)) == list(reversed(expected))
    assert {**record} == dict(record) == record == expected
    assert expected == record
    assert record != {**expected, "i": 2}
    assert len(record) == 4
    assert "i" in record
    assert "x" not in record
    assert 1 not in record
    assert record.get("x", 5) == 5
    assert repr(record) == repr(expected)
    with pytest.raises(KeyError):
        record["x"]
    with pytest.raises(TypeError):
        hash(record)


@each
def test_a_record_matches_mapping_patterns(make: Callable[[], Record]) -> None:
    match make():
        case {"i": 1, "s": text, **rest}:
            assert text == 'a, "b"'
            assert rest == {"n": 1.5, "b": True}
        case _:
            pytest.fail("no match")


@each
def test_a_name_that_is_no_text_is_refused(make: Callable[[], Record]) -> None:
    with pytest.raises(TypeError, match=r"a field's name is text; found 1 \(int\)"):
        make()[1] = "x"  # type: ignore[index]
    with pytest.raises(TypeError):
        make() | {None: 1}


@each
def test_a_record_pickles_and_compares_as_a_dict(make: Callable[[], Record]) -> None:
    restored = pickle.loads(pickle.dumps(make()))
    assert type(restored) is dict
    assert restored == make()


@each
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda record: record.copy()])
def test_a_copy_changes_by_itself(
    make: Callable[[], Record], duplicate: Callable[[Record], Record]
) -> None:
    record = make()
    record["n"] = 2
    other = duplicate(record)
    other["i"] = 5
    del other["b"]
    assert type(other) is type(record)
    assert isinstance(other, Record)
    assert record == {"i": 1, "n": 2, "b": True, "s": 'a, "b"'}
    assert other == {"i": 5, "n": 2, "s": 'a, "b"'}


def test_a_deep_copy_has_nested_values_of_its_own() -> None:
    record = json_record(b'{"a":[1]}')
    shallow, deep = record.copy(), copy.deepcopy(record)
    record["a"].append(2)
    other = copy.deepcopy(record)
    other["a"].append(3)
    assert (record["a"], deep["a"], other["a"]) == ([1, 2], [1], [1, 2, 3])
    assert shallow["a"] == [1]


MERGED = b'{"i":1,"n":1.50,"b":0,"s":"a, \\"b\\"","new":2}'


@each
def test_merging_keeps_untouched_bytes(make: Callable[[], Record]) -> None:
    record = make()
    assert line_of(record | {"b": 0, "new": 2}) == MERGED
    assert line_of({"new": 2, "n": 0} | record) == (
        b'{"new":2,"n":1.50,"i":1,"b":true,"s":"a, \\"b\\""}'
    )
    assert record == make()
    record |= {"b": 0}
    record |= [("new", 2)]
    assert line_of(record) == MERGED


def test_merging_with_what_is_no_mapping_is_a_type_error() -> None:
    record = json_record(b"{}")
    with pytest.raises(TypeError):
        record | 1  # type: ignore[operator]
    with pytest.raises(TypeError):
        1 | record  # type: ignore[operator]


def test_fields_that_are_not_set_keep_their_bytes() -> None:
    record = json_record(b'{"z": 1.50 , "\\u0061":1000000000000000000000000000000,"m":[ 1.0 ]}')
    assert record["a"] == 10**30
    record["new"] = record["z"]
    assert line_of(record) == (
        b'{"z":1.50,"\\u0061":1000000000000000000000000000000,"m":[ 1.0 ],"new":1.5}'
    )
    del record["z"]
    record["z"] = 1.5
    assert line_of(record).endswith(b',"new":1.5,"z":1.5}')


def test_setting_a_field_to_what_it_holds_is_setting_it() -> None:
    record = json_record(b'{"a":1.50,"b":1.50}')
    record["a"] = record["a"]
    assert line_of(record) == b'{"a":1.5,"b":1.50}'


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda a: None, b'{"a": {"x":1.50,"y":[1]} }'),
        (lambda a: a["y"].append(2), b'{"a":{"x":1.5,"y":[1,2]}}'),
        (lambda a: a["y"].__setitem__(0, True), b'{"a":{"x":1.5,"y":[true]}}'),
        (lambda a: a["y"].__setitem__(0, 1.0), b'{"a":{"x":1.5,"y":[1.0]}}'),
        (lambda a: a.update(x=a.pop("x")), b'{"a":{"y":[1],"x":1.5}}'),
    ],
)
def test_a_nested_value_is_written_anew_only_if_it_was_changed(
    change: Callable[[Any], None], expected: bytes
) -> None:
    record = json_record(b'{"a": {"x":1.50,"y":[1]} }')
    change(record["a"])
    assert line_of(record) == expected


def test_a_selection_is_another_description_of_the_same_cells() -> None:
    columns = (Column("a", ColumnType.INTEGER), Column("b"), Column("c", ColumnType.NUMBER))
    layout = Layout(CSV, CSV, columns, (Pick(2, "z"), Pick(0, "a")))
    [[(record, _)]] = records(b'1,x,"2.50"', layout)
    assert record == {"z": 2.5, "a": 1}
    line = b'{"a":1,"b":2,"c":3.0}'
    chosen = Layout(JSONL, JSONL, columns, (Pick(2, "z"), Pick(0, "a")), is_unchanged=False)
    [[(record, _)]] = records(line, chosen)
    assert list(record.items()) == [("z", 3.0), ("a", 1)]


def test_fields_pickle_used_or_not() -> None:
    fields = csv_fields(layout_of(TSV, JSONL, ["a"], ColumnType.INTEGER))
    assert fields.readers["a"][1](b"7") == 7
    assert fields.json_writers["a"][1](b"7") == b"7"
    restored = pickle.loads(pickle.dumps(fields))
    assert restored == fields
    assert restored.readers["a"][1](b"8") == 8
    assert Fields(JsonlFormat(), ("a",), (0,)).labels == {"a": b'"a":'}


KEYS = st.sampled_from([*NAMES, "x", "y"])
OPERATIONS = st.one_of(
    st.tuples(st.just("set"), KEYS, st.integers()),
    st.tuples(st.sampled_from(["get", "read", "delete", "pop", "setdefault"]), KEYS, st.none()),
    st.tuples(
        st.sampled_from(["update", "or", "ror", "ior"]),
        st.none(),
        st.dictionaries(KEYS, st.none() | st.integers(), max_size=3),
    ),
    st.tuples(st.sampled_from(["popitem", "clear", "copy"]), st.none(), st.none()),
)


def apply(mapping: Any, operation: tuple[str, Any, Any]) -> tuple[Any, object]:
    """Apply one operation of dicts; return what is left, and what it gave or raised."""
    kind, key, value = operation
    simple: dict[str, Callable[[], object]] = {
        "set": lambda: mapping.__setitem__(key, value),
        "get": lambda: mapping.get(key),
        "read": lambda: mapping[key],
        "delete": lambda: mapping.__delitem__(key),
        "pop": lambda: mapping.pop(key),
        "setdefault": lambda: mapping.setdefault(key, 3),
        "update": lambda: mapping.update(value),
        "popitem": lambda: mapping.popitem(),
        "clear": lambda: mapping.clear(),
    }
    made: dict[str, Callable[[], object]] = {
        "or": lambda: mapping | value,
        "ror": lambda: value | mapping,
        "copy": lambda: mapping.copy(),
    }
    if kind in made:
        return made[kind](), None
    if kind == "ior":
        mapping |= value
        return mapping, None
    try:
        return mapping, simple[kind]()
    except KeyError:
        return mapping, KeyError


@each
@given(operations=st.lists(OPERATIONS, max_size=12))
def test_any_operations_do_what_they_do_to_a_dict(
    make: Callable[[], Record], operations: list[tuple[str, Any, Any]]
) -> None:
    record: Any = make()
    twin: Any = dict(make())
    for operation in operations:
        record, given_by_record = apply(record, operation)
        twin, given_by_twin = apply(twin, operation)
        assert given_by_record == given_by_twin
        assert list(record) == list(twin)
    assert isinstance(record, Record)
    assert list(record.items()) == list(twin.items())
    if "n" not in twin or twin["n"] != 1.5:  # else it may have kept its 1.50
        assert line_of(record) == line_of(twin)
