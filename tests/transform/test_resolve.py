"""What a live input has not shown yet is taken on trust where no type depends on it."""

from __future__ import annotations

import pytest

from streamx.codec.layout import CsvFormat, JsonlFormat
from streamx.errors import UsageError
from streamx.transform.functions import Apply
from streamx.transform.operations import Drop, Operation, Rename, Select
from streamx.transform.plan import Recipe
from streamx.transform.resolve import resolve

HEAD = b'{"a":1,"b":2}\n'


@pytest.mark.parametrize("operation", [Drop(("a",)), Select(("late",)), Rename("late", "b2")])
def test_names_are_taken_on_trust_once_a_record_has_waited(operation: Operation) -> None:
    recipe = Recipe(JsonlFormat(), JsonlFormat(), operations=(operation,))
    assert resolve(recipe, HEAD, "open", "in") is None
    assert resolve(recipe, HEAD, "pause", "in") is not None


def test_a_whole_input_shows_which_names_are_wrong() -> None:
    recipe = Recipe(JsonlFormat(), JsonlFormat(), operations=(Select(("late",)),))
    with pytest.raises(UsageError, match="no column 'late'"):
        resolve(recipe, HEAD, "end", "in")


def test_types_and_columns_wait_longer_than_a_moment() -> None:
    for recipe, head in (
        (Recipe(CsvFormat(), JsonlFormat()), b"a\n1\n"),
        (Recipe(JsonlFormat(), CsvFormat()), HEAD),
    ):
        assert resolve(recipe, head, "pause", "in") is None
        resolution = resolve(recipe, head, "idle", "in")
        assert resolution is not None
        assert "went idle" in resolution.warnings[-1]


def test_columns_of_functions_decided_on_an_idle_input_are_warned_about() -> None:
    recipe = Recipe(CsvFormat(), CsvFormat(), infers_types=False, operations=(Apply("json:dumps"),))
    resolution = resolve(recipe, b"a,b\n1,2\n", "idle", "live")
    assert resolution is not None
    assert resolution.opening_bytes == 4
    assert "name all columns with --columns" in resolution.warnings[0]
    assert resolve(recipe, b"a,b\n1,2\n", "open", "live") is None


@pytest.mark.parametrize(
    ("head", "hint"),
    [
        (b"a|b\n1|2\n\n3|4\n", "there would be 2 with -d '|'"),
        (b"a\tb\tc\n", "there would be 3 with -d tab"),
        (b"a|b\n1|2\n3\n", None),
        (b'"a|b"\n"1|2"\n', None),
        (b"a\n1|2\n", None),
    ],
)
def test_one_column_that_would_be_several_is_warned_of(head: bytes, hint: str | None) -> None:
    resolution = resolve(Recipe(CsvFormat(), CsvFormat()), head, "end", "in")
    assert resolution is not None
    assert [str(hint) in text for text in resolution.warnings] == ([] if hint is None else [True])
