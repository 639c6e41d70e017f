"""A function by itself is called with a batch of records in one loop, natively or not."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from streamx import position
from streamx.codec import CODEC_NAME
from streamx.transform import one_function, results
from streamx.transform.results import CallError, Item

LOOPS: dict[str, Any] = {"python": one_function.call_each}
if CODEC_NAME == "native":
    from streamx.transform import _native_calls

    LOOPS["native"] = _native_calls.call_each


def batches() -> list[list[Item]]:
    return [[({"n": n}, 10 * n) for n in range(6)], [({"n": 6}, 60)]]


@pytest.fixture(params=LOOPS, autouse=True)
def loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_function, "_call_each_in_use", lambda: LOOPS[request.param])


@pytest.fixture
def bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (one_function, results):
        monkeypatch.setattr(module, "GROUP_RECORDS", 10)
        monkeypatch.setattr(module, "GROUP_BYTES", 1_000)


def run(function: Callable[[Any], Any]) -> tuple[list[list[Item]], int, CallError | None]:
    """Return the groups, how many records were counted, and the error."""
    groups, counts = [], [0]
    try:
        for group in one_function.groups_of(function, "f", batches(), counts.append):
            groups.append(group)
    except CallError as error:
        return groups, sum(counts), error
    return groups, sum(counts), None


def test_results_of_all_kinds_stand_in_order_at_their_records_positions() -> None:
    given = {0: None, 1: [{"a": 1}, {"a": 2}], 2: [], 3: {"b": 1}}
    groups, count, error = run(lambda record: given.get(record["n"], record))
    assert groups == [
        [({"a": 1}, 10), ({"a": 2}, 10), ({"b": 1}, 30), ({"n": 4}, 40), ({"n": 5}, 50)],
        [({"n": 6}, 60)],
    ]
    assert (count, error) == (7, None)


def test_a_dict_that_is_used_again_and_again_is_kept_as_it_was_returned() -> None:
    same: dict[str, int] = {}

    def refilled(record: Any) -> Any:
        same["n"] = record["n"]
        return same

    groups, _, _ = run(refilled)
    assert groups[0] == [({"n": n}, 10 * n) for n in range(6)]


def failing(record: Any) -> Any:
    if record["n"] == 3:
        raise ValueError("three")
    return record


@pytest.mark.parametrize(
    ("function", "found"),
    [
        (failing, "f raised ValueError: three"),
        (lambda record: 7 if record["n"] == 3 else record, "f returned int"),
        (lambda record: (x for x in [{}, 7]) if record["n"] == 3 else record, "f gave int among"),
    ],
)
def test_results_before_a_failure_come_first_and_its_record_is_counted(
    function: Callable[[Any], Any], found: str
) -> None:
    groups, count, error = run(function)
    assert groups == [batches()[0][:3]]
    assert count == 4
    assert error is not None
    assert error.position == 30
    assert error.found.startswith(found)


def test_a_failure_is_placed_whatever_else_was_noted_since() -> None:
    def disturbed(record: Any) -> Any:
        position.note(12345)
        return failing(record)

    assert run(disturbed)[2].position == 30  # type: ignore[union-attr]


def test_each_position_is_noted_before_its_call() -> None:
    noted: list[int] = []
    run(lambda record: noted.append(position.cell()[0]))
    assert noted == [0, 10, 20, 30, 40, 50, 60]


def test_what_has_come_when_time_is_up_is_not_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [len(group) for group in run(lambda record: record)[0]] == [6, 1]
    monkeypatch.setattr(one_function, "GROUP_SECONDS", -1.0)  # it is up after each call
    assert [len(group) for group in run(lambda record: record)[0]] == [1] * 7


@pytest.mark.usefixtures("bounds")
def test_groups_are_bounded_in_records() -> None:
    groups, count, _ = run(lambda record: [{}] * 5)
    assert [len(group) for group in groups] == [10, 10, 10, 5]
    assert count == 7


@pytest.mark.usefixtures("bounds")
def test_groups_are_bounded_in_bytes() -> None:
    groups, _, _ = run(lambda record: {"text": "x" * (1_000 if record["n"] in (1, 2) else 1)})
    assert [len(group) for group in groups] == [2, 1, 3, 1]


@pytest.mark.usefixtures("bounds")
def test_what_an_endless_generator_gives_comes_as_it_is_made() -> None:
    def endless(record: Any) -> Any:
        for number in itertools.count():
            record["number"] = number
            yield record

    groups = one_function.groups_of(endless, "f", batches(), lambda _: None)
    numbers = [result["number"] for group in itertools.islice(groups, 5) for result, _ in group]
    assert numbers == list(range(50))


@pytest.mark.usefixtures("bounds")
def test_results_of_a_record_that_fails_late_are_those_of_whole_groups() -> None:
    def fails_at(number: int) -> Any:
        def function(record: Any) -> Any:
            yield from [{}] * number
            raise ValueError("late")

        return function

    for number, written in ((9, 0), (10, 10), (19, 10)):
        groups, count, error = run(fails_at(number))
        assert sum(map(len, groups)) == written
        assert error is not None
        assert (count, error.position, error.found) == (1, 0, "f raised ValueError: late")
