"""Whether too many records are bad depends on the input, not on how it was cut into chunks."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamx import UsageError
from streamx.chunk import ChunkResult
from streamx.transform.max_errors import Judge, MaxErrors


def judged(value: str, is_bad: Sequence[bool], cuts: Sequence[int] = ()) -> str | None:
    judge, start = Judge(MaxErrors.of(value)), 0
    for end in [*sorted(set(cuts)), len(is_bad)]:
        numbers = [n for n in range(start, min(end, len(is_bad))) if is_bad[n]]
        places = array("Q", [each for n in numbers for each in (n - start + 1, n + 1, 2 * n)])
        found = judge.add(ChunkResult(records_in=max(end - start, 0), bad_places=places))
        if found is not None:
            return found
        start = end
    return judge.end()


def test_more_than_the_number_are_too_many() -> None:
    assert judged("2", [True, True, False]) is None
    assert judged("2", [True, False, True, True, True]) == (
        "3 are bad of the first 4 records, the last in line 4 (byte 6); "
        "at most 2 may be (--max-errors)"
    )
    assert judged("0", [True]) == (
        "1 is bad of 1 record, the last in line 1 (byte 0); at most 0 may be (--max-errors)"
    )


def test_a_share_of_few_records_is_judged_at_the_end() -> None:
    assert judged("50%", [True] * 5 + [False] * 5) is None
    assert judged("50%", [True] * 6 + [False] * 5) == (
        "6 are bad of all 11 records; at most 50% may be (--max-errors)"
    )


def test_a_share_of_many_records_is_judged_as_they_come() -> None:
    is_bad = [True] * 20 + [False] * 1000 + [True] * 3 + [False] * 10_000
    assert judged("2%", is_bad) == (
        "21 are bad of the first 1,021 records, the last in line 1021 (byte 2040); "
        "at most 2% may be (--max-errors)"
    )
    assert judged("2.5%", is_bad) is None


@given(
    st.lists(st.booleans(), max_size=40),
    st.lists(st.integers(1, 39)),
    st.sampled_from(["0", "3", "10", "0%", "12.5%", "60%"]),
)
def test_cuts_make_no_difference(is_bad: list[bool], cuts: list[int], value: str) -> None:
    is_bad = [False] * 980 + is_bad
    assert judged(value, is_bad, [980 + cut for cut in cuts if cut < len(is_bad) - 980]) == judged(
        value, is_bad
    )


@pytest.mark.parametrize("value", ["", "-1", "5 %", "1.5", "101%", "x", "%"])
def test_what_is_neither_number_nor_share_is_refused(value: str) -> None:
    with pytest.raises(UsageError, match="write a number, or a share as 5%"):
        MaxErrors.of(value)
