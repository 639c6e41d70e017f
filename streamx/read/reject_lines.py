"""Reads one line of a rejects file; whoever wrote or edited it, it is a reject or an error."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from streamx.chunk import Place
from streamx.codec.layout import ColumnType, excerpt, printable

_MOST_NUMBER = 2**62


class RejectError(ValueError):
    """A line is no reject: what was found, and what was expected."""

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(found, expected)
        self.found = found
        self.expected = expected


class Shape(NamedTuple):
    """How to read a record whose input is gone.

    Attributes:
        delimiter, quote: of CSV; None for JSONL.
        columns: names and types of CSV's columns; of JSONL's, where they matter, the names.
    """

    delimiter: str | None
    quote: str | None
    columns: Mapping[str, ColumnType]


@dataclass(frozen=True, slots=True)
class Reject:
    """A line of a rejects file.

    Attributes:
        source, place: where the record stood.
        attempts: how often it was tried.
        shape: how to read it.
        record: its bytes, without a line end.
        is_cut: these are only the first ones.
    """

    source: str
    place: Place
    attempts: int
    shape: Shape
    record: bytes
    is_cut: bool


def read_reject(line: bytes, decoded: Callable[[bytes], bytes] = bytes) -> Reject:
    r"""Read a line.

    Args:
        line: with or without its line feed.
        decoded: turns the bytes of a record that was not UTF-8 into UTF-8.

    Raises:
        RejectError: it is not JSON, or a field is not there or not what it should be.

    >>> reject = read_reject(
    ...     b'{"source":"a","line":3,"offset":9,"attempts":1,"raw":"{","format":{"name":"jsonl"}}'
    ... )
    >>> reject.place, reject.record
    (Place(line=3, offset=9, file=0), b'{')
    """
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        found = f"{excerpt(line.rstrip())}, which is not JSON ({error})"
        raise RejectError(found, "a line of a rejects file") from None
    if not isinstance(fields, dict):
        raise RejectError(excerpt(line.rstrip()), "an object, as a rejects file holds")
    return Reject(
        _field(fields, "source", _is_text, "a text"),
        Place(
            _field(fields, "line", _is_number, "a number"),
            _field(fields, "offset", _is_number, "a number"),
        ),
        _field(fields, "attempts", _is_number, "a number"),
        _shape(fields),
        _record(fields, decoded),
        fields.get("is_cut") is True,
    )


def _shape(fields: dict[str, Any]) -> Shape:
    format = _field(fields, "format", _is_object, "an object")
    name = _field(format, "name", {"csv", "jsonl"}.__contains__, "csv or jsonl", "format.")
    if name == "jsonl":
        names = fields.get("columns", [])
        if not isinstance(names, list) or not all(map(_is_text, names)):
            raise _wrong("columns", names, "a list of names")
        return Shape(None, None, dict.fromkeys(names, ColumnType.STRING))
    columns = _field(fields, "columns", _is_typed, f"names with types ({', '.join(ColumnType)})")
    delimiter, quote = (
        _field(format, key, _is_character, "one ASCII character", "format.")
        for key in ("delimiter", "quote")
    )
    if delimiter == quote:
        raise _wrong("format.quote", quote, "another character than the delimiter")
    return Shape(delimiter, quote, {key: ColumnType(type) for key, type in columns.items()})


def _record(fields: dict[str, Any], decoded: Callable[[bytes], bytes]) -> bytes:
    if "raw_base64" not in fields:
        raw: str = _field(fields, "raw", _is_text, "the record's text")
        return raw.encode()
    text = _field(fields, "raw_base64", _is_text, "the record's bytes in Base64")
    try:
        return decoded(b64decode(text, validate=True))
    except (binascii.Error, ValueError) as error:
        raise RejectError(f'"raw_base64" that cannot be read ({error})', _READABLE) from None


_READABLE = "Base64 (RFC 4648), of text in the encoding that --encoding names"


def _field(
    fields: dict[str, Any],
    name: str,
    is_right: Callable[[Any], bool],
    expected: str,
    within: str = "",
) -> Any:
    if name not in fields:
        raise RejectError(f'no "{within}{name}"', expected)
    value = fields[name]
    if not isinstance(value, str | int | dict) or not is_right(value):
        raise _wrong(within + name, value, expected)
    return value


def _wrong(name: str, value: object, expected: str) -> RejectError:
    return RejectError(f'"{name}" with {printable(repr(value)[:60])}', expected)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_NUMBER


def _is_character(value: object) -> bool:
    return isinstance(value, str) and len(value) == 1 and value.isascii() and value not in "\r\n\0"


def _is_typed(value: object) -> bool:
    known = set(ColumnType)
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(type, str) and type in known for type in value.values())
    )
