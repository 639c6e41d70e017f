"""What data that starts anywhere does to the state of the records is what the grammar says."""

from __future__ import annotations

from itertools import product

import pytest
from codec.twins import native, using
from hypothesis import given
from hypothesis import strategies as st

from streamx.codec.layout import CsvFormat, Format, JsonlFormat
from streamx.codec.reference.traversal import traverse
from streamx.codec.states import State, Traversal

CSV = CsvFormat()
ODD = CsvFormat(delimiter=b"'", quote=b"|")
FORMATS = [CSV, ODD, JsonlFormat()]
JSONL_STATES = (State.AT_RECORD, State.AT_BLANK, State.IN_CELL)


def by_single_bytes(data: bytes, format: Format, state: State) -> Traversal:
    """Follow the grammar byte by byte, as slowly as it can be written down."""
    first = 0 if state is State.AT_RECORD and data else None
    records = before = 0
    for position, byte in enumerate(data):
        came_from, state = state, successor(bytes([byte]), format, state)
        if state is State.AT_RECORD:
            records += came_from not in (State.AT_RECORD, State.AT_BLANK)
            if first is None:
                before = records
                first = position + 1 if position + 1 < len(data) else None
    return Traversal(state, first, records, before)


def successor(byte: bytes, format: Format, state: State) -> State:
    if isinstance(format, JsonlFormat):
        if byte == b"\n":
            return State.AT_RECORD
        is_blank = state is not State.IN_CELL and byte in b" \t\r"
        return State.AT_BLANK if is_blank else State.IN_CELL
    if state is State.IN_QUOTES:
        return State.AFTER_QUOTE if byte == format.quote else State.IN_QUOTES
    if byte == b"\n":
        return State.AT_RECORD
    if byte == format.quote and state is State.AFTER_QUOTE:
        return State.IN_QUOTES
    if byte == format.delimiter:
        return State.AT_CELL
    if byte == format.quote and state in (State.AT_RECORD, State.AT_CELL):
        return State.IN_QUOTES
    if byte == b"\r" and state is State.AT_RECORD:
        return State.AT_BLANK
    return State.IN_CELL


@pytest.mark.parametrize("format", FORMATS)
def test_every_short_text_is_traversed_as_byte_by_byte(format: Format) -> None:
    alphabet = b'1,"\r\n' if format == CSV else b"1'|\r\n" if format == ODD else b"1 \r\n"
    states = JSONL_STATES if isinstance(format, JsonlFormat) else tuple(State)
    for length in range(6):
        for letters in product(alphabet, repeat=length):
            data = bytes(letters)
            for state in states:
                expected = by_single_bytes(data, format, state)
                assert traverse(data, format, state) == expected, (data, state)
                assert native.traverse(data, format, state) == expected, (data, state)


PIECES = [
    b"1,2\n", b'"a\nb",c\r\n', b'"x""y"\n', b'1,5" pipe\n', b'"a"b,c\n', b"\n", b"\r\n", b'""\n',
    b'"', b",", b"\r", b"\n" * 70, b"a" * 63, b'"' + b"b\n" * 40 + b'",', b"x" * 130 + b"\n",
]  # fmt: skip


@given(
    st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join),
    st.sampled_from(tuple(State)),
    st.sampled_from(native.instruction_sets()),
)
def test_texts_of_many_blocks_are_traversed_as_byte_by_byte(
    data: bytes, state: State, instruction_set: str
) -> None:
    expected = by_single_bytes(data, CSV, state)
    assert traverse(data, CSV, state) == expected
    with using(instruction_set):
        assert native.traverse(data, CSV, state) == expected


@given(
    st.lists(
        st.sampled_from([b'{"a":1}\n', b"\n", b" \t\r\n", b"x" * 70, b" " * 70]), max_size=20
    ).map(b"".join),
    st.sampled_from(JSONL_STATES),
    st.sampled_from(native.instruction_sets()),
)
def test_lines_of_many_blocks_are_traversed_as_byte_by_byte(
    data: bytes, state: State, instruction_set: str
) -> None:
    expected = by_single_bytes(data, JsonlFormat(), state)
    assert traverse(data, JsonlFormat(), state) == expected
    with using(instruction_set):
        assert native.traverse(data, JsonlFormat(), state) == expected
