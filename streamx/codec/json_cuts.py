"""Cuts parts out of a JSON text as they stand: the value at a path, the elements of an array.

Nothing is decoded and encoded again, so numbers, escapes and the order of keys stay as they came.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import orjson

from streamx.codec.layout import excerpt
from streamx.codec.patterns import ANY
from streamx.codec.reference.json_records import (
    STRING,
    end_of_nested,
    parse,
    string_value,
)

Span = tuple[int, int]

_SPACE = re.compile(rb"[ \t\r\n]%b" % ANY)
_KEY = re.compile(rb"[ \t\r\n]%b(%b)[ \t\r\n]%b:[ \t\r\n]%b" % (ANY, STRING, ANY, ANY), re.DOTALL)
_END = re.compile(rb"[ \t\r\n]%b([,\]}])" % ANY)
# Deeper ones are followed bracket by bracket, which takes ten times as long.
_LEVELS_AT_ONCE = 8
_BREAK = re.compile(rb"\r?\n[ \t\r\n]%b" % ANY)
# Strings are whole and hold no line break, so that all that there are stand between tokens.
_WHOLE_STRINGS = re.compile(rb'(?:[^"]++|"(?:[^"\\\n]++|\\[^\n])%b")%b' % (ANY, ANY), re.DOTALL)
_INDEX = re.compile(r"(-?[0-9]+)(?:\.|$)")
_MOST_KEYS_SHOWN = 10


def _value_pattern(levels: int) -> bytes:
    nested = rb'[\[{](?:[^\[\]{}"]++|%b)%b[\]}]' % (STRING, ANY)
    for _ in range(levels - 1):
        nested = rb'[\[{](?:[^\[\]{}"]++|%b|%b)%b[\]}]' % (STRING, nested, ANY)
    return rb'%b|[^\[\]{}" \t\r\n,]++|%b' % (STRING, nested)


VALUE = _value_pattern(_LEVELS_AT_ONCE)
_VALUE = re.compile(VALUE, re.DOTALL)


class JsonCutError(ValueError):
    """The text is not JSON, or not of the form that was expected; says where and what there is."""


class MissingPathError(JsonCutError):
    """There is nothing at a path; says what there is instead."""


def span_at(text: bytes, path: str) -> Span:
    """Return where the value at a path starts and ends.

    A path is keys and, in arrays, numbers, joined by dots; -1 is the last element. Where keys hold
    dots themselves, the longest that is there is meant. An empty path is the whole text.

    Raises:
        MissingPathError: there is nothing at the path.
        JsonCutError: the text is not JSON.

    >>> text = b'{"@odata.next": "x", "data": {"items": [1.50, 2]}}'
    >>> [text[slice(*span_at(text, path))] for path in ("@odata.next", "data.items.0")]
    [b'"x"', b'1.50']
    """
    start = _behind_space(text, 0)
    span, rest = (start, _value_end(text, start)), path
    while rest:
        span, rest = _step(text, span, rest, path)
    return span


def json_lines(text: bytes, array: Span) -> tuple[bytearray, int]:
    r"""Return the elements of an array as JSONL, and how many there are.

    White space that breaks a line becomes one space. An element that is no record is left to
    whoever reads the lines, but all around the array has to be JSON.

    Args:
        text: the whole text.
        array: where in it the array stands; null is an empty one.

    Raises:
        JsonCutError: there is no array, or the text is not JSON.

    >>> json_lines(b'[{"a": 1.50},\n {"b":\n 1e30} ]', (0, 29))
    (bytearray(b'{"a": 1.50}\n{"b": 1e30}\n'), 2)
    """
    start, end = array
    lines, count = bytearray(), 0
    if text[start:end] != b"null":
        if text[start : start + 1] != b"[":
            raise JsonCutError(f"found {_described(text, array)}; expected an array of records")
        for first, last in _elements(text, start):
            element = text[first:last]
            lines += _BREAK.sub(b" ", element) if b"\n" in element else element
            lines += b"\n"
            count += 1
    _refuse_bad_frame(text, array)
    _refuse_broken_strings(text)
    return lines, count


def as_line(element: bytes) -> bytes:
    r"""Return an element in one line: white space that breaks a line becomes one space.

    Raises:
        JsonCutError: a line breaks within a string.

    >>> as_line(b'{"a":\n  1}')
    b'{"a": 1}'
    """
    _refuse_broken_strings(element)
    return _BREAK.sub(b" ", element)


def described_start(start: bytes) -> str:
    """Say what a text is, of which there may be more, by how it starts."""
    return "an object" if start.startswith(b"{") else excerpt(start) if start else "nothing"


def _refuse_broken_strings(text: bytes) -> None:
    match = _WHOLE_STRINGS.match(text)
    end = 0 if match is None else match.end()
    if end < len(text):
        raise JsonCutError(
            f"found {excerpt(text[end:])} at byte {end}; expected a string that ends in its line"
        )


def _refuse_bad_frame(text: bytes, array: Span) -> None:
    """Refuse a text that is not JSON even if nothing is in its array."""
    try:
        parse(text[: array[0]] + b"[]" + text[array[1] :])
    except orjson.JSONDecodeError as error:
        raise JsonCutError(f"found {excerpt(text)}, which is not JSON ({error.msg})") from error


def _step(text: bytes, span: Span, rest: str, path: str) -> tuple[Span, str]:
    """Take the first step of a path; return where it leads, and the rest of the path."""
    start = span[0]
    if text[start : start + 1] == b"{":
        members = dict(_members(text, start))
        parts = rest.split(".")
        for count in range(len(parts), 0, -1):
            key = ".".join(parts[:count])
            if key in members:
                return members[key], ".".join(parts[count:])
    elif text[start : start + 1] == b"[" and (match := _INDEX.match(rest)):
        elements = list(_elements(text, start))
        index = int(match[1])
        if -len(elements) <= index < len(elements):
            return elements[index], rest[match.end() :]
    step = rest.partition(".")[0]
    raise MissingPathError(f"there is no {step!r} of {path!r} in {_described(text, span)}")


def _described(text: bytes, span: Span) -> str:
    """Say what a value is: what keys it has, if it has any."""
    start, end = span
    if text[start : start + 1] == b"{":
        keys = [key for key, _ in _members(text, start)]
        more = ", ..." if len(keys) > _MOST_KEYS_SHOWN else ""
        shown = ", ".join(keys[:_MOST_KEYS_SHOWN])
        return f"an object with the keys {shown}{more}" if keys else "an object without keys"
    return excerpt(text[start:end])


def _members(text: bytes, start: int) -> Iterator[tuple[str, Span]]:
    """Yield key and value of each member of the object at `start`."""
    position = start
    while match := _KEY.match(text, position + 1):
        value = match.end(), _value_end(text, match.end())
        yield _key(match[1], match.start(1)), value
        position, delimiter = _end_of_part(text, value[1], b",}")
        if delimiter == b"}":
            return
    end = _behind_space(text, position + 1)
    if position != start or text[end : end + 1] != b"}":
        raise _not_json(text, end)


def _key(raw: bytes, start: int) -> str:
    try:
        return string_value(raw).decode()
    except ValueError:
        raise _not_json(raw, 0, start) from None


def _elements(text: bytes, start: int) -> Iterator[Span]:
    """Yield where each element of the array at `start` starts and ends."""
    position = _behind_space(text, start + 1)
    if text[position : position + 1] == b"]":
        return
    while True:
        end = _value_end(text, position)
        yield position, end
        position, delimiter = _end_of_part(text, end, b",]")
        if delimiter == b"]":
            return
        position = _behind_space(text, position + 1)


def _end_of_part(text: bytes, position: int, delimiters: bytes) -> tuple[int, bytes]:
    """Return where the delimiter behind a value stands, and which it is."""
    match = _END.match(text, position)
    if match is None or match[1] not in delimiters:
        raise _not_json(text, position)
    return match.end() - 1, match[1]


def _value_end(text: bytes, start: int) -> int:
    match = _VALUE.match(text, start)
    if match is not None:
        return match.end()
    if text[start : start + 1] in (b"{", b"["):
        try:
            return end_of_nested(text, start)
        except ValueError:
            raise JsonCutError(f"found no end of what starts at byte {start}") from None
    raise _not_json(text, start)


def _behind_space(text: bytes, position: int) -> int:
    match = _SPACE.match(text, position)
    return position if match is None else match.end()


def _not_json(text: bytes, position: int, offset: int = 0) -> JsonCutError:
    found = excerpt(text[position:]) if position < len(text) else "the end"
    return JsonCutError(f"found {found} at byte {offset + position}; expected JSON")
