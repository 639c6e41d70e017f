"""What a JSONL record holds: validates lines and finds keys and raw values in them.

Values are handled as the bytes that stand in the input, so 1.50, 10^30 and the order of keys
survive. orjson decides what is valid (RFC 8259); the patterns here only cut what it has accepted.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import orjson

from streamx.codec.patterns import ANY, OPTIONAL

STRING = rb'"(?:[^"\\]++|\\.)%b"' % ANY
_SPACE = rb"[ \t\r\n]*+"
# A value that holds no more than two levels is taken whole; of a deeper one only the start is.
_INNER = rb'[\[{](?:[^\[\]{}"]++|%b)%b[\]}]' % (STRING, ANY)
_NESTED = rb'[\[{](?:[^\[\]{}"]++|%b|%b)%b[\]}]' % (STRING, _INNER, ANY)
VALUE = rb'(%b|[^\[\]{}" \t\r\n,]++|%b)' % (STRING, _NESTED)
_VALUE = rb"%b%b[,}\]]" % (VALUE, _SPACE)
_PAIR = re.compile(
    rb"%b(%b)%b:%b(?:%b|(?=[\[{]))" % (_SPACE, STRING, _SPACE, _SPACE, _VALUE), re.DOTALL
)
_AFTER = re.compile(rb"%b[,}\]]" % _SPACE)
_TOKEN = re.compile(
    rb'(%b)(%b:)?|([\[{])|([\]}])|([^\[\]{}",: \t\r\n]++)' % (STRING, _SPACE), re.DOTALL
)
_BRACKET = re.compile(rb"%b|[\[\]{}]" % STRING, re.DOTALL)
NUMBER = rb"-?+(?:0|[1-9][0-9]*+)(?:\.[0-9]++)%b(?:[eE][-+]?+[0-9]++)%b" % (OPTIONAL, OPTIONAL)
_STRING_OR_NUMBER = re.compile(rb"(%b)|%b" % (STRING, NUMBER), re.DOTALL)
_NUMBER = re.compile(NUMBER.decode())
_STRING_OR_SPACE = re.compile(rb"(%b)|[ \t\r\n]++" % STRING, re.DOTALL)


class DuplicateKeyError(ValueError):
    """An object names one key twice; which value was meant cannot be known."""


class RenameClashError(ValueError):
    """A record has a key, unknown when the plan was made, that a column is renamed to."""


def parse(text: bytes) -> object:
    """Parse a JSON text, to learn that it is valid and of what kind; numbers lose digits.

    Raises:
        orjson.JSONDecodeError: the text is not JSON.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        # RFC 8259 sets no limit to numbers, orjson that of a double: judge the rest without them.
        if not _is_beyond_doubles(error.doc, error.pos):
            raise
        without_numbers = _STRING_OR_NUMBER.sub(lambda match: match[1] or b"null", text)
        if without_numbers == text or not _is_json(without_numbers):
            raise
        return orjson.loads(without_numbers)


def raw_pairs(text: bytes) -> dict[bytes, bytes]:
    """Return the keys (unescaped UTF-8) and raw values of a valid JSON object.

    Raises:
        DuplicateKeyError: a key comes twice.

    >>> raw_pairs(b'{"a": 1.50, "b": [1, {"c": "]"}]}')
    {b'a': b'1.50', b'b': b'[1, {"c": "]"}]'}
    """
    pairs: dict[bytes, bytes] = {}
    for key, value in raw_items(text):
        key = key[1:-1] if b"\\" not in key else string_value(key)
        if key in pairs:
            raise DuplicateKeyError(key.decode())
        pairs[key] = value
    return pairs


def raw_items(text: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keys of a valid JSON object and their values, all as they stand."""
    position = text.index(b"{") + 1
    while (match := _PAIR.match(text, position)) is not None:
        key, value = match.groups()
        position = match.end()
        if value is None:
            value, position = _deep_value(text, position)
        yield key, value


def raw_keys(text: bytes) -> list[bytes]:
    r"""Return the keys of a valid JSON object as they stand, quotes and escapes included.

    >>> raw_keys(rb'{"\u0061": 1}')
    [b'"\\u0061"']
    """
    return [key for key, _ in raw_items(text)]


def flat_pairs(text: bytes) -> dict[bytes, bytes]:
    """Return the pairs of a valid JSON object with nested values under keys `a.b` and `a.0`.

    Raises:
        DuplicateKeyError: a key comes twice, as written or once flattened.

    >>> flat_pairs(b'{"a": {"b": [1, 2]}, "c": {}}')
    {b'a.b.0': b'1', b'a.b.1': b'2', b'c': b'{}'}
    """
    flat: dict[bytes, bytes] = {}
    for key, value in _leaves(text):
        if key in flat:
            raise DuplicateKeyError(key.decode())
        flat[key] = value
    return flat


def string_value(raw: bytes) -> bytes:
    """Return the text of a valid JSON string as UTF-8.

    >>> string_value(rb'"caf\\u00e9"').decode()
    'café'
    """
    if b"\\" not in raw:
        return raw[1:-1]
    text: str = orjson.loads(raw)
    return text.encode()


def compact(text: bytes) -> bytes:
    """Return valid JSON without the white space between its tokens.

    >>> compact(b'{"a b": [1, 2]}')
    b'{"a b":[1,2]}'
    """
    if len(text.split(None, 1)) == 1:
        return text
    return _STRING_OR_SPACE.sub(lambda match: match[1] or b"", text)


def cell_value(raw: bytes) -> bytes:
    """Return the text that a raw JSON value has in a CSV cell; null is an empty one."""
    first = raw[:1]
    if first == b'"':
        return string_value(raw)
    if first in (b"{", b"["):
        return compact(raw)
    return b"" if raw == b"null" else raw


def _is_beyond_doubles(text: str, position: int) -> bool:
    """Tell whether a number stands there that is larger than any double."""
    number = _NUMBER.match(text, position)
    return number is not None and math.isinf(float(number[0]))


def _is_json(text: bytes) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def _leaves(text: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the path and raw value of each scalar and empty container, in one pass."""
    outer: list[tuple[bytes, int]] = []  # of each open container: its path, and where it counts
    path, index, is_empty = b"", -1, True
    for string, colon, opening, closing, scalar in _TOKEN.findall(text):
        if colon:
            prefix = outer[-1][0] + b"." if len(outer) > 1 else b""
            path, is_empty = prefix + string_value(string), False
            continue
        if closing:
            path, index_before = outer.pop()
            if is_empty and outer:
                yield path, b"{}" if closing == b"}" else b"[]"
            index, is_empty = index_before, False
            continue
        if index >= 0:  # in an array: a value comes under its number
            path, is_empty = outer[-1][0] + b".%d" % index, False
            index += 1
        if opening:
            outer.append((path, index))
            index, is_empty = 0 if opening == b"[" else -1, True
        else:
            yield path, string or scalar


def _deep_value(text: bytes, start: int) -> tuple[bytes, int]:
    """Return the nested value that starts at `start`, and where to go on behind it."""
    end = end_of_nested(text, start)
    after = _AFTER.match(text, end)
    return text[start:end], end if after is None else after.end()


def end_of_nested(text: bytes, start: int) -> int:
    """Return the end of the object or array at `start`, whatever is in it.

    Raises:
        ValueError: it has none.
    """
    depth = 0
    for match in _BRACKET.finditer(text, start):
        if match[0] in (b"{", b"["):
            depth += 1
        elif match[0] in (b"}", b"]"):
            depth -= 1
            if depth == 0:
                return match.end()
    raise ValueError("a nested JSON value has no end")
