"""Column operations: a chain in the order written, over columns that are there."""

from __future__ import annotations

import pickle

import pytest
from codec.conversions import CSV, JSONL, TSV, run_recipe

from streamx.codec.layout import Pick
from streamx.errors import UsageError
from streamx.transform.operations import (
    Drop,
    Limit,
    Operation,
    Rename,
    Select,
    apply_operations,
    limits_of,
    unknown_column,
)
from streamx.transform.plan import Recipe
from streamx.transform.resolve import resolve

NAMES = ["a", "b", "c"]


def result(*operations: Operation) -> list[tuple[int, str]]:
    return [(pick.index, pick.name) for pick in apply_operations(operations, NAMES)]


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ((), [(0, "a"), (1, "b"), (2, "c")]),
        ((Select(("c", "a")),), [(2, "c"), (0, "a")]),
        ((Drop(("a", "c")),), [(1, "b")]),
        ((Drop(("a", "a")),), [(1, "b"), (2, "c")]),
        ((Rename("b", "x"),), [(0, "a"), (1, "x"), (2, "c")]),
        ((Rename("b", "b"),), [(0, "a"), (1, "b"), (2, "c")]),
        ((Rename("b", "x"), Select(("x",))), [(1, "x")]),
        ((Rename("a", "x"), Rename("b", "a"), Rename("x", "b")), [(0, "b"), (1, "a"), (2, "c")]),
        ((Drop(("a",)), Rename("b", "a")), [(1, "a"), (2, "c")]),
        ((Select(("c", "b")), Drop(("c",)), Rename("b", "c")), [(1, "c")]),
        ((Limit(1), Select(("a",)), Limit(2)), [(0, "a")]),
    ],
)
def test_each_operation_sees_what_the_one_before_left(
    operations: tuple[Operation, ...], expected: list[tuple[int, str]]
) -> None:
    assert result(*operations) == expected


