"""Taking lines apart by their shapes gives what taking each apart by itself does, in good time."""

from __future__ import annotations

import json
import random
import time

import pytest
from codec.conversions import CSV, JSONL, converted, json_lines, layout_of
from hypothesis import given, settings
from hypothesis import strategies as st

from streamx.codec.reference.json_columns import Shapes, uniform_columns
from streamx.codec.reference.json_records import DuplicateKeyError, raw_pairs

# Keys that need care in a regular expression, in JSON, or as text.
KEYS = ["a", "b", "", "a.b", "(", "[x]*", "\\", '"', "é", "\n", "{", ":", "a b", "#", "$", "^"]
TEXTS = st.text(st.sampled_from('ab"\\{}[],: \n\té𝄞'), max_size=6)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    # Values that look like a part of the line that holds them.
    | st.sampled_from(['","b":1', '"}', "{", '\\"', '":'])
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def objects(draw: st.DrawFn) -> bytes:
    """A valid JSON object, with the white space and escapes that writers use."""
    keys = draw(st.lists(st.sampled_from(KEYS), max_size=4, unique=True))
    pairs = {key: draw(VALUES) for key in keys}
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : "), (",\t", ":\r")]))
    text = json.dumps(pairs, ensure_ascii=draw(st.booleans()), separators=separators)
    return text.encode() + draw(st.sampled_from([b"", b"\r", b" "]))


@settings(max_examples=150, deadline=None)
@given(st.lists(objects(), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_pairs_are_those_of_each_line_in_whatever_order_shapes_come(
    lines: list[bytes], chance: random.Random
) -> None:
    shapes = Shapes()
    often = lines * 20
    chance.shuffle(often)
    expected = {line: list(raw_pairs(line).items()) for line in lines}
    for line in often:
        assert list(shapes.pairs(line).items()) == expected[line]


@settings(max_examples=150, deadline=None)
@given(st.lists(objects(), min_size=1, max_size=4))
def test_uniform_columns_are_the_pairs_of_each_line(lines: list[bytes]) -> None:
    columns = uniform_columns(lines)
    if columns is not None:
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        assert rows == [raw_pairs(line) for line in lines]


def test_key_that_comes_twice_is_refused_though_its_shape_is_known() -> None:
    shapes = Shapes()
    for _ in range(20):
        shapes.pairs(b'{"a":1,"b":2}')
        with pytest.raises(DuplicateKeyError):
            shapes.pairs(b'{"a":1,"a":2}')


def shuffled(width: int, lines: int) -> bytes:
    """Lines of one set of keys, each in an order of its own."""
    chance = random.Random(1)
    keys = [f"a column of some length {n}" for n in range(width)]
    texts = []
    for _ in range(lines):
        chance.shuffle(keys)
        texts.append(json.dumps({key: [1, key] for key in keys}, separators=(",", ":")))
    return json_lines(*texts)


@pytest.mark.parametrize("width", [30, 99])
def test_wide_lines_of_shuffled_keys_are_converted_in_good_time(width: int) -> None:
    data = shuffled(width, 2_000)
    layout = layout_of(JSONL, CSV, [f"a column of some length {n}" for n in range(width)])
    started = time.process_time()
    output, tally = converted(data, layout)
    assert time.process_time() - started < 5
    assert (tally.records_out, tally.bad) == (2_000, None)
    assert len(set(output.splitlines())) == 1, "the order of keys must not show"


def test_lines_that_repeat_a_few_shapes_are_converted_in_good_time() -> None:
    kinds = [shuffled(99, 1), shuffled(98, 1), shuffled(97, 1)]
    layout = layout_of(JSONL, CSV, [f"a column of some length {n}" for n in range(99)])
    started = time.process_time()
    _, tally = converted(b"".join(kinds) * 700, layout)
    assert time.process_time() - started < 5
    assert (tally.records_out, tally.bad) == (2_100, None)
