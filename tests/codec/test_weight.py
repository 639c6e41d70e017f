"""The weight of a result, which bounds what is gathered, is near the truth and calls no method."""

from __future__ import annotations

from typing import Any, NoReturn

import pytest
from codec.conversions import CSV, JSONL, layout_of
from codec.readers import READERS
from hypothesis import given
from hypothesis import strategies as st

from streamx import Record
from streamx.codec import reference
from streamx.codec.json_values import json_of
from streamx.codec.reference.weight import MOST_WEIGHED_BYTES, UNKNOWN_BYTES

WEIGHTS: dict[str, Any] = {"reference": reference.weight_of}
if "native" in READERS:
    from streamx.codec import _native_records

    WEIGHTS["native"] = _native_records.weight_of

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner),
)


@pytest.fixture(params=WEIGHTS)
def weight_of(request: pytest.FixtureRequest) -> Any:
    return WEIGHTS[request.param]


@given(st.dictionaries(st.text(), VALUES))
def test_all_implementations_agree(result: dict[str, Any]) -> None:
    assert len({weigh(result) for weigh in WEIGHTS.values()}) == 1


def test_text_in_a_result_weighs_at_least_what_it_holds(weight_of: Any) -> None:
    for result in (
        {"a": "x" * 5_000},
        {"a": ["x" * 100] * 50},
        {"a": {str(number): {"b": ("x" * 100,)} for number in range(50)}},
    ):
        assert 5_000 <= weight_of(result) < 5 * len(json_of(result))


def test_a_list_that_holds_itself_is_weighed_in_no_time(weight_of: Any) -> None:
    own: list[object] = []
    own += [own] * 1_000
    assert weight_of({"a": own}) >= MOST_WEIGHED_BYTES
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    weight_of({"a": deep})


@pytest.mark.parametrize("format", [CSV, JSONL])
def test_only_what_was_set_of_a_record_weighs(weight_of: Any, format: Any) -> None:
    text = "x" * 10_000
    data = f"{text}\n" if format is CSV else f'{{"a":"{text}"}}\n'
    layout = layout_of(format, JSONL, ["a"])
    for read in READERS.values():
        ((record, _),) = next(read(data.encode(), layout))
        if type(record) is not Record and weight_of is WEIGHTS["reference"]:
            continue  # the reference never meets a native record
        assert weight_of(record) == 0
        record["b"] = "y" * 5_000
        assert 5_000 <= weight_of(record) < 6_000


def test_results_that_cannot_be_looked_into_are_not_asked(weight_of: Any) -> None:
    class Unwilling(dict[str, Any]):
        def values(self) -> NoReturn:
            raise AssertionError

        __iter__ = __len__ = items = values

    assert weight_of(Unwilling(a="x" * 100)) > 100
    assert weight_of(object()) == UNKNOWN_BYTES
