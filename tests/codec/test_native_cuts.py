"""The native codec gives the same however its input is cut, and whoever else is converting."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise, product, zip_longest

import pytest
from codec import conversions
from codec.conversions import CSV, JSONL, TSV, Outcome, blocks_of, json_lines, layout_of, run_cut
from codec.test_json_records import FLAT, TO_CSV, UNCHANGED
from codec.test_native_json import DROPS, PASSED, RENAMED
from codec.twin_documents import DISTINCT_KEYS, csv_layout, csv_record, json_layout, json_record
from codec.twins import assert_all_same, assert_each_same, assert_same, dialect, facts, native

from streamx.codec import reference
from streamx.codec.layout import Column, ColumnType, Layout, Pick
from streamx.codec.reference.slices import SLICE_BYTES
from streamx.transform import plan

STRING, INTEGER, NUMBER, BOOLEAN = ColumnType
TYPED = replace(
    layout_of(CSV, JSONL, "ab", nulls=frozenset({b"NA"})),
    columns=(Column("a", INTEGER, is_pinned=True), Column("b", BOOLEAN)),
)


@pytest.fixture(params=["native", "reference"])
def codec(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make plans and chunkers use one codec."""
    used = native if request.param == "native" else reference
    monkeypatch.setattr(plan, "convert", used.convert)
    monkeypatch.setattr(conversions, "last_boundary", used.last_boundary)
    return str(request.param)


CSV_INPUTS = [
    b'1,"x\ny"\r\n\r\n"2",true\n,\n\n"3","""\r\n"',
    'é,"€\n𝄞"\r\n"NA",TRUE\r\r\n\ufeff,"\ufeff"'.encode(),
    b'1,2\n"3"x,4\n5,6\n',
    b'1,2\n3,"4\n5,6\n',
    b"1,2\n3\n4,5\n",
    b'"\n","\r\n"\n1,\xc3\n2,\xe2\x82\xac\n',
]
JSON_INPUTS = [
    b'{"a":1}\r\n\n {"b": [1, "]\\n"], "a":"\\ud834\\udd1e"}\n \t\n{"c":{},"a":null}',
    '{"é":"€𝄞","a":1}\n{"a":1e400}\n{"a":"\\u00e9"'.encode(),
    b'{"a":1}\n{"a":"\xc3"}\n{"a":2}\n',
    b'{"a":1}\n{"a":1,"\\u0061":2}\n{"a":2}\n',
]
CSV_CUTS = [TYPED, *(layout_of(CSV, target, "ab") for target in (CSV, TSV, dialect('"', ",")))]
JSON_CUTS = [UNCHANGED, PASSED, RENAMED, DROPS, TO_CSV, FLAT]
CUTS = [
    *((data, layout) for data in CSV_INPUTS for layout in CSV_CUTS),
    *((data, layout) for data in JSON_INPUTS for layout in JSON_CUTS),
]


def test_blocks_cut_at_every_place_give_what_the_whole_gives(codec: str) -> None:
    for data, layout in CUTS:
        for longest in (layout.max_record_bytes, 8):
            layout = replace(layout, max_record_bytes=longest)
            whole = run_cut(layout, [data], len(data))
            assert whole.output == facts(reference.convert, data, layout)[0]
            for outcome in outcomes(data, layout):
                assert outcome.facts == whole.facts, (data, layout)


def outcomes(data: bytes, layout: Layout) -> Iterator[Outcome]:
    """Convert data cut in two at every place, and in blocks of a few sizes."""
    for at in range(1, len(data)):
        yield run_cut(layout, [data[:at], data[at:]], 1)
    for size_bytes in (1, 2, 5):
        yield run_cut(layout, blocks_of(data, size_bytes), 1)


def test_data_that_ends_anywhere_becomes_the_same() -> None:
    for data, layout in CUTS:
        assert_each_same((data[:end], layout, None) for end in range(len(data) + 1))
        assert_each_same((data[end:], layout, 2) for end in range(len(data)))


# Long records, since the reference takes its time to find the place of one among many.
DIGITS = b"4" * 50
MISFITS = [b"x,true\n", b"1,x\n", b"x,x\n", b'"\n",NA\r\n']
SLICED = replace(TYPED, picks=(Pick(1, "b"), Pick(0, "a")))


