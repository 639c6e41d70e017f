"""Reads many JSON objects of the same keys at once, and turns columns of raw values into cells.

Most files repeat one set of keys in one order. A pattern made from the first line's keys then
takes all lines of a slice apart in one call. It accepts only what RFC 8259 does, so a match is a
proof of validity; lines that do not match are read one by one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import orjson

from streamx.codec.reference.json_records import NUMBER, VALUE, cell_value, raw_pairs

# Proves what it matches to be valid; strings with escapes and nested values are left to others.
_SCALAR = rb'("[^"\\\x00-\x1f]*+"|%b|true|false|null)' % NUMBER
_MOST_KEYS = 100
_MOST_SHAPES = 4
_MOST_CANDIDATES = 200
_OFTEN = 8


def uniform_columns(lines: Sequence[bytes]) -> dict[bytes, Sequence[bytes]] | None:
    """Return raw values by key if all lines are flat objects of the same keys in the same order.

    >>> uniform_columns([b'{"a":1,"b":"x"}', b'{"a":2,"b":"y"}'])
    {b'a': (b'1', b'2'), b'b': (b'"x"', b'"y"')}
    """
    found = uniform_records(lines)
    if found is None:
        return None
    keys, records = found
    return dict(zip(keys, zip(*records, strict=True), strict=True))


def uniform_records(
    lines: Sequence[bytes],
) -> tuple[tuple[bytes, ...], Sequence[Sequence[bytes]]] | None:
    """Return the keys and each line's raw values, on the same conditions.

    >>> uniform_records([b'{"a":1,"b":"x"}', b'{"a":2,"b":"y"}'])
    ((b'a', b'b'), [(b'1', b'"x"'), (b'2', b'"y"')])
    """
    keys = _first_keys(lines)
    if not keys:
        return None
    records = _pattern(keys, _SCALAR).findall(b"\n".join(lines))
    if len(records) != len(lines):
        return None
    return keys, [(value,) for value in records] if len(keys) == 1 else records


class Shapes:
    """Takes valid JSON objects apart, quickly if they have the keys of one of the last few.

    Making a pattern takes as long as reading hundreds of lines, so keys must come often first, and
    only so many patterns are made. What is returned does not depend on any of that.

    >>> Shapes().pairs(b'{"a":1,"b":[2]}')
    {b'a': b'1', b'b': b'[2]'}
    """

    def __init__(self) -> None:
        self._shapes: list[tuple[tuple[bytes, ...], re.Pattern[bytes]]] = []
        self._times_seen: dict[tuple[bytes, ...], int] = {}

    def pairs(self, line: bytes) -> dict[bytes, bytes]:
        """Return the keys and raw values of an object, as `raw_pairs` does."""
        for keys, pattern in self._shapes:
            match = pattern.fullmatch(line)
            if match is not None:
                return dict(zip(keys, match.groups(), strict=True))
        pairs = raw_pairs(line)
        if len(self._shapes) < _MOST_SHAPES and b"\\" not in line:
            self._note(tuple(pairs))
        return pairs

    def _note(self, keys: tuple[bytes, ...]) -> None:
        if len(keys) > _MOST_KEYS or len(self._times_seen) > _MOST_CANDIDATES:
            return
        seen = self._times_seen[keys] = self._times_seen.get(keys, 0) + 1
        if seen == _OFTEN:
            self._shapes = [*self._shapes, (keys, _pattern(keys, VALUE))]


def cell_values(values: Sequence[bytes]) -> Sequence[bytes]:
    """Return the texts that raw JSON values have in CSV cells."""
    joined = b"\n".join(values)
    if b"\\" in joined or b"{" in joined or b"[" in joined:
        return [cell_value(value) for value in values]
    if b'"' in joined:
        return [value[1:-1] if value[:1] == b'"' else cell_value(value) for value in values]
    if b"null" in joined:
        return [b"" if value == b"null" else value for value in values]
    return values


def _first_keys(lines: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return the keys of the first two lines if they are the same, and few enough to try."""
    try:
        first, second = (_plain_keys(line) for line in lines[:2])
    except ValueError:
        return ()
    return first if first == second and len(first) <= _MOST_KEYS else ()


def _plain_keys(line: bytes) -> tuple[bytes, ...]:
    if b"\\" in line or not isinstance(orjson.loads(line), dict):
        raise ValueError
    return tuple(raw_pairs(line))


@lru_cache(maxsize=64)
def _pattern(keys: tuple[bytes, ...], value: bytes) -> re.Pattern[bytes]:
    pairs = [rb'"%b": ?+%b' % (re.escape(key), value) for key in keys]
    return re.compile(rb"^\{%b\}$" % rb", ?+".join(pairs), re.MULTILINE | re.DOTALL)
