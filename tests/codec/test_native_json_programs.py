"""Expressions over JSONL in the native codec give what they give record by record in Python."""

from __future__ import annotations

import random
from collections.abc import Sequence
from unittest.mock import patch

import pytest
from codec.conversions import CSV, JSONL, TSV
from codec.programs import (
    ANY,
    CONDITIONS,
    assert_same,
    assert_same_in_every_set,
    odd_records,
    program_plan,
    run,
)
from codec.twins import ROUNDS, native, using
from hypothesis import given, settings
from hypothesis import strategies as st

from streamx.codec.layout import CsvFormat, Format
from streamx.errors import StreamxError
from streamx.transform.operations import Drop, Limit, Operation, Rename, Select, Set, Where
from streamx.transform.plan import Plan, Recipe
from streamx.transform.programs import as_program
from streamx.transform.record_plan import RecordPlan
from streamx.transform.resolve import resolve

NAMES = ("i", "j", "n", "s", "t", "b", "pi", "pn")
SAMPLE = b'{"i":8,"j":7,"n":1.5,"s":"a","t":"b","b":true,"pi":1,"pn":0.5}\n'


def record_plan(
    steps: Sequence[Operation], target: Format = JSONL, sample: bytes = SAMPLE, **options: object
) -> RecordPlan:
    """Return the plan that runs steps in Python over records of which a sample is known."""
    recipe = Recipe(JSONL, target, operations=tuple(steps), **options)  # type: ignore[arg-type]
    with patch("streamx.transform.programs.as_program", lambda plan: plan):
        resolution = resolve(recipe, sample, "end", "records")
    assert resolution is not None
    assert isinstance(resolution.plan, RecordPlan)
    return resolution.plan


NUMBERS = [
    *("0", "-0", "7", "8", "-7", "60", "61", "1.50", "-0.0", "0.1", "0.30", "1e5", "1E400"),
    *("12345678901234567890", "123456789012345678", "-9223372036854775808"),
    *("9007199254740993", "9007199254740993.0"),
]
TEXTS = [
    *('""', '"a"', '"ab"', '"é"', '" a "', '"12"', '"-7"', '"true"', '"aAbaaB"', '"\x7f\x85"'),
    *(r'"a\"b"', r'"\u00e9x"', r'"\ud83d\ude00"', r'"a\/b\n"', r'"\u0000"', '"a, b"', '"𝄞"'),
]
OTHERS = ["true", "false", "null", "[1, 2]", '{"a": [1, "x"]}', "[]", '{"s": 1 }']
USUAL = {"i": NUMBERS, "j": NUMBERS, "n": NUMBERS, "s": TEXTS, "t": TEXTS, "b": ["true", "false"]}
SPELT = {"i": r'"\u0069"', "x": r'"\u0078"', "/": r'"\/"', '"': r'"\""'}


def line(chance: random.Random) -> str:
    """Return an object of some keys with some values, or rarely something else."""
    names = [name for name in (*NAMES, "x", "k", "/", '"', "new") if chance.random() < 0.7]
    if chance.random() < 0.3:
        chance.shuffle(names)
    members = []
    for name in names:
        values = USUAL.get(name, NUMBERS)
        value = chance.choice(values if chance.random() < 0.9 else [*TEXTS, *OTHERS, *NUMBERS])
        key = SPELT.get(name, f'"{name}"') if chance.random() < 0.1 or name == '"' else f'"{name}"'
        members.append(f"{key}{chance.choice([':', ': ', ' :'])}{value}")
    comma, end = chance.choice([",", ", "]), chance.choice(["\n"] * 9 + ["\r\n"])
    text = f"{chance.choice(['', '', ' '])}{{{comma.join(members)}}}{end}"
    rare = [f"{text[:-3]}\n", " \n", "7\n", text.replace('"j"', '"i"')]
    return text if chance.random() < 0.97 else chance.choice(rare)


def lines(chance: random.Random, count: int) -> bytes:
    return "".join(line(chance) for _ in range(count)).encode()


CHANGES = st.sampled_from(
    [
        *(Rename("i", "k"), Rename("j", "x"), Rename("new", "k")),
        *(Select(("n", "s", "i")), Select(("s", "i")), Select(("b", "i", "n", "t", "s"))),
        *(Select(("new", "i")), Select(("k", "s"))),
        *(Drop(("t", "pn")), Drop(("new",)), Drop(("i", "k")), Drop(("s",))),
    ]
)
STEPS = st.lists(
    st.builds(Where, CONDITIONS)
    | st.builds(Where, st.sampled_from(["i > 7", "n is not None", "s != 'a'", "b"]))
    | st.builds(Set, st.sampled_from(["i", "s", "new", "/", '"']), ANY)
    | st.builds(Limit, st.integers(0, 6))
    | CHANGES,
    min_size=1,
    max_size=5,
)
TARGETS = st.sampled_from([JSONL, JSONL, CSV, TSV, CsvFormat(b"1", b"-"), CsvFormat(b";", b"'")])