@pytest.mark.parametrize(
    "good", [DIGITS + b",true\n", b'"%b",""\r\n' % DIGITS, b"\n%b,NA\n" % DIGITS]
)
def test_misfits_are_the_same_around_the_end_of_a_slice(good: bytes) -> None:
    for around, (first, second) in product(range(-3, 4), pairwise([*MISFITS, MISFITS[0]])):
        rest_bytes = SLICE_BYTES + around - len(first)
        filler = good * (rest_bytes // len(good) - 1)
        before = filler + b"4," + b" " * (rest_bytes - len(filler) - 3) + b"\n"
        assert_same(before + first + second, SLICED)
        assert_same(good * 3 + first + filler + second + good * 2, SLICED)
        assert_same(before + first + b"\n\n" + good, TYPED, before.count(b"\n") + around)


BAD = [b"1\n", b'"1"2,\n', b'"', b"\xff,\n", b"x,\xc3\n", b"9," + b"9" * 90 + b"\n", b"1,no\n"]
SLICE = (b"2" + DIGITS + b",\n") * (SLICE_BYTES // len(DIGITS))


def test_the_first_of_two_bad_records_is_the_same() -> None:
    for number, (bad, other) in enumerate(product(BAD, repeat=2)):
        layout = replace(CSV_CUTS[number % 4], max_record_bytes=60, strict_types=True)
        for before, between in (
            (b"", b""),
            (b"\n2,\r\n", b"1,true\n\n"),
            (SLICE, b""),
            (b"", SLICE),
        ):
            data = before + bad + between + other + b"1,\n"
            assert_all_same(data, [layout], [None, before.count(b",")])


def many_conversions() -> list[tuple[bytes, Layout]]:
    """Return conversions of all directions, each of many slices."""
    chance = random.Random(7)
    found: list[tuple[bytes, Layout]] = []
    for format in (CSV, dialect("'", "x"), TSV):
        rows = [csv_record(chance, format, 3) for _ in range(1_000)]
        lines = [json_record(chance, DISTINCT_KEYS[:3]) for _ in range(1_000)]
        for target in (CSV, JSONL):
            found.append((b"".join(rows) * 4, csv_layout(chance, format, 3, target)))
            found.append((b"".join(lines) * 2, json_layout(chance, target, DISTINCT_KEYS[:3])))
    return found


def test_outputs_of_many_parts_become_the_same() -> None:
    chance = random.Random(3)
    for format in (CSV, dialect(";", "1")):
        rows = [csv_record(chance, format, 2) for _ in range(2_500)]
        columns = layout_of(format, JSONL, ["a" * 600, "b" * 300], NUMBER)
        assert_all_same(b"".join(rows), [columns, replace(columns, nulls=frozenset({b"x"}))])
    simple = b'{"b":1,"a":"%b"}\n' % (b"x" * 29)
    assert_same(simple * 34_000, DROPS)
    lines = [json_record(chance, DISTINCT_KEYS[:3]) for _ in range(1_500)]
    picks = (Pick(0, "x" * 1_700), Pick(1, "b"))
    to_long = replace(RENAMED, columns=(Column("b"), Column("c")), picks=picks)
    assert_all_same(b"".join(lines), [to_long, replace(to_long, passes_unknown_keys=False)])


def test_an_output_of_any_size_has_room() -> None:
    # One of these lengths makes a record just as large as what is reserved for so little data.
    names = ["x" * length for length in range(3_900, 4_200)]
    assert_each_same((b"1\r\n2\r\n", layout_of(CSV, JSONL, [name]), None) for name in names)
    picked = replace(RENAMED, columns=(Column("a"),))
    layouts = [replace(picked, picks=(Pick(0, name),)) for name in names]
    assert_each_same((b'{"a":1}\n{"a":2}\n', layout, None) for layout in layouts)


def test_conversions_in_threads_do_not_disturb_each_other() -> None:
    conversions = many_conversions()
    expected = [facts(reference.convert, *conversion) for conversion in conversions]
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda one: facts(native.convert, *one), conversions * 4)
        assert list(found) == expected * 4


def test_conversions_by_turns_do_not_disturb_each_other() -> None:
    conversions = many_conversions()
    turns = zip_longest(*(native.convert(*one) for one in conversions), fillvalue=b"")
    outputs = [b"".join(parts) for parts in zip(*turns, strict=True)]
    assert outputs == [facts(reference.convert, *one)[0] for one in conversions]


def test_a_conversion_left_halfway_disturbs_no_other() -> None:
    for data, layout in many_conversions():
        parts = native.convert(data, layout)
        next(parts, None)
        parts.close()
        assert_same(data[: len(data) // 2], layout)


NAMES = [["a"], ['"\\\n\x00', "é€𝄞"], ["x" * 5_000, "y" * 33]]
NAMES += [["x" * length, "y" * (70 - length)] for length in range(71)]


def test_names_of_columns_are_written_the_same() -> None:
    for names in NAMES:
        rows = [b",".join([cell] * len(names)) for cell in (b"1", b"x", b"", b"TRUE")]
        layout = layout_of(CSV, JSONL, names, STRING, NUMBER)
        assert_all_same(b"\n".join(rows * 20), [layout, replace(layout, strict_types=True)])
        objects = [dict.fromkeys(names, 1), *({name: name, "z": name} for name in names * 2)]
        lines = json_lines(*map(json.dumps, objects))
        picked = replace(layout, source=JSONL, picks=layout.picks[::-1], is_unchanged=False)
        layouts = [picked, replace(picked, passes_unknown_keys=True), replace(picked, target=CSV)]
        layouts.append(replace(layout, source=JSONL, target=CSV))
        assert_all_same(lines, [replace(each, drops_extra_keys=True) for each in layouts])


def test_a_small_part_holds_no_more_memory_than_it_needs() -> None:
    deep = b'{"a":' + b"[" * 1_005 + b"]" * 1_005 + b"}\n"  # for the reference to judge
    layout = layout_of(JSONL, CSV, ["a"])
    parts = list(native.convert((deep + b'{"a":1}\n') * 100, layout))
    assert len(parts) >= 200
    assert all(isinstance(part, bytes) for part in parts), "a view would hold a whole block"
