"""JSON objects as CSV records: the header, the cells, and one result from both ways of reading."""

from __future__ import annotations

import csv
import io
import json

import pytest
from codec.conversions import CSV, JSONL, TSV, converted, json_lines, layout_of, run_recipe
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamx.chunk import Place
from streamx.codec import keys_of
from streamx.codec.layout import Layout
from streamx.errors import UsageError
from streamx.transform.operations import Drop, Rename, Select
from streamx.transform.plan import Recipe

TO_CSV = Recipe(JSONL, CSV)
FLAT = Recipe(JSONL, CSV, nested="flatten")


def table_of(output: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(output.decode(), newline=""), strict=True))


def test_the_header_is_the_union_of_keys_in_the_order_of_their_first_coming() -> None:
    data = json_lines('{"b":1,"a":2}', "no JSON", '{"a":3,"é\\n":4}', "[5]", '{"z":1,"z":2}')
    assert keys_of(data, flattens=False) == ["b", "a", "é\n"]
    outcome = run_recipe(TO_CSV, data)
    assert outcome.output == 'b,a,"é\n"\n1,2,\n'.encode()
    assert outcome.failed_at is not None
    assert outcome.failed_at[:2] == (2, 14)


def test_a_missing_key_and_null_are_empty_cells() -> None:
    outcome = run_recipe(TO_CSV, json_lines('{"a":null,"b":1}', '{"a":"","b":2}', '{"b":3}', "{}"))
    assert outcome.output == b"a,b\n,1\n,2\n,3\n,\n"
    assert run_recipe(TO_CSV, json_lines('{"a":null}', '{"a":"x"}', "{}")).output == (
        b'a\n""\nx\n""\n'
    )


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        *(("1.50", "1.50"), ("1e400", "1e400"), ("-0", "-0"), ("true", "true"), ('"x"', "x")),
        *(
            ('"null"', "null"),
            ('""', ""),
            ('"\\u00e9\\n\\"\\/"', 'é\n"/'),
            ('"\\ud834\\udd1e"', "𝄞"),
        ),
        *(('"\\u0000\\t"', "\0\t"), ('"a, b"', "a, b"), ('"\ufeff"', "\ufeff"), ('"\\r"', "\r")),
        *(("[]", "[]"), ("{ }", "{}"), ('[1.50, "a b\\n", null]', '[1.50,"a b\\n",null]')),
        ('{ "z" : [ 1 , { "a b" : "\\" }" } ] }', '{"z":[1,{"a b":"\\" }"}]}'),
    ],
)
@pytest.mark.parametrize("others", [[], ['"q"', "2", '"w,"']])
def test_a_value_has_one_text_as_a_cell(value: str, cell: str, others: list[str]) -> None:
    lines = [f'{{"k":"s","a":{other}}}' for other in [*others, value, *others]]
    output, tally = converted(json_lines(*lines), layout_of(JSONL, CSV, ["k", "a"]))
    assert tally.bad is None
    assert table_of(output)[len(others)] == ["s", cell]


FOUND_EXTRA = "the key 'c', which the header lacks, in '{\"a\""


def test_an_extra_key_is_a_bad_record() -> None:
    recipe = Recipe(JSONL, CSV, columns=("a", "b"))
    outcome = run_recipe(recipe, json_lines('{"a":1}', '{"a":2,"c":3}'))
    assert outcome.output == b"a,b\n1,\n"
    assert outcome.failed_at == (2, 8, FOUND_EXTRA)


def test_extra_keys_can_be_dropped_and_are_counted_with_their_first_place() -> None:
    recipe = Recipe(JSONL, CSV, columns=("a",), extra_keys="drop")
    data = json_lines('{"a":1}', "", '{"d":1,"c":3,"a":2}', '{"c":3}', '{"c":4}')
    outcome = run_recipe(recipe, data)
    assert outcome.output == b'a\n1\n2\n""\n""\n'
    assert outcome.dropped_values == 4
    assert outcome.dropped_keys == {"d": Place(3, 9), "c": Place(3, 9)}


def test_extra_keys_do_not_matter_after_a_selection() -> None:
    recipe = Recipe(JSONL, CSV, columns=("a", "b"), operations=(Select(("b",)),))
    outcome = run_recipe(recipe, json_lines('{"a":1,"b":2,"c":3}', '{"c":[]}', '{"b":"x","c":1}'))
    assert outcome.output == b'b\n2\n""\nx\n'
    assert (outcome.failure, outcome.dropped_keys) == (None, {})


def test_extra_keys_matter_after_drop_and_rename() -> None:
    for operation in (Drop(("b",)), Rename("b", "c")):
        recipe = Recipe(JSONL, CSV, columns=("a", "b"), operations=(operation,))
        outcome = run_recipe(recipe, json_lines('{"a":1,"c":3}'))
        assert outcome.failed_at == (1, 0, FOUND_EXTRA)


def test_columns_that_are_named_are_the_header() -> None:
    recipe = Recipe(JSONL, TSV, columns=("b", "x y", "a"))
    assert run_recipe(recipe, json_lines('{"a":1,"b":2}')).output == b"b\tx y\ta\n2\t\t1\n"
    with pytest.raises(UsageError, match="no column 'c'"):
        run_recipe(Recipe(JSONL, CSV, columns=("a",), operations=(Drop(("c",)),)), b"")


def test_nested_values_can_become_columns() -> None:
    data = json_lines(
        '{"a":{"b":[1.50,{"c":null}],"d":{}},"e":[]}',
        '{"e":[[],[true]],"a":{"b":{"0":"x"}}}',
    )
    outcome = run_recipe(FLAT, data)
    assert table_of(outcome.output) == [
        ["a.b.0", "a.b.1.c", "a.d", "e", "e.0", "e.1.0"],
        ["1.50", "", "{}", "[]", "", ""],
        ["x", "", "", "", "[]", "true"],
    ]


