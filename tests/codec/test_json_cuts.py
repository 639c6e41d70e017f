"""Parts of a JSON text are cut out as they stand, whatever the layout and wherever they are."""

from __future__ import annotations

import contextlib
import json
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamx.codec.json_cuts import JsonCutError, MissingPathError, json_lines, span_at

NUMBERS = st.sampled_from(["0", "-0", "1.50", "1E30", "-2.0e-07", "9" * 40, "1e999"])


class Number(NamedTuple):
    """A number as it is written."""

    text: str


VALUES = st.recursive(
    st.none() | st.booleans() | st.text(max_size=8) | NUMBERS.map(Number),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
RECORDS = st.lists(st.dictionaries(st.text(max_size=5), VALUES, max_size=4), max_size=5)


@st.composite
def layouts(draw: st.DrawFn, value: Any) -> str:
    """Write a value as JSON with any white space between its tokens."""

    def space() -> str:
        return draw(st.sampled_from(["", "", " ", "\n", "\r\n\t", "\n  "]))

    def text(value: Any) -> str:
        if isinstance(value, dict):
            pairs = [f"{space()}{text(k)}{space()}:{space()}{text(v)}" for k, v in value.items()]
            return "{" + f"{space()},".join(pairs) + space() + "}"
        if isinstance(value, list):
            return "[" + ",".join(f"{space()}{text(v)}{space()}" for v in value) + space() + "]"
        if isinstance(value, Number):
            return value.text
        return json.dumps(value, ensure_ascii=draw(st.booleans()))

    return space() + text(value) + space()


def exact(text: str | bytes) -> Any:
    """Parse JSON so that numbers are equal only if their texts are."""
    return json.loads(text, parse_float=Number, parse_int=Number)


@settings(max_examples=40)
@given(st.data(), RECORDS)
def test_records_in_any_layout_are_the_lines_that_json_finds(
    data: st.DataObject, records: list[dict[str, Any]]
) -> None:
    body = data.draw(layouts({"meta": {"of": [3, {}]}, "data": {"items": records}, "more": "]}"}))
    text = body.encode()
    lines, count = json_lines(text, span_at(text, "data.items"))
    assert count == len(records) == lines.count(b"\n")
    assert [exact(line) for line in bytes(lines).splitlines()] == exact(body)["data"]["items"]


@settings(max_examples=40)
@given(st.data(), RECORDS, st.binary(max_size=3), st.integers(0))
def test_a_text_that_is_cut_off_or_damaged_raises_nothing_else(
    data: st.DataObject, records: list[dict[str, Any]], noise: bytes, where: int
) -> None:
    text = data.draw(layouts({"a": records, "b": [records]})).encode()
    place = where % (len(text) + 1)
    for damaged in (text[:place], text[:place] + noise + text[place:]):
        for path in ("", "a", "b.-1", "b.0.0"):
            with contextlib.suppress(JsonCutError):
                json_lines(damaged, span_at(damaged, path))


@settings(max_examples=40)
@given(st.data(), RECORDS.filter(bool))
def test_a_body_that_is_cut_off_is_never_taken_for_a_whole_one(
    data: st.DataObject, records: list[dict[str, Any]]
) -> None:
    text = data.draw(layouts({"a": records})).encode().rstrip()
    place = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(JsonCutError):
        json_lines(text[:place], span_at(text[:place], "a"))


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("@odata.nextLink", b'"/x"'),
        ("data.-1.id", b"2"),
        ("data.0", b'{"id":1}'),
        ("a.b.c", b"3"),
        ("caf\xe9", b"null"),
    ],
)
def test_a_path_goes_through_keys_with_dots_escapes_and_ends_of_arrays(
    path: str, found: bytes
) -> None:
    text = rb'{"@odata.nextLink":"/x","data":[{"id":1},{"id":2}],"a.b":{"c":3},"caf\u00e9":null}'
    assert text[slice(*span_at(text, path))] == found


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("itms", "there is no 'itms' of 'itms' in an object with the keys items, total"),
        ("items.5.id", "there is no '5' of 'items.5.id' in '[{\"id\":1}]'"),
        ("items.id", "there is no 'id' of 'items.id' in '[{\"id\":1}]'"),
        ("total.x", "there is no 'x' of 'total.x' in '1'"),
    ],
)
def test_a_path_to_nothing_is_answered_with_what_there_is(path: str, message: str) -> None:
    with pytest.raises(MissingPathError) as caught:
        span_at(b'{"items":[{"id":1}],"total":1}', path)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'{"a":1}', "found an object with the keys a; expected an array of records"),
        (b"<html>", "found '<html>'; expected an array of records"),
        (b"", "found the end at byte 0; expected JSON"),
        (b'[{"a":1},{"b"', "found no end of what starts at byte 0"),
        (b'[{"a":1} {"b":1}]', "found ' {\"b\":1}]' at byte 8; expected JSON"),
        (b'[{"a":1}}', "found '}' at byte 8; expected JSON"),
        (
            b'[{"a":"x\ny"}]',
            "found '\"x\\ny\"}]' at byte 6; expected a string that ends in its line",
        ),
    ],
)
def test_what_is_no_array_of_records_is_said_with_its_place(text: bytes, message: str) -> None:
    with pytest.raises(JsonCutError) as caught:
        json_lines(text, span_at(text, ""))
    assert str(caught.value).startswith(message)