@settings(max_examples=150 * ROUNDS, deadline=None)
@given(STEPS, TARGETS, st.sampled_from(["error", "drop"]), st.integers(0, 2**32), st.data())
def test_a_program_gives_what_python_gives(
    steps: list[Operation], target: Format, extra_keys: str, seed: int, data: st.DataObject
) -> None:
    if not any(isinstance(step, Where | Set) for step in steps):
        return
    chance = random.Random(seed)
    pieces = [lines(chance, chance.randrange(30)) for _ in range(2)]
    sample = data.draw(st.sampled_from([SAMPLE, pieces[0], b""]))
    try:
        plan = record_plan(steps, target, sample, extra_keys=extra_keys)
        found = as_program(plan)
    except StreamxError:  # what is wrong with steps or sample, others test
        return
    if not isinstance(found, Plan):
        return
    with using(data.draw(st.sampled_from(native.instruction_sets()))):
        assert_same(plan, *pieces)
        # A bad record or an error ends a run: go on behind it, record by record.
        for each in b"".join(pieces).splitlines(keepends=True)[:30]:
            assert_same(plan, each)


GOOD = (
    b'{"i": 8, "s": "a\\u0041", "x": [1, 2]}\n \n{"s":"b","i":9,"n":1.50}\r\n'
    b'{"i":7}\n{"j":1,"i":61,"s":null}\n'
)
SOME = (Where("i > 7"), Set("s", "coalesce(s, '?').lower()"), Set("new", "i - 1"))
CHAINS = [
    SOME[:1],
    SOME,
    (*SOME, Select(("new", "s", "n"))),
    (*SOME, Drop(("i",)), Rename("s", "text")),
    (Drop(("i",)), Set("i", "n * 2"), Where("i is None")),
    (Select(("s", "i")), *SOME),
    (Rename("s", "text"), Set("s", "text + '!'")),
]


@pytest.mark.parametrize("target", [JSONL, CSV], ids=["JSONL", "CSV"])
@pytest.mark.parametrize("steps", CHAINS)
def test_data_cut_anywhere_becomes_the_same(target: Format, steps: tuple[Operation, ...]) -> None:
    plan = record_plan(steps, target, SAMPLE + b'{"x":1}\n')
    for end in range(len(GOOD)):
        assert_same_in_every_set(plan, GOOD[:end])
    for size in (*range(1, 200, 9), 70_000):
        filler = b'{"i":0,"s":"%b"}\n' % (b"x" * size)
        assert_same_in_every_set(plan, filler + GOOD, filler, GOOD + b'{"i":"x"}\n' + GOOD)


def test_kept_records_leave_as_they_came() -> None:
    data = b' {"i" : 8.0,"x":1e400, "\\u0073":"\\/"} \r\n{"i":1}\n{"i":9,"i2":{"a" : 1}}\n'
    plan = record_plan((Where("i > 7"),))
    output, _ = run(program_plan(plan), [data])
    assert output == data.replace(b'{"i":1}\n', b"")
    assert odd_records(plan, data) == 0


def test_a_set_key_stays_in_its_place_or_comes_last() -> None:
    plan = record_plan((Set("i", "1"), Set("new", "2"), Set("i", "i + 1")))
    output, _ = run(program_plan(plan), [b'{"i": 7, "a": 1.50}\n{"new":1, "a":[ ]}\n'])
    assert output == b'{"i":2,"a":1.50,"new":2}\n{"new":2,"a":[ ],"i":2}\n'


def test_usual_records_are_not_odd() -> None:
    plan = record_plan((*SOME, Set("u", "t.upper()"), Drop(("t",))))
    rows = [f'{{"i": {n}, "s": "b\\u0041", "n": [1], "y": {{}}}}\n' for n in range(100)]
    assert odd_records(plan, "".join(rows).encode()) == 0


def test_numbers_of_many_digits_are_read_as_python_reads_them() -> None:
    chance = random.Random(0)
    values = [chance.random() * 10.0 ** chance.randrange(-320, 308) for _ in range(5_000)]
    values += [chance.uniform(-180, 180) for _ in range(5_000)]
    texts = [*map(repr, values), "1e-400", "-0e0", "1E+5", "123456789012.5"]
    data = "".join(f'{{"n":{text}}}\n' for text in texts).encode()
    plan = record_plan((Where("n > 0.1"), Set("k", "n > 1000"), Set("i", "min(n, 7.5)")))
    assert odd_records(plan, data) == 0
    assert_same(plan, data)


def test_whole_numbers_of_64_bits_are_native() -> None:
    plan = record_plan((Where("i == 9223372036854775807 or i < -9223372036854775806"),))
    rows = [b'{"i":%d}\n' % (sign * 2**63 + more) for sign in (1, -1) for more in range(-3, 4)]
    assert_same(plan, b"".join(rows))
    assert odd_records(plan, b"".join(rows[:3] + rows[-3:])) == 0


def test_keys_beyond_a_csvs_columns_are_judged_where_a_record_is_kept() -> None:
    data = b'{"i":1,"z":1}\n{"i":8,"z":2,"y":3}\n'
    for extra_keys in ("error", "drop"):
        assert_same(record_plan(SOME, CSV, extra_keys=extra_keys), data, data)
    assert_same(record_plan((*SOME, Select(("i",))), CSV), data, data)


@pytest.mark.parametrize(
    "steps",
    [
        (Set("a", "i"), Rename("a", "x"), Select(("x",))),
        (Rename("i", "x"), Where("s == 'a'"), Drop(("x",))),
        (Where("i > 7"), Rename("i", "new"), Set("new", "1"), Rename("s", "t2"), Drop(("t2",))),
    ],
)
def test_a_key_that_takes_the_name_of_an_unknown_one_is_left_to_python(
    steps: tuple[Operation, ...],
) -> None:
    plan = record_plan(steps)
    assert as_program(plan) is plan
