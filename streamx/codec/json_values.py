"""JSON values as Python's and back: exact integers, and no value that JSON lacks.

orjson does the work where it can. It reads integers beyond 64 bits as floats and writes NaN as
null, so what may hold such a value goes a longer way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date, time
from enum import Enum
from math import isfinite
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from streamx.codec.layout import Bad

if TYPE_CHECKING:
    from decimal import Decimal  # and where it is needed: it takes 4 ms to import

_MAY_BE_LONG = 19  # digits; fewer fit into 64 bits
_LONG_NUMBER = re.compile(rb"[0-9]{%d}" % _MAY_BE_LONG)
_PLAIN = frozenset([str, int, bool, type(None)])
_WORDS = {None: b"null", True: b"true", False: b"false"}
_OPTIONS = orjson.OPT_PASSTHROUGH_DATACLASS


class EncodeError(ValueError):
    """A value or a field that the output cannot hold.

    Attributes:
        found: what was found and in which field, as one clause.
        expected: what was expected instead, and what to do.
        traceback: of the user's code, if that raised an exception.
        kind: what is wrong in a word or two.

    >>> print(EncodeError("nan in field 'x'", "a number that JSON has"))
    nan in field 'x'; expected a number that JSON has
    """

    def __init__(
        self, found: str, expected: str, traceback: str = "", *, kind: str = "value"
    ) -> None:
        super().__init__(found, expected, traceback)
        self.found = found
        self.expected = expected
        self.traceback = traceback
        self.kind = kind

    def bad(self, position: int) -> Bad:
        """Return the bad record that this makes of the one at a position."""
        found, expected = self.found, self.expected
        return Bad(position, found, expected, traceback=self.traceback, kind=self.kind)

    def __str__(self) -> str:
        return f"{self.found}; expected {self.expected}"


def integer_of(text: str | bytes) -> int | Decimal:
    """Return the integer that a text of digits is; a Decimal beyond the 4,300 digits of an int.

    >>> integer_of(b"1000000000000000000000000000000") == 10**30
    True
    """
    try:
        return int(text)
    except ValueError:
        from decimal import Decimal

        return Decimal(text if isinstance(text, str) else text.decode())


def number_of(text: bytes) -> int | float | Decimal:
    """Return the number that a JSON number is: an int if it is written as one.

    >>> number_of(b"-20"), number_of(b"1.50")
    (-20, 1.5)
    """
    return integer_of(text) if text.lstrip(b"-").isdigit() else float(text)


def value_of(raw: bytes) -> Any:
    """Return the value of a valid JSON text. Numbers beyond a double are infinite.

    >>> value_of(b'[1.50, "a", null]')
    [1.5, 'a', None]
    """
    if len(raw) < _MAY_BE_LONG or not _LONG_NUMBER.search(raw):
        try:
            return orjson.loads(raw)
        except orjson.JSONDecodeError:
            pass  # RFC 8259 sets no limit to numbers, orjson that of a double
    return json.loads(raw, parse_int=integer_of)


def json_of(value: object, field: str = "") -> bytes:
    """Return a value as compact JSON.

    Dates, times and UUIDs become ISO text, enumerations their values, a Decimal its exact number,
    tuples arrays, and any Mapping with text for keys an object.

    Args:
        value: what to encode.
        field: where it stands, for messages; empty for a whole record.

    Raises:
        EncodeError: JSON has no such value (NaN, bytes, a set, an object), or it holds itself.

    >>> json_of({"a": 10**30, "b": (1.5, None)})
    b'{"a":1000000000000000000000000000000,"b":[1.5,null]}'
    """
    if type(value) is int:
        return _digits(value)  # orjson reserves a KiB for each, which takes ten times as long
    if value is None or value is True or value is False:
        return _WORDS[value]
    try:
        raw = orjson.dumps(value, None, _OPTIONS)
        if b"null" not in raw or _is_finite(value):
            return raw
    except Exception:  # and whatever a value's methods raise, which shows again
        pass
    return _slowly(value, field)


def _is_finite(value: object) -> bool:
    """Tell whether no float in a value that orjson has taken is NaN or infinite."""
    if type(value) in _PLAIN:
        return True
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_finite, value))
    return _is_finite(value.value) if isinstance(value, Enum) else True


def _slowly(value: object, field: str) -> bytes:
    try:
        return _encoded(value, field)
    except RecursionError:
        raise EncodeError(
            f"a value that is nested too deeply or holds itself{_in(field)}",
            "a value of fewer levels",
        ) from None
    except EncodeError:
        raise
    except Exception as error:  # of a value's methods
        from streamx.blame import own_traceback, summary

        raise EncodeError(
            f"a value that raised {summary(error)}{_in(field)}", "", own_traceback(error)
        ) from error


def _encoded(value: object, field: str) -> bytes:
    """Encode as orjson does, and what it refuses; say which value cannot be encoded."""
    if isinstance(value, Enum):
        return _encoded(value.value, field)
    if isinstance(value, Mapping):
        return b"{%b}" % b",".join([_pair(key, each, field) for key, each in value.items()])
    if isinstance(value, list | tuple):
        inner = [_encoded(each, _below(field, index)) for index, each in enumerate(value)]
        return b"[%b]" % b",".join(inner)
    return _scalar(value, field)


def _pair(key: object, value: object, field: str) -> bytes:
    if not isinstance(key, str):
        raise EncodeError(f"the key {_shown(key)}{_in(field)}", "text for a key")
    return _text(key, field) + b":" + _encoded(value, _below(field, key))


def _scalar(value: object, field: str) -> bytes:
    if value is None or isinstance(value, bool):
        return _WORDS[value]
    if isinstance(value, str):
        return _text(value, field)
    if isinstance(value, int):
        return _digits(value)
    from decimal import Decimal

    if isinstance(value, Decimal) and value.is_finite():
        return str(value).encode()
    if isinstance(value, float) and isfinite(value):
        return orjson.dumps(float(value))
    if isinstance(value, float | Decimal):
        raise EncodeError(
            f"{value}{_in(field)}", "a number that JSON has; return None or text instead"
        )
    if isinstance(value, date | time):
        return _text(value.isoformat(), field)
    if isinstance(value, UUID):
        return _text(str(value), field)
    raise EncodeError(
        f"{_shown(value)}{_in(field)}",
        "text, a number, True, False, None, a date, a list or a dict; make it one of these",
    )


def _text(text: str, field: str) -> bytes:
    try:
        return orjson.dumps(text)
    except TypeError:
        raise EncodeError(
            f"half of a surrogate pair in {_shown(text)}{_in(field)}",
            "text that can be encoded as UTF-8; str.encode('utf-8', 'replace') makes it that",
        ) from None


def _digits(number: int) -> bytes:
    try:
        return b"%d" % number
    except ValueError:  # more digits than Python's int gives
        from decimal import Decimal

        return format(Decimal(number), "f").encode()


def _below(field: str, key: object) -> str:
    return f"{field}.{key}" if field else str(key)


def _in(field: str) -> str:
    return f" in field {field!r}" if field else ""


def _shown(value: object, most: int = 60) -> str:
    try:
        shown = f"{value!r} ({type(value).__name__})"
    except Exception:  # whatever a repr raises, this is about something else
        return f"a value of type {type(value).__name__}"
    return shown if len(shown) <= most else f"{shown[: most - 3]}... ({type(value).__name__})"
