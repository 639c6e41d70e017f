"""A JSON text is read as the elements of an array, however it is laid out and however it comes."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from memory_source import MemorySource, read_all

from streamx.errors import InputError
from streamx.read import json_text
from streamx.read.json_array import JsonArraySource

MOST_BYTES = 1 << 20
UNHURRIED = settings(deadline=None, max_examples=60)
TEXTS = st.text(max_size=8) | st.sampled_from(['"', "\\", "]", "{", ",", "a.b", "\n"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)
LAYOUTS = st.sampled_from([(None, (",", ":")), (None, (", ", ": ")), (1, None), ("\t\r\n", None)])
DEEP: Any = 1
for _ in range(12):
    DEEP = {"a": [DEEP]}


def laid_out(value: Any, layout: tuple[Any, Any]) -> bytes:
    indent, separators = layout
    return json.dumps(value, indent=indent, separators=separators).encode()


def lines_of(text: bytes, path: str = "", block_bytes: int = 1 << 20) -> list[bytes]:
    source = JsonArraySource(MemorySource(text, block_bytes), path, MOST_BYTES)
    lines = read_all(source)
    assert not lines or lines.endswith(b"\n")
    return lines.split(b"\n")[:-1]


@UNHURRIED
@given(st.lists(VALUES, max_size=5), LAYOUTS, st.integers(1, 60))
@example([DEEP, [], {}, DEEP], (1, None), 7)
@example([DEEP], (None, (",", ":")), 10**6)
@example([[DEEP, "},"]], (None, (",", ":")), 75)
def test_elements_come_as_lines(values: list[Any], layout: Any, block_bytes: int) -> None:
    lines = lines_of(laid_out(values, layout), "", block_bytes)
    assert [json.loads(line) for line in lines] == values
    if layout[0] is None:
        assert lines == [laid_out(value, layout) for value in values]


@UNHURRIED
@given(st.data(), st.lists(VALUES, max_size=3), LAYOUTS, st.integers(1, 60))
def test_a_path_leads_to_an_array_within_a_larger_text(
    data: st.DataObject, values: list[Any], layout: Any, block_bytes: int
) -> None:
    whole: Any = values
    path: list[str] = []
    for _ in range(data.draw(st.integers(1, 3))):
        if data.draw(st.booleans()):
            key = data.draw(st.sampled_from(["k", "key", "\u00fc"]))
            others = st.dictionaries(st.sampled_from(["x", "y z", '"']), VALUES, max_size=2)
            whole = {**data.draw(others), key: whole, **data.draw(others)}
            path.insert(0, key)
        else:
            before, behind = data.draw(st.lists(VALUES, max_size=2)), data.draw(st.lists(VALUES))
            whole = [*before, whole, *behind]
            path.insert(0, str(len(before)))
    lines = lines_of(laid_out(whole, layout), ".".join(path), block_bytes)
    assert [json.loads(line) for line in lines] == values


@UNHURRIED
@given(st.lists(VALUES, max_size=3), LAYOUTS, st.data())
def test_a_text_that_ends_early_is_an_error(
    values: list[Any], layout: Any, data: st.DataObject
) -> None:
    text = laid_out({"a": values}, layout)
    end = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(InputError, match="memory: "):
        lines_of(text[:end], "a")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"[1,]", "found ']' at byte 3; expected an element"),
        (b"[,1]", "found ',1]' at byte 1; expected an element"),
        (b"[1 2]", "found '2]' at byte 3; expected ',' or ']'"),
        (b'[{"a":1}}]', "found '}]' at byte 8; expected ',' or ']'"),
        (b"[1] x", "found 'x' at byte 4; expected the end, behind one JSON text"),
        (b'["a\nb"]', "expected a string that ends in its line"),
        (b'{"a":1}', "found an object; expected an array of records"),
        (b"", "found nothing; expected an array of records"),
        (b"null", "found 'null'; expected an array of records"),
    ],
)
def test_what_is_no_array_is_named_with_its_place(text: bytes, message: str) -> None:
    with pytest.raises(InputError) as error:
        lines_of(text)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("b", "expected a key 'b', for --records-at"),
        ("a.5", "expected an element 5, for --records-at"),
        ("a.x", "expected an object with 'x', for --records-at"),
        ("n.x", "expected an object or an array with 'x' of --records-at"),
        ("n", "found '1}'; expected an array of records"),
    ],
)
def test_a_path_that_leads_nowhere_is_named(path: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        lines_of(b'{"a":[[]],"n":1}', path)
    assert message in str(error.value)


def test_no_more_is_held_than_an_element_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_text, "_BLOCK_BYTES", 1000)
    large = b"[" + b"1," * 100_000 + b"1]"
    text = b'{"skipped":%b,"a":[%b]}' % (large, large[:5000].rstrip(b",") + b"]")
    source = JsonArraySource(MemorySource(text, 1000), "a", 4000)
    with pytest.raises(InputError, match="is longer than 4,000 bytes; allow more with --max-rec"):
        read_all(source)
    assert len(lines_of(b'{"skipped":%b,"a":[%b]}' % (large, large), "a")) == 1


@pytest.mark.parametrize(
    "element",
    [
        json.dumps({"text": 'x"[,' * 500_000, "list": [1]}).encode(),
        json.dumps({f"key {i}": [i, {"text": str(i)}] for i in range(60_000)}).encode(),
    ],
    ids=["a long string", "many nested values"],
)
@pytest.mark.parametrize("path", ["", "1"])
def test_each_byte_of_a_long_value_is_looked_at_once(element: bytes, path: str) -> None:
    text = b"[%b,[1]]" % element
    started = time.process_time()
    source = JsonArraySource(MemorySource(text, 4096), path, 1 << 24)
    lines = read_all(source).split(b"\n")[:-1]
    assert lines == ([b"1"] if path else [element, b"[1]"])
    assert time.process_time() - started < 10, "it takes a minute if each block is looked at again"


def test_an_element_is_passed_on_before_its_comma_has_come() -> None:
    text = b'[{"a":1}' + b',\n{"a":2}' + b"]"
    source = JsonArraySource(MemorySource(text, 8), "", MOST_BYTES)
    view = memoryview(bytearray(100))
    count = asyncio.run(source.read_into(view))
    assert (bytes(view[:count]), source.bytes_read) == (b'{"a":1}\n', 8)


@pytest.mark.parametrize("block_bytes", [1, 2, 3, 100])
def test_a_byte_order_mark_before_the_text_is_passed(block_bytes: int) -> None:
    assert lines_of(b"\xef\xbb\xbf [1,2]", "", block_bytes) == [b"1", b"2"]
    with pytest.raises(InputError, match="expected an array of records"):
        lines_of(b"\xef\xbb\xbf\xef\xbb\xbf[1]", "", block_bytes)
    with pytest.raises(InputError, match="found nothing"):
        lines_of(b"\xef\xbb\xbf", "", block_bytes)