@pytest.mark.parametrize(
    ("operations", "message"),
    [
        ((Select(("a", "d")),), "--select: no column 'd'"),
        ((Drop(("d",)),), "--drop: no column 'd'"),
        ((Rename("d", "e"),), "--rename: no column 'd'"),
        ((Rename("a", "x"), Select(("a",))), "--select: no column 'a'"),
        ((Drop(("a",)), Drop(("a",))), "--drop: no column 'a'"),
        ((Select(("b",)), Rename("a", "x")), "--rename: no column 'a'"),
        ((Select(("a", "a")),), "--select: two columns of the output would be named 'a'"),
        ((Rename("a", "b"),), "--rename: two columns of the output would be named 'b'"),
        ((Drop(("a", "b", "c")),), "leaves no column"),
    ],
)
def test_what_cannot_be_done_is_a_usage_error(
    operations: tuple[Operation, ...], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        result(*operations)
    assert message in str(caught.value)


def test_an_unknown_column_is_answered_with_the_columns_and_the_nearest() -> None:
    error = str(unknown_column(["year", "month"], "mnoth", "--drop"))
    assert error.startswith("--drop: no column 'mnoth'; did you mean 'month'?")
    assert "columns are: year, month" in error


def test_an_unknown_column_like_no_other_is_answered_in_whole_sentences() -> None:
    error = str(unknown_column(["year", "month"], "zzz", "--type"))
    assert "did you mean" not in error
    assert "'zzz' The" not in error, "something must stand between two sentences"


def test_the_smallest_limit_holds() -> None:
    assert limits_of([]) == ()
    assert limits_of([Limit(3), Drop(("a",)), Limit(2), Limit(5)]) == (2,)


CHAIN = (Rename("b", "x"), Select(("x", "a")), Limit(2), Rename("a", "b"))


def test_a_chain_means_the_same_for_every_format() -> None:
    table = b'a,b,c\n1,"p",\n2,"q,",\n3,r,\n'
    lines = b'{"a":1,"b":"p","c":""}\n{"c":"","b":"q,","a":2}\n{"a":3}\n'
    expected_csv, expected_json = b'x,b\n"p",1\n"q,",2\n', b'{"x":"p","b":1}\n{"x":"q,","b":2}\n'
    assert run_recipe(Recipe(CSV, CSV, operations=CHAIN), table).output == expected_csv
    assert run_recipe(Recipe(CSV, JSONL, operations=CHAIN), table).output == expected_json
    assert run_recipe(Recipe(JSONL, JSONL, operations=CHAIN), lines).output == expected_json
    assert run_recipe(Recipe(JSONL, TSV, operations=CHAIN), lines).output == (
        b"x\tb\np\t1\nq,\t2\n"
    )


def test_a_lone_empty_cell_or_name_that_is_left_reads_back() -> None:
    recipe = Recipe(CSV, CSV, operations=(Select(("column_1",)),))
    assert run_recipe(recipe, b",b\n,1\n2,\n").output == b'column_1\n""\n2\n'
    recipe = Recipe(JSONL, CSV, operations=(Select(("",)),))
    assert run_recipe(recipe, b'{"":1,"b":2}\n{}\n').output == b'""\n1\n""\n'


def test_an_untouched_cell_keeps_its_quotes_and_a_renamed_header_needs_its_own() -> None:
    recipe = Recipe(CSV, CSV, operations=(Rename("b", "x,"), Drop(("c",))))
    output = run_recipe(recipe, b'"a","b","c"\n"1","2","3"\n').output
    assert output == b'"a","x,"\n"1","2"\n'


def test_a_byte_order_mark_that_is_data_survives_at_the_start_of_the_output() -> None:
    mark = "\ufeff"
    for has_header, name in ((True, f"{mark}b"), (False, "column_2")):
        recipe = Recipe(CSV, CSV, has_header=has_header, operations=(Select((name,)),))
        output = run_recipe(recipe, f"a,{mark}b\n1,2\n".encode()).output
        again = run_recipe(Recipe(CSV, JSONL, has_header=False), output).output
        assert again.startswith(f'{{"column_1":"{mark}b"}}\n'.encode())


def test_columns_that_are_left_out_decide_nothing() -> None:
    recipe = Recipe(CSV, JSONL, strict_types=True, operations=(Drop(("a",)),))
    data = b"a,b\n" + b"1,2\n" * 10_000 + b"x,3\n"
    outcome = run_recipe(recipe, data)
    assert (outcome.records_in, outcome.misfits, outcome.failure) == (10_001, {}, None)


def test_a_pinned_type_of_an_unknown_column_is_a_usage_error() -> None:
    recipe = Recipe(CSV, JSONL, pinned_types={"d": "integer"})  # type: ignore[dict-item]
    with pytest.raises(UsageError, match="--type: no column 'd'"):
        resolve(recipe, b"a,b\n1,2\n", "end", "in")


def test_a_resolved_plan_can_be_sent_to_another_process() -> None:
    resolution = resolve(Recipe(CSV, JSONL, operations=CHAIN), b"a,b\n1,2\n", "end", "in")
    assert resolution is not None
    assert pickle.loads(pickle.dumps(resolution.plan)) == resolution.plan
    assert resolution.plan.layout.picks == (Pick(1, "x"), Pick(0, "b"))
    assert resolution.plan.limits == (2,)


@pytest.mark.parametrize(
    ("recipe", "head", "warning"),
    [
        (Recipe(CSV, JSONL), b"a,b c\n1,x\n", "--type a=integer --type 'b c=string'"),
        (Recipe(JSONL, CSV), b'{"a":1,"b c":2}\n', "--columns 'a,b c'"),
    ],
)
def test_an_idle_input_is_decided_by_one_record_with_a_warning(
    recipe: Recipe, head: bytes, warning: str
) -> None:
    assert resolve(recipe, head, "open", "in") is None
    assert resolve(recipe, head[: head.index(b"\n", 4)], "idle", "in") is None
    resolution = resolve(recipe, head + b"9", "idle", "in")
    assert resolution is not None
    assert warning in resolution.warnings[0]


def test_a_chain_may_leave_none_of_the_known_columns_if_there_may_be_others() -> None:
    assert apply_operations([Drop(("a",))], ["a"], is_complete=False) == []
    with pytest.raises(UsageError, match="leaves no column"):
        apply_operations([Drop(("a",))], ["a"])
