"""Parquet is written with types that hold for every record, or not at all."""

from __future__ import annotations

import datetime
import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import SAMPLE_DATA, Run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import streamx as library
from streamx.write import columnar

UNHURRIED = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "int": st.integers(-(2**63), 2**63 - 1),
    "big": st.integers(-(10**37), 10**37),
    "float": NUMBERS,
    "either": st.integers(-(2**53), 2**53) | NUMBERS,
    "text": st.text(max_size=5) | st.sampled_from(["007", "1.50", "", "NaN", "null", '"\\\n']),
    "truth": st.booleans(),
    "list": st.lists(st.integers(0, 9), max_size=3),
    "struct": st.fixed_dictionaries({"x": st.text(max_size=2), "y": st.lists(NUMBERS)}),
}


def written(streamx: Run, records: bytes, *options: str) -> None:
    result = streamx("transform", "--from", "jsonl", "-", "out.parquet", *options, stdin=records)
    assert (result.returncode, result.stderr) == (0, b"")


@st.composite
def tables(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Records of which each column has values of one kind, or nulls."""
    kinds = draw(st.dictionaries(st.text(max_size=3), st.sampled_from(sorted(SCALARS)), min_size=1))
    record = st.fixed_dictionaries({key: st.none() | SCALARS[kind] for key, kind in kinds.items()})
    return draw(st.lists(record, min_size=1, max_size=8))


@UNHURRIED
@given(records=tables(), data=st.data())
def test_what_goes_to_parquet_comes_back(
    records: list[dict[str, Any]], data: st.DataObject, tmp_path: Path
) -> None:
    source, middle, target = (tmp_path / name for name in ("a.jsonl", "b.parquet", "c.jsonl"))
    lines = [json.dumps(record, ensure_ascii=data.draw(st.booleans())) for record in records]
    source.write_text("\n".join([*lines, ""]))
    library.transform(source, middle, fsync=False)
    library.transform(middle, target, fsync=False)
    back = [json.loads(line) for line in target.read_bytes().split(b"\n")[:-1]]
    assert back == records


def types_of(path: Path) -> dict[str, str]:
    return {field.name: str(field.type) for field in pq.read_schema(path)}


def test_types_are_as_wide_as_the_first_records_need(streamx: Run, tmp_path: Path) -> None:
    records = (
        b'{"i":1,"u":1,"d":-5,"n":1,"s":"007","b":true,"l":[1],"o":{"a":1},"z":null}\n'
        b'{"i":-2,"u":18446744073709551615,"d":123456789012345678901234567890,"n":1.50,"s":"x",'
        b'"b":null,"l":[2.5],"o":{"b":"x"},"z":null}\n'
    )
    written(streamx, records)
    assert types_of(tmp_path / "out.parquet") == {
        "i": "int64",
        "u": "uint64",
        "d": "decimal128(38, 0)",
        "n": "double",
        "s": "string",
        "b": "bool",
        "l": "list<element: double>",
        "o": "struct<a: int64, b: string>",
        "z": "string",
    }
    back = streamx("transform", "out.parquet", "-", "--to", "jsonl").stdout.splitlines()
    assert back[1] == (
        b'{"i":-2,"u":18446744073709551615,"d":123456789012345678901234567890,"n":1.5,"s":"x",'
        b'"b":null,"l":[2.5],"o":{"a":null,"b":"x"},"z":null}'
    )


def test_values_of_several_kinds_are_text_and_told_of(streamx: Run, tmp_path: Path) -> None:
    records = b'{"a":1.50,"b":1}\n{"a":"x","b":2}\n{"a":{"k":[]},"b":3}\n{"a":null,"b":4}\n'
    result = streamx("transform", "--from", "jsonl", "-", "out.parquet", stdin=records)
    assert result.stderr == (
        b"streamx: warning: out.parquet: values of several kinds in 'a' are written as text: "
        b"what is none, as its JSON\n"
    )
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["a"].to_pylist() == ["1.50", "x", '{"k":[]}', None]
    assert table["b"].to_pylist() == [1, 2, 3, 4]


def test_csv_gives_the_types_that_its_sample_has(streamx: Run, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id,price,zip,none\n1,1.50,007,\n2,2,10115,\n")
    steps = ("--rename", "price=p", "--where", "id > 5")
    result = streamx("transform", "in.csv", "out.parquet", *steps)
    assert (result.returncode, result.stderr) == (0, b"")
    assert types_of(tmp_path / "out.parquet") == {
        "id": "int64",
        "p": "double",
        "zip": "string",
        "none": "string",
    }
    assert pq.read_metadata(tmp_path / "out.parquet").num_rows == 0


def test_flights_come_back_as_they_went(streamx: Run, tmp_path: Path) -> None:
    command = ("transform", SAMPLE_DATA / "flights.csv", "--null", "NA")
    assert streamx(*command[:2], "direct.jsonl", *command[2:]).returncode == 0
    assert streamx(*command[:2], "out.parquet", *command[2:]).returncode == 0
    assert streamx("transform", "out.parquet", "back.jsonl").returncode == 0
    assert (tmp_path / "back.jsonl").read_bytes() == (tmp_path / "direct.jsonl").read_bytes()


def test_the_bytes_do_not_depend_on_workers_and_chunks(
    streamx: Run, tmp_path: Path, full_flights: Path
) -> None:
    for number, sizes in enumerate([("-j", "1"), ("-j", "3", "--chunk-size", "100K")]):
        options = ("--null", "NA", "--limit", "30000", "--row-group-size", "4M", *sizes)
        result = streamx("transform", full_flights, f"{number}.parquet", *options)
        assert (result.returncode, result.stderr) == (0, b"")
    assert (tmp_path / "0.parquet").read_bytes() == (tmp_path / "1.parquet").read_bytes()
    assert pq.read_metadata(tmp_path / "0.parquet").num_row_groups == 3


SHORT = [b'{"a":1,"b":"x","c":1.5}\n' for _ in range(3)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"a":"x"}', "record 10,004, column 'a': found '\"x\"'; expected an integer of 64 bits"),
        (b'{"a":1.5}', "record 10,004, column 'a': found '1.5'; expected an integer of 64 bits"),
        (b'{"a":9223372036854775808}', "column 'a': found '9223372036854775808'; expected"),
        (b'{"b":1}', "column 'b': found '1'; expected text, as the first records have"),
        (b'{"c":"1.5"}', "column 'c': found '\"1.5\"'; expected a number"),
        (b'{"c":1e999}', "column 'c': found '1e999'; expected a number"),
        (b'{"d":1}', "record 10,004: found the key 'd', which is none of the columns"),
        (b"[1]", "record 10,004: found '[1]'; expected an object of different keys"),
        (b'{"a":1,"a":2}', 'record 10,004: found \'{"a":1,"a":2}\'; expected an object of'),
    ],
)
def test_a_later_value_that_does_not_fit_is_named(
    streamx: Run, tmp_path: Path, line: bytes, message: str
) -> None:
    (tmp_path / "out.parquet").write_bytes(b"old")
    records = b"".join([*SHORT, b'{"a":null}\n' * 10_000, line, b"\n"])
    result = streamx("transform", "--from", "jsonl", "-", "out.parquet", stdin=records)
    assert result.returncode == 1
    assert message in result.stderr.decode()
    assert result.stderr.startswith(b"streamx: error: cannot write out.parquet: record 10,004")
    assert result.stderr.count(b"\n") == 1
    assert (tmp_path / "out.parquet").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_pinned_column_takes_what_would_not_fit(streamx: Run, tmp_path: Path) -> None:
    records = b"".join([*SHORT, b'{"a":null}\n' * 10_000, b'{"a":[1.50]}\n{"a":"x"}\n{"b":"y"}\n'])
    written(streamx, records, "--type", "a=string", "--type", "c=number")
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["a"].to_pylist()[-3:] == ["[1.50]", "x", None]
    assert table["a"][0].as_py() == "1"


def test_a_pinned_column_that_there_is_not_is_answered_with_the_nearest(
    streamx: Run, tmp_path: Path
) -> None:
    command = ("transform", "--from", "jsonl", "-", "out.parquet", "--type", "zp=string")
    result = streamx(*command, stdin=b'{"zip":1}\n')
    assert result.returncode == 2
    assert b"--type: no column 'zp'; did you mean 'zip'?" in result.stderr
    assert not list(tmp_path.iterdir())


def test_columns_can_be_named_and_others_left_out(streamx: Run, tmp_path: Path) -> None:
    records = b'{"a":1,"b":2}\n{"b":3,"c":4}\n'
    written(streamx, records, "--columns", "b,z", "--extra-keys", "drop")
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == [
        {"b": 2, "z": None},
        {"b": 3, "z": None},
    ]


def test_a_double_that_cannot_hold_all_digits_is_told_of(streamx: Run) -> None:
    records = b'{"a":0.5}\n{"a":9007199254740993}\n{"a":9007199254740995}\n'
    result = streamx("transform", "--from", "jsonl", "-", "out.parquet", stdin=records)
    assert result.returncode == 0
    assert result.stderr == (
        b"streamx: warning: out.parquet: record 2, column 'a': 9007199254740993 is written as "
        b"9007199254740992, as the column is one of doubles; --type 'a=string' keeps all digits\n"
    )


def test_numbers_that_json_lacks_come_back_as_numbers(streamx: Run, tmp_path: Path) -> None:
    written(streamx, b'{"a":1.5}\n{"a":"NaN"}\n{"a":"-Infinity"}\n{"a":null}\n')
    values = pq.read_table(tmp_path / "out.parquet")["a"]
    assert str(values.type) == "double"
    assert repr(values.to_pylist()) == "[1.5, nan, -inf, None]"


def test_blocks_end_where_records_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(columnar, "BLOCK_BYTES", 100)
    source = tmp_path / "in.jsonl"
    values = [each % 7 * "x" if each % 5 else 300 * "y" for each in range(500)]
    source.write_text("".join(f'{{"a":"{each}"}}\n' for each in values))
    library.transform(source, tmp_path / "out.parquet", row_group_bytes=400)
    assert pq.read_table(tmp_path / "out.parquet")["a"].to_pylist() == values


@pytest.mark.parametrize("codec", ["snappy", "zstd", "gzip", "lz4", "none"])
def test_columns_are_compressed_as_asked(streamx: Run, tmp_path: Path, codec: str) -> None:
    written(streamx, b'{"a":1}\n', "--compress", codec)
    column = pq.read_metadata(tmp_path / "out.parquet").row_group(0).column(0)
    assert column.compression == {"none": "UNCOMPRESSED"}.get(codec, codec.upper())


def test_a_level_that_a_codec_has_not_is_an_error(streamx: Run, tmp_path: Path) -> None:
    options = ("--compress", "gzip", "--compression-level", "99")
    result = streamx(
        "transform", "--from", "jsonl", "-", "out.parquet", *options, stdin=b'{"a":1}\n'
    )
    assert result.returncode == 1
    assert result.stderr.startswith(b"streamx: error: cannot write out.parquet: ")
    assert not list(tmp_path.iterdir())


def test_records_without_keys_are_an_error_and_none_an_empty_file(
    streamx: Run, tmp_path: Path
) -> None:
    command = ("transform", "--from", "jsonl", "-", "out.parquet")
    result = streamx(*command, stdin=b"{}\n{}\n")
    assert result.returncode == 1
    assert b"cannot write out.parquet: no key in the first records to make a" in result.stderr
    assert streamx(*command, stdin=b"").returncode == 0
    assert pq.read_metadata(tmp_path / "out.parquet").num_rows == 0
    assert streamx("transform", "out.parquet", "-", "--to", "jsonl").stdout == b""


def test_standard_output_gets_a_whole_file(streamx: Run, tmp_path: Path) -> None:
    result = streamx("transform", "--from", "jsonl", "--to", "parquet", stdin=b'{"a":1}\n')
    (tmp_path / "out.parquet").write_bytes(result.stdout)
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == [{"a": 1}]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--compress", "xz"), "--compress xz needs an output that knows it; this one takes snap"),
        (("--resume",), "--resume needs CSV, TSV or JSONL output; Parquet cannot be continued"),
        (("--crlf",), "--crlf needs CSV or TSV output"),
        (("--add-bom",), "--add-bom needs CSV or TSV output"),
        (("--line-buffered",), "--line-buffered needs CSV, TSV or JSONL output, not Parquet"),
        (("--row-group-size", "0"), "--row-group-size 0 cannot work"),
        (("--compress", "snappy", "--compression-level", "3"), "--compression-level needs"),
    ],
)
def test_options_that_parquet_does_not_know_are_refused(
    streamx: Run, options: tuple[str, ...], message: str
) -> None:
    result = streamx("transform", "in.jsonl", "out.parquet", *options)
    assert result.returncode == 2
    assert message in result.stderr.decode()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--compress", "snappy"), "--compress snappy needs an output that knows it"),
        (("--row-group-size", "1M"), "--row-group-size needs Parquet output"),
    ],
)
def test_options_of_parquet_are_refused_elsewhere(
    streamx: Run, options: tuple[str, ...], message: str
) -> None:
    result = streamx("transform", "in.jsonl", "out.jsonl", *options)
    assert result.returncode == 2
    assert message in result.stderr.decode()


def test_types_of_a_file_are_carried_over_where_nothing_is_computed(
    streamx: Run, tmp_path: Path
) -> None:
    moment = datetime.datetime(2026, 3, 29, 1, 2, 3, 456000, tzinfo=datetime.UTC)
    day, hour = moment.date(), moment.time()
    table = pa.table(
        {
            "i8": pa.array([1, None], pa.int8()),
            "u64": pa.array([2**64 - 1, 0], pa.uint64()),
            "f32": pa.array([0.1, math.inf], pa.float32()),
            "dec": pa.array([Decimal("1.50"), None], pa.decimal128(9, 2)),
            "moment": pa.array([moment, None], pa.timestamp("ms", "Europe/Berlin")),
            "naive": pa.array([moment.replace(tzinfo=None), None], pa.timestamp("us")),
            "day": pa.array([day, None], pa.date32()),
            "time": pa.array([hour, None], pa.time64("us")),
            "text": pa.array(["1", None], pa.large_string()),
            "kind": pa.array(["a", "a"]).dictionary_encode(),
            "list": pa.array([[1.5], []], pa.list_(pa.float32())),
            "struct": pa.array([{"x": moment}, None], pa.struct([("x", pa.timestamp("s", "UTC"))])),
        }
    )
    pq.write_table(table, tmp_path / "in.parquet")
    expected = pq.read_table(tmp_path / "in.parquet")
    for name in ("out.parquet", "out.arrow"):
        steps = ("--rename", "i8=first", "--set", "more=u64 > 5", "--drop", "u64")
        result = streamx("transform", "in.parquet", name, *steps)
        assert result.returncode == 0
        assert b"warning" in result.stderr  # of an infinite number
        assert result.stderr.count(b"\n") == 1
    columns = {"first" if name == "i8" else name: expected[name] for name in expected.column_names}
    columns["more"] = pa.chunked_array([[True, False]])
    del columns["u64"]
    assert pq.read_table(tmp_path / "out.parquet").equals(pa.table(columns))
    with pa.ipc.open_file(tmp_path / "out.arrow") as file:
        assert file.read_all().equals(pa.table(columns))


def test_a_computed_column_keeps_its_place_and_gets_the_type_of_its_values(
    streamx: Run, tmp_path: Path
) -> None:
    pq.write_table(pa.table({"a": ["x"], "b": [1], "c": ["y"]}), tmp_path / "in.parquet")
    assert streamx("transform", "in.parquet", "out.parquet", "--set", "b=b / 2").returncode == 0
    assert types_of(tmp_path / "out.parquet") == {"a": "string", "b": "double", "c": "string"}


@pytest.mark.parametrize("added", [(), ("--add-source", "from")])
def test_types_of_several_files_are_carried_over_and_joined(
    streamx: Run, tmp_path: Path, added: tuple[str, ...]
) -> None:
    day = datetime.date(2026, 3, 29)
    tables = [
        {"day": pa.array([day] * 20_000), "n": pa.array([1] * 20_000), "none": pa.nulls(20_000)},
        {"n": pa.array([1.5]), "none": pa.array(["x"]), "late": pa.array([7], pa.int16())},
    ]
    for number, table in enumerate(tables):
        pq.write_table(pa.table(table), tmp_path / f"in{number}.parquet")
    result = streamx("transform", "in?.parquet", "out.parquet", *added, "--set", "computed=n > 1")
    assert (result.returncode, result.stderr) == (0, b"")
    carried = {"day": "date32[day]", "n": "double", "none": "string", "late": "int16"}
    named = {"from": "string"} if added else {}
    assert types_of(tmp_path / "out.parquet") == {**carried, **named, "computed": "bool"}
    # A CSV has the columns that only a file behind the sample has, and has them without records.
    result = streamx("transform", "in?.parquet", "-", "--to", "csv", "--where", "late > 8")
    assert (result.stdout, result.stderr) == (b"day,n,none,late\n", b"")
    assert streamx("transform", "in?.parquet", "out2", "--partition-by", "late").stderr == b""
    assert (tmp_path / "out2" / "late=7.jsonl").read_bytes() == b'{"n":1.5,"none":"x","late":7}\n'


def test_a_column_of_the_files_name_stands_in_front_of_computed_ones(
    streamx: Run, tmp_path: Path
) -> None:
    (tmp_path / "in.csv").write_text("a\n1\n")
    steps = ("--add-source", "from", "--set", "b=a + 1")
    assert streamx("transform", "in.csv", "out.parquet", *steps).returncode == 0
    assert list(types_of(tmp_path / "out.parquet")) == ["a", "from", "b"]
