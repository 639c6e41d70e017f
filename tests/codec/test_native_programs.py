"""Expressions in the native codec give what they give record by record in Python."""

from __future__ import annotations

import math
import pickle
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from codec.conversions import CSV, JSONL, TSV, drain, layout_of
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

from streamx.codec.json_values import json_of
from streamx.codec.layout import ColumnType, CsvFormat, Format
from streamx.codec.program import Op
from streamx.errors import UsageError
from streamx.transform.chain import Step
from streamx.transform.operations import Drop, Limit, Rename, Select, Set, Where
from streamx.transform.plan import Plan
from streamx.transform.programs import as_program
from streamx.transform.record_plan import RecordPlan, output_columns

STRING, INTEGER, NUMBER, BOOLEAN = ColumnType
NAMES = ("i", "j", "n", "s", "t", "b", "pi", "pn")
TYPES = (INTEGER, INTEGER, NUMBER, STRING, STRING, BOOLEAN, INTEGER, NUMBER)
NULLS = frozenset({b"NA", b"-7"})


def record_plan(
    steps: Sequence[Step], target: Format = JSONL, source: CsvFormat = CSV, **options: object
) -> RecordPlan:
    """Return the plan that runs steps in Python over columns of every type, two of them pinned."""
    layout = layout_of(source, target, NAMES, *TYPES, nulls=NULLS, **options)
    columns = tuple(replace(each, is_pinned=len(each.name) > 1) for each in layout.columns)
    layout = replace(layout, columns=columns)
    picks = {pick.name: pick.index for pick in layout.picks}
    return RecordPlan(
        layout,
        tuple(steps),
        limits=tuple(step.records for step in steps if isinstance(step, Limit)),
        columns=tuple(output_columns(None, picks, steps)) if target is not JSONL else (),
    )


CELLS = {
    INTEGER: ",0,7,-7,-0,60,61,999999999999999,-999999999999999,NA,x,1.5,007,1e3",
    NUMBER: ",0,-0,1.5,-0.0,0.1,0.2,0.30,60,60.0,123456.789,0.000001,-7,NA,x,1e5",
    STRING: ',NA,a,ab,é,aé b, a ,"q;","a""b","a\nb",-7,𝄞,\x85a,12,+1.5 ,It\'s OK,aAbaaB,true,ß',
    BOOLEAN: ",true,True,TRUE,false,False,FALSE,NA,x,yes",
}
PINNED = {
    INTEGER: "0,12345678901234567,123456789012345678,9223372036854775807,-9223372036854775808,"
    "99999999999999999999999,9007199254740993,NA,1.5",
    NUMBER: "0.1,1e5,1E-7,1e400,123456789.123456789,0.12345678901234567890123,9007199254740993,"
    "9007199254740993.0,0.0000000000000000000000001,99999999999999999999,-0.0,x",
}
CELL_LISTS = [
    (PINNED if len(name) > 1 else CELLS)[type].split(",")
    for name, type in zip(NAMES, TYPES, strict=True)
]


def table(chance: random.Random, records: int) -> bytes:
    """Return records of random cells, some of them blank lines."""
    rows = [",".join(map(chance.choice, CELL_LISTS)) + "\n" for _ in range(records)]
    return "".join(row + "\r\n" * (chance.random() < 0.1) for row in rows).encode()


CHANGES = st.sampled_from([Rename("i", "k"), Select(("n", "s", "i")), Drop(("t", "pn"))])
STEPS = st.lists(
    st.builds(Where, CONDITIONS)
    | st.builds(Where, st.sampled_from(["i > 7", "n is not None", "s != 'a'", "b"]))
    | st.builds(Set, st.sampled_from(["i", "s", "new", "other"]), ANY)
    | st.builds(Limit, st.integers(0, 6))
    | CHANGES,
    min_size=1,
    max_size=4,
)
TARGETS = st.sampled_from([JSONL, CSV, TSV, CsvFormat(b"1", b"-"), CsvFormat(b";", b"'", b"\r\n")])


def plan_of(steps: Sequence[Step], target: Format, *, strict_types: bool = False) -> RecordPlan:
    """Return a plan whose expressions have been read and name columns that are there."""
    from streamx.transform.operations import check_expressions

    check_expressions(steps, NAMES)
    return record_plan(steps, target, strict_types=strict_types)


