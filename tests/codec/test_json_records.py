"""What a JSONL record is: as strict as RFC 8259, and no value is changed on its way through."""

from __future__ import annotations

import json

import pytest
from codec.conversions import CSV, JSONL, converted, json_lines, layout_of, run_recipe
from hypothesis import given, settings
from hypothesis import strategies as st

from streamx.codec.layout import Layout
from streamx.errors import InputError
from streamx.transform.operations import Drop, Limit, Rename, Select
from streamx.transform.plan import Recipe

UNCHANGED = layout_of(JSONL, JSONL, [])
PICKED = layout_of(JSONL, JSONL, "ab", is_unchanged=False)
PASSED = layout_of(JSONL, JSONL, "ab", is_unchanged=False, passes_unknown_keys=True)
TO_CSV = layout_of(JSONL, CSV, "ab")
FLAT = layout_of(JSONL, CSV, "ab", flattens=True)
LAYOUTS = [
    pytest.param(layout, id=name)
    for name, layout in [
        *(("unchanged", UNCHANGED), ("picked", PICKED), ("passed", PASSED)),
        *(("to CSV", TO_CSV), ("flat", FLAT)),
    ]
]

NO_JSON = [
    *("NaN", "Infinity", "-Infinity", "01", "-01", "1.", ".5", "+1", "1e", "1e+", "-", "0x1F"),
    *("1_000", "00", "- 1", "1 2", "True", "None", "nul", "undefined", "'x'", '"x', 'x"', '"\\x"'),
    *('"\\u12"', '"\\ud800"', '"\\udc00"', '"\\ud800x"', '"\\ud800\\ud800"', '"a\tb"', '"\x00"'),
    *(
        '"\x1f"',
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1",
        "1]",
        "{}}",
        "{",
        "{,}",
        "\ufeff1",
        "1\x0b",
        "\xa01",
    ),
    *(
        '{"c":1,}',
        '{"c"}',
        '{"c":}',
        "{c:1}",
        "{1:1}",
        '{"c" 1}',
        "/* */ 1",
        "1 // x",
        "1;",
        "1e400x",
    ),
    *("[1e400,]", "01e400", "1e400 1e400", "1e400.", '"\\ud800" ', "[1e400, NaN]", "-1e400-"),
]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("text", NO_JSON, ids=ascii)
def test_what_is_no_json_is_a_bad_record(layout: Layout, text: str) -> None:
    for record in (f'{{"a":{text}}}', text):
        good = json_lines('{"a":1}', "", '{"a":2}')
        output, tally = converted(good + json_lines(record, '{"a":3}'), layout)
        assert (tally.records_in, output.count(b"\n")) == (2, 2)
        assert tally.bad is not None
        assert tally.bad.position == len(good)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("space", ["\x0b", "\x0c", "\x1c", "\x85", "\xa0", "\u2028"], ids=ascii)
def test_a_line_of_what_json_takes_for_no_space_is_a_bad_record(layout: Layout, space: str) -> None:
    _, tally = converted(json_lines('{"a":1}', space, '{"a":2}'), layout)
    assert tally.bad is not None
    assert (tally.bad.position, tally.records_in, tally.blank_lines) == (8, 1, 0)


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


VALUES = [
    *("1.50", "-0", "-0.0", "1E5", "1e-400", "1e400", "-1E+400", "1" + "0" * 400, "0." + "1" * 400),
    *(
        "1000000000000000000000000000000",
        "true",
        "false",
        "null",
        '"x"',
        '""',
        '"\x7f"',
        '"\u2028"',
    ),
    *('"\\u0041\\/\\b"', '"\\ud834\\udd1e"', '"\\u0000"', '"𝄞é"', "[]", "{}", "[ 1.50 , {} ]"),
    *(
        '{"z": 1, "a": {"y":[1e400]}}',
        '{"z":1,"z":2}',
        nested(999),
        '{"a":' * 500 + "1" + "}" * 500,
    ),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value[:30])
def test_a_value_comes_through_byte_for_byte(value: str) -> None:
    lines = json_lines(f'{{"a":{value},"b":1,"c":2}}', f' {{ "b" : 1 , "a" : {value} }} ')
    assert converted(lines, UNCHANGED)[0] == lines
    picked = json_lines(*[f'{{"a":{value},"b":1}}'] * 2)
    assert converted(lines, PICKED)[0] == picked
    assert converted(lines, PASSED)[0] == json_lines(
        f'{{"a":{value},"b":1,"c":2}}', f'{{"b":1,"a":{value}}}'
    )


@pytest.mark.parametrize("value", ["1", '"x"', "null", "[]", '[{"a":1}]', "1e400", "[1e400]"])
def test_a_value_that_is_no_object_passes_only_where_nobody_needs_columns(value: str) -> None:
    assert converted(json_lines(value), UNCHANGED)[0] == json_lines(value)
    for layout in (PICKED, PASSED, TO_CSV, FLAT):
        _, tally = converted(json_lines('{"a":1}', value), layout)
        assert tally.bad is not None
        assert tally.bad.position == 8


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("depth", [5_000, 200_000])
@pytest.mark.parametrize("brackets", ["[]", '{"a":0}'])
def test_nesting_too_deep_is_a_bad_record_and_no_crash(
    layout: Layout, depth: int, brackets: str
) -> None:
    opening, closing = brackets[: brackets.find(":") + 1] or "[", brackets[-1]
    for number in ("", "1e400"):
        value = opening * depth + number + closing * depth
        _, tally = converted(json_lines('{"a":1}', f'{{"a":{value}}}'), layout)
        assert tally.bad is not None
        assert tally.bad.position == 8


