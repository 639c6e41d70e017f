"""The native codec reads JSON as strictly as the reference, wherever in a block bytes stand."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import cycle, permutations, product

import pytest
from codec.conversions import CSV, JSONL, TSV, json_lines, layout_of
from codec.test_json_records import FLAT, NO_JSON, PICKED, TO_CSV, UNCHANGED, VALUES
from codec.test_native_csv import INVALID_UTF8, SPECIAL, UTF8_LEADS, padded
from codec.twins import Case, assert_all_same, assert_each_same, assert_same, dialect

from streamx.codec.layout import Pick

PASSED = layout_of(JSONL, JSONL, "abc", is_unchanged=False, passes_unknown_keys=True)
RENAMED = replace(PASSED, picks=(Pick(1, "z"), Pick(0, "b")))
DROPS = layout_of(JSONL, TSV, "ba", drops_extra_keys=True)
LAYOUTS = [
    *(UNCHANGED, PICKED, PASSED, RENAMED, DROPS, TO_CSV, FLAT),
    replace(TO_CSV, target=dialect("b", "\\", "\r\n"), ignores_extra_keys=True),
]
FEW = [UNCHANGED, RENAMED, DROPS]


def objects_with(value: str) -> list[str]:
    """Return lines that hold a value in all the places where one can stand."""
    return [
        value,
        f'{{"a":{value}}}',
        f'{{"b": {value} ,"c":{value}}} ',
        f'{{"b":[{value}, {value}],"a":1}}\r',
        f'[{{"a":{value}}}]',
        f'{{"z":1,"a":{{"b":{value}, "c":[]}}}}',
        f'{{"b":{value},"a":{value}}}',
        f'{{"b": 1, "a": {value}}}',
    ]


@pytest.mark.parametrize("text", [*VALUES, *NO_JSON], ids=lambda text: ascii(text[:20]))
def test_values_are_valid_or_not_in_every_place(text: str) -> None:
    for number, line in enumerate(objects_with(text)):
        layouts = [LAYOUTS[(number + step) % len(LAYOUTS)] for step in (0, 3, 6)]
        assert_all_same(json_lines('{"a":1}', line, '{"b":"é"}'), layouts)
        assert_all_same(line.encode(), layouts[:2])


@pytest.mark.parametrize("special", SPECIAL, ids=ascii)
def test_special_bytes_are_seen_at_every_place_of_a_string(special: bytes) -> None:
    texts = [text.decode("utf-8", "replace") for text in padded(special)]
    simple = [json.dumps({"b": text, "a": text}, ensure_ascii=False) for text in texts]
    assert_same(json_lines(*simple), DROPS)
    to_csv = layout_of(JSONL, CSV, "a", drops_extra_keys=True)
    for is_ascii in (False, True):
        objects = [{"a": text, text or "b": [text]} for text in texts]
        lines = [json.dumps(each, ensure_ascii=is_ascii) for each in objects]
        layouts = [RENAMED, to_csv, replace(to_csv, target=dialect("y", "x"))]
        assert_all_same(json_lines(*lines), layouts)


BROKEN = [*INVALID_UTF8, b"\\", b"\\x", b'"', b"\x1f", b"\x00", b"\n", b"\\ud800", b"\\u00e", b'",']


@pytest.mark.parametrize("broken", BROKEN, ids=ascii)
def test_a_bad_string_is_found_at_every_place_of_a_block(broken: bytes) -> None:
    cases: list[Case] = []
    for before in range(100):
        data = b'{"a":1}\n{"b":"%b%b","a":"yy"}\n{"a":2}\n' % (b"x" * before, broken)
        cases.append((data, LAYOUTS[before % len(LAYOUTS)], None))
        cases.append((data[: -before - 1], FEW[before % len(FEW)], None))
    assert_each_same(cases)


BYTES = b"\"\\{}[]:, \t\r\n\x00\x0b\x1f\x7f019+-.eEabflnrstuxANT/'"
TEMPLATE = b'{"a":"x\\u00e9","b":[1,{"c":null}], "d":-1.5e3,"e":[true,false]}'


def test_any_byte_at_any_place_is_taken_the_same() -> None:
    cases: list[Case] = []
    for byte in sorted({*BYTES, *UTF8_LEADS}):
        for text in (TEMPLATE, b'{"b":"xy","a":-10}', b'{"b": null, "a": 0}'):
            lines = [b"%b%c%b\n" % (text[:at], byte, text[at + 1 :]) for at in range(len(text))]
            layouts = cycle(LAYOUTS if text is TEMPLATE else [DROPS])
            cases += [(line, layout, None) for line, layout in zip(lines, layouts, strict=False)]
    assert_each_same(cases, by_turns=True)


def test_a_text_cut_off_anywhere_is_taken_the_same() -> None:
    for end in range(len(TEMPLATE)):
        for tail in (b"", b"\n", b"}\n", b'"}\n', b"]}\n", b"\xc3\n", b"x" * 70):
            assert_all_same(TEMPLATE[:end] + tail, LAYOUTS)


DIGITS = ["0", "9", "a", "F", "g", "D", "8"]
SURROGATES = [
    *("\\ud7ff", "\\ud800", "\\uD834", "\\uDbFf", "\\udc00", "\\uDD1E", "\\udfff", "\\ue000"),
    *("x", "\\n", "\\ud83", "\\uFFFF"),
]


def test_escapes_are_valid_or_not() -> None:
    escapes = [f"\\{chr(code)}" for code in range(1, 256)]
    escapes += [
        "\\u" + "".join(digits) for length in (3, 4) for digits in product(DIGITS, repeat=length)
    ]
    escapes += ["".join(pair) for pair in product(SURROGATES, repeat=2)]
    escapes += ["".join(three) for three in product(SURROGATES[1:6], repeat=3)]
    lines = [
        f'{{"{"x" * (number % 23)}{escape}":1,"a":"{"x" * (number % 41)}{escape}"}}'
        for number, escape in enumerate(escapes)
    ]
    cases = ((json_lines(line), layout, None) for layout in FEW[1:] for line in lines)
    assert_each_same(cases, by_turns=True)


def test_short_texts_are_numbers_or_not() -> None:
    texts = [
        "".join(chars) for length in range(1, 5) for chars in product("-+019.eE", repeat=length)
    ]
    cases = ((json_lines(f'{{"b":{text},"a":1}}'), DROPS, None) for text in texts)
    assert_each_same(cases, by_turns=True)


def test_valid_numbers_of_every_length_keep_their_text() -> None:
    numbers = [
        sign + whole + fraction + exponent
        for sign in ("", "-")
        for whole in ["0", *("1" * length for length in (1, 2, 15, 16, 17, 31, 32, 33, 70, 400))]
        for fraction in ["", *("." + "0" * length for length in (1, 2, 14, 15, 16, 31, 64))]
        for exponent in ("", "e5", "E+400", "e-400", "E0", "e" + "9" * 40)
    ]
    for number in numbers:
        assert_all_same(json_lines(*objects_with(number)[1:4]), FEW)


SPACES = ["", " ", "\t", "\r", " \t\r ", " " * 15, "\t" * 16, " " * 65, "\r" * 33, "\x0b", "\xa0"]


@pytest.mark.parametrize("space", SPACES, ids=ascii)
def test_white_space_stands_between_any_tokens(space: str) -> None:
    text = '{ "a" : [ 1 , { "b" : "c d" , "" : [ ] } , { } ] , "b" : -0 , "c" : null }'
    tokens = text.replace("c d", "c\xa0d").split(" ")
    for at in range(len(tokens) + 1):
        line = "".join(tokens[:at]) + space + "".join(tokens[at:])
        assert_all_same(json_lines(line, '{"a":1}'), LAYOUTS)
    assert_all_same(json_lines(space.join(tokens), space, space + "1"), LAYOUTS)


@pytest.mark.parametrize("ends", ["[-]", '{"a":-}', '[{"b": -} ]', "[ [1, 2], -]"])
def test_nesting_is_too_deep_at_the_same_depth(ends: str) -> None:
    opening, closing = ends.split("-")
    for depth in (500, 999, 1_000, 1_001, 1_023, 1_024, 1_025):
        for value in ("1e400", ""):
            text = opening * depth + value + closing * depth
            assert_all_same(json_lines('{"a":1}', text, f'{{"a":{text}}}'), FEW)
            assert_all_same(json_lines(f'{{"a":{text}}}', f'{{"c":"","b":{text} '), [FLAT, TO_CSV])


@pytest.mark.parametrize("depth", [999, 1_000, 1_015])
def test_keys_first_met_in_a_deeply_nested_record_are_named_in_their_order(depth: int) -> None:
    nested = "[" * depth + "]" * depth
    lines = [
        f'{{"x":{nested},"y":1,"z":2}}',
        '{"z":1,"y":2}',
        f'{{"w":1,"z":{nested},"v":{nested}}}',
    ]
    for some in permutations(lines):
        data = json_lines('{"a":1}', *some, '{"v":1,"w":1}')
        assert_all_same(data, [DROPS, PASSED], [None, 2])


def test_a_hundred_thousand_levels_overflow_no_stack() -> None:
    assert_all_same(json_lines('{"a":' + "[" * 100_000), FEW)
    assert_all_same(json_lines("[" * 100_000 + "]" * 100_000), FEW)


KEYS = ["a", "\\u0061", "", "\\u0000", "b", "z", "é", "\\u00E9", "x" * 40]


def test_keys_come_twice_however_they_are_written() -> None:
    for one, other in product(KEYS, repeat=2):
        for form in (
            '{"%s":1,"%s":2}',
            '{"c":0, "%s" : {}, "a":1,"%s":[]}',
            '{"a":{"%s":1,"%s":2}}',
        ):
            line = form % (one, other)
            assert_all_same(json_lines('{"a":1,"b":2}', line, "{}", '{"a":1}'), LAYOUTS)
            assert_all_same(json_lines(line, line), LAYOUTS)


def test_a_key_that_needs_escapes_is_not_found_without_them() -> None:
    for text in ('"', "\\", 'x"', "x\\", "\t", "x\x00", "\x1f", "é", "/", "\x7f"):
        escaped = json.dumps({text: 1, "b": 2})
        for raw in (f'{{"{text}":1,"b":2}}', f'{{"{text}":1,"{text}":2}}', f'{{"{text}"}}'):
            assert_all_same(json_lines(escaped, escaped, raw, escaped), LAYOUTS)


@pytest.mark.parametrize("count", [1, 2, 20, 21, 22, 255, 256, 257, 1_000])
def test_any_number_of_keys_comes_through(count: int) -> None:
    names = [f"k{number}" for number in range(count)]
    orders = [names, names[::-1], names[1::2] + names[::2], names[: count // 2], [*names, "new"]]
    lines = [json.dumps({name: name for name in order}) for order in orders]
    layout = layout_of(JSONL, CSV, names)
    picks = tuple(Pick(index, f"{index}\n") for index in range(0, count, 2))
    passed = replace(PASSED, columns=layout.columns, picks=picks)
    for data in (json_lines(*lines), json_lines(*lines, lines[0][:-1] + ', "k0": 1}')):
        assert_all_same(
            data, [layout, passed, replace(passed, passes_unknown_keys=False), *LAYOUTS]
        )
        assert_all_same(
            data, [replace(layout, columns=layout.columns[::-1], ignores_extra_keys=True)]
        )


def test_new_keys_in_every_record_are_counted_the_same() -> None:
    lines = [f'{{"a":{n},"k{n}":1,"k{n % 30}":"{"x" * (n % 90)}"}}' for n in range(1_000, 3_000)]
    data = json_lines('{"a":0}', *lines, '{"k7":1}', "")
    assert_all_same(data, LAYOUTS, [None, 0, 1, 2, 1_999])
    assert_all_same(json_lines(*lines[::-1]), [DROPS])


def test_keys_of_any_number_are_told_apart() -> None:
    members = [f'"key {number}":1' for number in range(132_000)]
    lines = ["{" + ",".join(members[at : at + 20]) + "}" for at in range(0, 66_000, 20)]
    every = "{" + ",".join([*members, members[7]]) + "}"
    assert_same(json_lines(*lines, lines[0], every), DROPS)


LONG = ["x" * 70_000, "é€𝄞" * 9_000, "\\n" * 40_000, "\\ud834\\udd1e" * 6_000]


@pytest.mark.parametrize("text", LONG, ids=lambda text: ascii(text[:3]))
def test_values_of_more_than_64_kib_come_through(text: str) -> None:
    for end in ('"', "\\ud800"):
        line = f'{{"a":"{text}","b":["{text}{end}'
        assert_all_same(json_lines('{"a":1}', line + "]}", *['{"a":"x"}'] * 9), [*FEW, TO_CSV])
        assert_same(line.encode(), TO_CSV)


def test_a_byte_order_mark_is_no_json() -> None:
    for line in ('\ufeff{"a":1}', '{\ufeff"a":1}', '{"a":"\ufeff"}', '{"\ufeff":1}', "\ufeff"):
        assert_all_same(json_lines(line), LAYOUTS)
        assert_all_same(json_lines('{"a":1}', line), LAYOUTS)