@settings(max_examples=100 * ROUNDS, deadline=None)
@given(STEPS, TARGETS, st.booleans(), st.integers(0, 2**32), st.data())
def test_a_program_gives_what_python_gives(
    steps: list[Step], target: Format, strict_types: bool, seed: int, data: st.DataObject
) -> None:
    try:
        plan = plan_of(steps, target, strict_types=strict_types)
    except UsageError:
        return
    if not isinstance(as_program(plan), Plan):
        return
    chance = random.Random(seed)
    pieces = [table(chance, chance.randrange(30)) for _ in range(2)]
    with using(data.draw(st.sampled_from(native.instruction_sets()))):
        assert_same(plan, *pieces)
        # A wrong cell or an error ends a run: go on behind it, record by record.
        lines = b"".join(pieces).split(b"\n")[:30]
        for line in lines:
            if line.count(b",") == len(NAMES) - 1:
                assert_same(plan, line + b"\n")


USUAL = (Where("i > 7"), Set("gain", "i - j"), Select(("s", "gain", "n")))
MISFIT = b"8,x,1.5,a,b,true,1,1\n"
GOOD = b'8,61,1.5,a,b,true,1,1\n9,-4,,"a",NA,false,1,1\n\n7,4,x,a,b,true,1,1\n'


@pytest.mark.parametrize("target", [JSONL, CSV, TSV], ids=["JSONL", "CSV", "TSV"])
def test_data_cut_anywhere_becomes_the_same(target: Format) -> None:
    plan = record_plan(USUAL, target)
    for end in range(len(GOOD)):
        assert_same_in_every_set(plan, GOOD[:end])
    for start in range(1, 200):
        filler = b"0,0,0," + b"x" * start + b",b,true,1,1\n"
        assert_same_in_every_set(plan, filler + GOOD, filler, GOOD + MISFIT + GOOD)


@pytest.mark.parametrize("bad", [b"1,2\n", b"8,1,1,\xff,b,true,1,1\n", b'8,1,1,"a"b,b,true,1,1\n'])
def test_the_first_failure_is_the_one_that_is_told(bad: bytes) -> None:
    plan = record_plan(USUAL, CSV)
    for pieces in product([GOOD, bad, MISFIT], repeat=3):
        assert_same(plan, b"".join(pieces))
        assert_same(plan, *pieces)


def test_an_error_says_column_value_and_place() -> None:
    _, (result,) = run(program_plan(record_plan(USUAL)), [GOOD + MISFIT])
    failure = result.failure
    assert failure is not None
    assert failure.found == "column 'j' is the text 'x' in --set gain `i - j`"
    assert (failure.stage, failure.place.line, failure.place.offset) == ("transform", 5, len(GOOD))


@pytest.mark.parametrize("limits", list(product(range(5), repeat=2)))
@pytest.mark.parametrize("order", ["read", "written", "both", "read twice"])
def test_limits_count_what_is_read_or_what_is_written(limits: tuple[int, int], order: str) -> None:
    first, second = Limit(limits[0]), Limit(limits[1])
    where, rest = USUAL[0], USUAL[1:]
    steps = {
        "read": (first, where, *rest),
        "written": (where, *rest, second),
        "both": (first, where, *rest, second),
        "read twice": (first, rest[0], second, where),
    }[order]
    plan = record_plan(steps)
    for count in range(3):
        assert_same(plan, *[GOOD] * count, GOOD + GOOD + MISFIT)
        assert_same(plan, *[MISFIT.replace(b"x", b"1e400,").replace(b",1\n", b"\n"), GOOD])


def test_a_limit_between_two_conditions_is_counted_in_python() -> None:
    plan = record_plan((Where("i > 7"), Limit(3), Where("j > 7")))
    assert as_program(plan) is plan


def test_a_chain_that_no_record_gets_through_natively_is_left_to_python() -> None:
    plan = record_plan((Set("k", "s.center(3)"), Where("i > 7")))
    assert as_program(plan) is plan
    assert isinstance(as_program(record_plan((Where("i > 7"), Set("k", "s.center(3)")))), Plan)


def test_a_plan_with_a_program_pickles() -> None:
    plan = program_plan(record_plan(USUAL))
    run(plan, [MISFIT])
    again = pickle.loads(pickle.dumps(plan))
    assert again == plan
    assert run(again, [GOOD]) == run(plan, [GOOD])


