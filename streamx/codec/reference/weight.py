"""Weight: about how many bytes a result of user code holds, to bound what waits to be encoded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamx.codec.record import Record

OBJECT_BYTES = 32
UNKNOWN_BYTES = 64 * 1024
MOST_WEIGHED_BYTES = 4 * 1024 * 1024
_PLAIN = frozenset((int, float, bool, type(None)))


def weight_of(result: Mapping[str, Any]) -> int:
    """Return about how many bytes the values of a result take, up to some MiB.

    Of a record those count that were set; what it was read from is a part of its chunk. No method
    of a result is called, so another kind of Mapping counts as UNKNOWN_BYTES.

    >>> weight_of({"text": "x" * 1000, "list": [1, 2]})
    1144
    """
    values: Any = _values_of(result) if type(result) is Record else result
    if not issubclass(type(values), dict):
        return UNKNOWN_BYTES
    total = 0
    pending: list[Any] = []
    for value in dict.values(values):
        kind = type(value)
        if kind is str:
            total += OBJECT_BYTES + len(value)
        elif kind in _PLAIN:
            total += OBJECT_BYTES
        else:
            pending.append(value)
    while pending and total < MOST_WEIGHED_BYTES:
        value = pending.pop()
        total += OBJECT_BYTES
        kind = type(value)
        if issubclass(kind, str):
            total += str.__len__(value)
        elif issubclass(kind, list):
            total += 8 * list.__len__(value)
            pending += list.__iter__(value)
        elif issubclass(kind, tuple):
            pending += tuple.__iter__(value)
        elif issubclass(kind, dict):
            pending += dict.values(value)
    return total


def _values_of(record: Record) -> dict[str, Any]:
    """Return what was set; of JSON also what was read, since lists may be changed in place."""
    if record._line:
        return record._values
    changes = record._changes or {}
    return {name: record._values[name] for name, is_same in changes.items() if not is_same}