@pytest.mark.parametrize("layout", [PICKED, PASSED, TO_CSV, FLAT])
@pytest.mark.parametrize(
    "record",
    ['{"a":1,"a":1}', '{"a":1,"\\u0061":2}', '{"c":1,"a":2,"c":3}', '{"":1,"":2}'],
)
def test_a_key_that_comes_twice_is_a_bad_record_where_columns_are_taken_apart(
    layout: Layout, record: str
) -> None:
    for others in ([], ['{"a":1}'], ['{"a":1,"b":2}']):
        _, tally = converted(json_lines(*others, record), layout)
        assert tally.bad is not None
        assert tally.bad.position == len(json_lines(*others))
    assert converted(json_lines(record), UNCHANGED)[0] == json_lines(record)


def test_blank_lines_are_skipped_and_counted() -> None:
    data = b'\n{"a":1}\n \t\r\n\r\n{"a":2}\n\n'
    output, tally = converted(data, PICKED)
    assert output == json_lines('{"a":1}', '{"a":2}')
    assert (tally.blank_lines, tally.records_in) == (4, 2)


def test_lines_may_end_with_crlf_and_the_last_with_nothing() -> None:
    output, tally = converted(b'{"a":1}\r\n{"a":2 }\r\n{"a":"\xc3\xa9"}', PICKED)
    assert output == json_lines('{"a":1}', '{"a":2}', '{"a":"é"}')
    assert tally.bad is None


def test_a_missing_key_stays_missing_in_json() -> None:
    output, _ = converted(json_lines('{"b":1}', '{"a":2}', "{}", '{"c":1}'), PICKED)
    assert output == json_lines('{"b":1}', '{"a":2}', "{}", "{}")


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ((Select(("c", "a")),), '{"c":3,"a":1.50}'),
        ((Drop(("b",)),), '{"a":1.50,"c":3}'),
        ((Rename("b", "é\n"),), '{"a":1.50,"é\\n":"\\u00e9","c":3}'),
        ((Rename("a", "x"), Select(("x",))), '{"x":1.50}'),
        ((Drop(("a",)), Rename("b", "a")), '{"a":"\\u00e9","c":3}'),
        ((Limit(5),), '{"a": 1.50,  "b":"\\u00e9","c":3}'),
    ],
)
def test_operations_keep_the_raw_values(operations: tuple[Rename, ...], expected: str) -> None:
    data = json_lines('{"a": 1.50,  "b":"\\u00e9","c":3}') * 3
    outcome = run_recipe(Recipe(JSONL, JSONL, operations=operations), data)
    assert outcome.output == json_lines(expected) * 3


def test_a_key_that_the_sample_lacks_passes_unless_a_rename_took_its_name() -> None:
    recipe = Recipe(JSONL, JSONL, columns=("a",), operations=(Rename("a", "b"),))
    outcome = run_recipe(recipe, json_lines('{"z":0,"a":1}', '{"z":[]}', '{"a":1,"b":2}'))
    assert outcome.output == json_lines('{"z":0,"b":1}', '{"z":[]}')
    assert outcome.failed_at == (3, 23, "the key 'b' in '{\"a\"")


@pytest.mark.parametrize("record", ["{}", "{ }", " {\t}\r"])
def test_objects_without_keys_make_no_table(record: str) -> None:
    with pytest.raises(InputError, match="no key in the first records"):
        run_recipe(Recipe(JSONL, CSV), json_lines(record))


def test_a_string_that_holds_braces_is_a_bad_record_like_any_other() -> None:
    outcome = run_recipe(Recipe(JSONL, CSV), json_lines('"{}"'))
    assert outcome.failed_at == (1, 0, "no JSON object but '\"{}\"'")


FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=6,
)
SPACING = st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " : ")])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.dictionaries(st.sampled_from("abcé"), JSON_VALUES), min_size=1, max_size=4),
    SPACING,
    st.booleans(),
)
def test_picked_and_passed_values_are_those_that_json_loads_gives(
    objects: list[dict[str, object]], spacing: tuple[str, str], ensure_ascii: bool
) -> None:
    data = json_lines(
        *(json.dumps(o, separators=spacing, ensure_ascii=ensure_ascii) for o in objects)
    )
    output, tally = converted(data, PASSED)
    assert tally.bad is None
    assert [list(json.loads(line).items()) for line in output.split(b"\n")[:-1]] == [
        list(o.items()) for o in objects
    ]
    output, _ = converted(data, PICKED)
    assert [list(json.loads(line).items()) for line in output.split(b"\n")[:-1]] == [
        [(key, o[key]) for key in "ab" if key in o] for o in objects
    ]


JSON_SOUP = st.lists(
    st.sampled_from([*'[]{},:" \\\t1-+.e0', "true", "null", '"a"', '"b":', "1e400", "\\u00e9"]),
    max_size=8,
).map("".join)


def python_accepts(text: str) -> bool:
    try:
        json.loads(text, parse_constant=lambda constant: 1 / 0)
    except (ValueError, ZeroDivisionError):
        return False
    return True


@settings(max_examples=250, deadline=None)
@given(st.one_of(JSON_SOUP, JSON_SOUP.map(lambda soup: f'{{"a":{soup}}}')))
def test_a_line_is_bad_exactly_if_python_refuses_it(text: str) -> None:
    if text.strip(" \t\r"):
        output, tally = converted(json_lines(text), UNCHANGED)
        assert (tally.bad is None) == python_accepts(text)
        assert output == (b"" if tally.bad else json_lines(text))