@pytest.mark.parametrize(
    ("record", "key"),
    [
        ('{"a.b":1,"a":{"b":2}}', "a.b"),
        ('{"a":{"b":2},"a.b":1}', "a.b"),
        ('{"a":[1],"a.0":2}', "a.0"),
        ('{"a":{"b":1,"b":2}}', "a.b"),
    ],
)
def test_flattened_keys_that_collide_make_a_bad_record(record: str, key: str) -> None:
    outcome = run_recipe(FLAT, json_lines('{"a":{"b":1},"a.0":2}', record))
    assert outcome.output == b"a.b,a.0\n1,2\n"
    assert outcome.failed_at is not None
    assert outcome.failed_at[2].startswith(f"the key '{key}' twice")


def test_deep_nesting_is_flattened() -> None:
    depth = 900
    output = run_recipe(FLAT, json_lines('{"a":' * depth + "1" + "}" * depth)).output
    assert output == b"a" + b".a" * (depth - 1) + b"\n1\n"


SCALAR = st.sampled_from(
    [*("1.50", "-0", "1e400", "true", "null", '"x"', '""', '"a, \\"b\\""', '"\\u00e9"', '"é"')]
)
NESTED = st.sampled_from(["[]", "{ }", '[1, "]"]', '{"a": {}}'])
TRAPS = st.sampled_from(
    [*("01", "1.", "1 2", "NaN", '"\t"', '"\\x"', '"x', "", '"a"}', "1},{", "-", "tru")]
)
KEYS = [*("a", "b", "c", "é", "a.b", "", "$^", "\\u0061", "a b")]


@st.composite
def line_sets(draw: st.DrawFn) -> list[str]:
    """Lines of mostly one set of keys, mostly scalars, now and then with something else."""
    keys = draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=3, unique=draw(st.booleans())))
    odd_keys = draw(st.lists(st.sampled_from(KEYS), max_size=3))
    values = [
        SCALAR,
        SCALAR.map(lambda v: " " + v),
        *draw(st.sampled_from([[], [NESTED], [TRAPS]])),
    ]
    value = st.one_of(*values)
    lines = []
    for _ in range(draw(st.integers(1, 5))):
        chosen = draw(st.sampled_from([keys, keys, keys, odd_keys]))
        comma = draw(st.sampled_from([",", ",", ", ", " ,"]))
        body = comma.join(f'"{key}":{draw(value)}' for key in chosen)
        around = draw(st.sampled_from(["{%s}", "{%s}", "{%s}", " {%s}", "{%s}\r", "{ %s}", "%s"]))
        lines.append(around % body)
    return lines


def line_by_line(lines: list[str], layout: Layout) -> tuple[bytes, int, int, int | None]:
    output, records, dropped, at = b"", 0, 0, 0
    for line in lines:
        part, tally = converted(json_lines(line), layout)
        output += part
        records += tally.records_in
        dropped += tally.dropped_values
        if tally.bad is not None:
            return output, records, dropped, at + tally.bad.position
        at += len(json_lines(line))
    return output, records, dropped, None


@settings(max_examples=350, deadline=None)
@given(line_sets(), st.integers(0, 2), st.booleans())
@example(['{"a":1,"b":2}', '{"a":1},{"b":2}'], 0, False)
@example(['{"a":1}', '{"a":"x"}{"a":2}'], 0, True)
def test_many_lines_at_once_give_what_each_gives_alone(
    lines: list[str], extra: int, is_unchanged: bool
) -> None:
    names = ["a", "é", "b"]
    for layout in (
        layout_of(JSONL, CSV, names, drops_extra_keys=extra == 1, ignores_extra_keys=extra == 2),
        layout_of(JSONL, CSV, names, flattens=True, drops_extra_keys=True),
        layout_of(JSONL, JSONL, names, is_unchanged=is_unchanged, passes_unknown_keys=extra == 1),
    ):
        output, tally = converted(json_lines(*lines), layout)
        dropped = tally.dropped_values
        bad = tally.bad and tally.bad.position
        assert (output, tally.records_in, dropped, bad) == line_by_line(lines, layout)


def test_a_uniform_file_with_one_odd_line_is_what_its_lines_are() -> None:
    lines = [f'{{"a":{n},"b":"x{n}"}}' for n in range(3000)]
    for odd in ('{"b":"\\n","a":1}', '{"a":01,"b":""}', '{"a":[1, 2],"b":"x"}', '{"a":1,"a":2}'):
        lines[2345] = odd
        layout = layout_of(JSONL, CSV, ["a", "b"])
        output, tally = converted(json_lines(*lines), layout)
        bad = tally.bad and tally.bad.position
        assert (output, tally.records_in, 0, bad) == line_by_line(lines, layout)


TEXTS = st.text(st.sampled_from('a,"\n\r\té𝄞\ufeff\x00\x7f\\'), max_size=4)
CELLS = st.one_of(TEXTS, st.none(), st.booleans(), st.integers(), st.lists(TEXTS, max_size=2))


def cell_text(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(CELLS, TEXTS, CELLS), min_size=1, max_size=5), st.integers(1, 3))
def test_cells_hold_what_json_loads_gives(rows: list[tuple[object, ...]], width: int) -> None:
    names = ["a", "b", 'c,"'][:width]
    records = [dict(zip(names, row, strict=False)) for row in rows]
    data = json_lines(*(json.dumps(record, ensure_ascii=False) for record in records))
    expected = [[cell_text(record[name]) for name in names] for record in records]
    assert table_of(run_recipe(TO_CSV, data).output) == [names, *expected]