def numbers() -> Iterator[float]:
    """Give numbers that are hard to write, and random ones of every size."""
    chance = random.Random(0)
    for base, power in product((2.0, 10.0), range(-20, 56)):
        yield from (math.nextafter(base**power, to) for to in (0, base**power, math.inf))
    # Ties between two shortest texts.
    yield from (chance.randrange(2**52, 2**53) / 4 for _ in range(2_000))
    yield from (chance.randrange(2**52, 2**53) / 2 ** chance.randrange(70) for _ in range(20_000))
    yield from (chance.randrange(10**6) / chance.randrange(1, 10**4) for _ in range(10_000))
    yield from (round(chance.uniform(-1e4, 1e4), chance.randrange(8)) for _ in range(10_000))


def test_numbers_are_written_as_python_writes_them() -> None:
    plan = program_plan(record_plan((Set("k", "float(pi) / j / i"), Select(("k",)))))
    rows, expected = [], []
    for value in numbers():
        top, bottom = value.as_integer_ratio()
        powers = bottom.bit_length() - 1
        if powers < 99 and abs(top) < 10**18:
            halves = 2 ** min(powers, 49), 2 ** max(powers - 49, 0)
            rows.append(f"{halves[0]},{halves[1]},0,a,b,true,{top},1\n")
            expected.append(b'{"k":%b}\n' % json_of(value))
    assert len(rows) > 40_000
    assert run(plan, ["".join(rows).encode()])[0] == b"".join(expected)


USUAL_TEXTS = (
    *("s.upper() + '-' + t.strip()", "f'{s}{i:04d} {n:.2f}'", "str(n) + t[-2:]", "s.title()[0]"),
    *("t.replace('b', 'é').rjust(9, '.')", "t.lstrip(',') if 'a' in s else ''", "int(str(i))"),
    *("round(n / 3, 2)", "floor(n)", "s.isalpha()", "t.find(',')"),
)


@pytest.mark.parametrize("expression", ["n / i", "s if b else t", *USUAL_TEXTS])
def test_usual_records_are_not_odd(expression: str) -> None:
    plan = record_plan((*USUAL[:2], Set("new", expression)))
    rows = [f'{n},{n + 60},{n}.5,a,"b"", ",true,1,1\n' for n in range(100)]
    assert odd_records(plan, "".join(rows).encode()) == 0
    assert_same(plan, "".join(rows).encode())


def test_what_is_made_of_a_record_is_bounded_and_the_rest_is_left_to_python() -> None:
    plan = record_plan((Where("i > 7"), *[Set("s", "s + s + '.'")] * 3))
    long = b"8,61,1.5,%b,b,true,1,1\n"
    for size in (10, 18_000, 19_000, 40_000, 70_000, 300_000):
        assert_same(plan, long % (b"x" * size) * 3)
    assert odd_records(plan, long % (b"x" * 18_000) * 3) == 0
    assert odd_records(plan, long % (b"x" * 70_000)) == 1


def test_rounded_numbers_are_pythons() -> None:
    text = "f'{pi / i:.3f} {round(pi / i, 2)} {round(pi / i)} {pi / i:07.1f}'"
    plan = record_plan((Set("k", text), Select(("k",))))
    chance = random.Random(1)
    values = [(chance.randrange(-(10**9), 10**9), 2 ** chance.randrange(40)) for _ in range(5_000)]
    values += [(chance.randrange(10**12), 10 ** chance.randrange(1, 9)) for _ in range(5_000)]
    rows = [f"{bottom},0,0,a,b,true,{top},1\n" for top, bottom in values]
    quotients = [top / bottom for top, bottom in values]
    expected = [f"{x:.3f} {round(x, 2)} {round(x)} {x:07.1f}" for x in quotients]
    output, _ = run(program_plan(plan), ["".join(rows).encode()])
    assert output.decode() == "".join(f'{{"k":"{text}"}}\n' for text in expected)


def test_the_kernel_has_the_operations_in_their_order() -> None:
    header = Path(__file__).parents[2] / "streamx/codec/native/kernel.h"
    listed = re.findall(r"^    OP_([A-Z_]+),", header.read_text(), re.MULTILINE)
    assert listed == [op.name for op in Op]


def test_odd_records_are_handed_over_together_where_they_are_many() -> None:
    plan = program_plan(record_plan((Where("i > 0"), Set("u", "s.center(3)"))))
    program = plan.layout.program
    assert program is not None
    calls = []

    def fallback(odd: bytes, *limits: int | None) -> object:
        calls.append(odd)
        return program.fallback(odd, *limits)

    layout = replace(plan.layout, program=replace(program, fallback=fallback))
    data = b"8,61,1.5,a,b,true,1,1\n" * 20_000
    output, tally = drain(native.convert(data, layout))
    assert tally.records_out == 20_000
    assert output.count(b'"u":" a "') == 20_000
    assert len(calls) < 30
