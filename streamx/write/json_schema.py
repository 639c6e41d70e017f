"""Types of columns for records of JSONL: inferred from the first ones, as wide as these need.

A column of integers is int64, or uint64 or decimal(38, 0) where they need that; with decimals it is
double. Objects are structs and arrays are lists, as long as their values go together. What does not
go together becomes text, each value its JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from pyarrow import types

from streamx.codec.json_values import value_of

# Texts that stand for numbers which JSON has not, see streamx.read.arrow_json.
ODD_NUMBERS = frozenset(["NaN", "Infinity", "-Infinity"])
_PARSED = (
    types.is_integer,
    types.is_floating,
    types.is_boolean,
    types.is_decimal,
    types.is_string,
    types.is_large_string,
    types.is_timestamp,
)
_MOST_DIGITS = 38
_INT64 = range(-(2**63), 2**63)
_UINT64 = range(2**64)
# The types that options name.
NAMED = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
}


@dataclass(slots=True)
class Columns:
    """The columns of a file.

    Attributes:
        types: by name, in order.
        texts: those of which a value that is no text is written as its JSON.
    """

    types: dict[str, pa.DataType] = field(default_factory=dict)
    texts: frozenset[str] = frozenset()

    @property
    def schema(self) -> pa.Schema:
        return pa.schema(list(self.types.items()))


def is_readable(type: pa.DataType) -> bool:
    """Tell whether what streamx.read.arrow_json makes of such values can be read as them again."""
    return is_parsed(type) or is_cast(type)


def is_parsed(type: pa.DataType) -> bool:
    """Tell whether Arrow's parser of JSON reads such values."""
    if types.is_list(type):
        return is_parsed(type.value_type)
    if types.is_struct(type):
        return all(is_parsed(field.type) for field in type)
    return any(is_of_kind(type) for is_of_kind in _PARSED) and not types.is_float16(type)


def is_cast(type: pa.DataType) -> bool:
    """Tell whether Arrow makes such values of texts."""
    if types.is_dictionary(type):
        return bool(types.is_string(type.value_type))
    return bool(types.is_date(type) or types.is_time(type) or types.is_string_view(type))


class _Seen:
    """What has been seen of the values of a column, or within one."""

    def __init__(self) -> None:
        self.kinds: set[str] = set()
        self.least = self.most = 0
        self.only_odd_texts = True
        self.fields: dict[str, _Seen] = {}
        self.elements: _Seen | None = None

    def add(self, value: Any) -> None:
        if value is None:
            return
        kind = _KINDS.get(type(value), "decimal")
        self.kinds.add(kind)
        if kind == "integer":
            self.least, self.most = min(self.least, value), max(self.most, value)
        elif kind == "string":
            self.only_odd_texts = self.only_odd_texts and value in ODD_NUMBERS
        elif kind == "object":
            for name, each in value.items():
                self.fields.setdefault(name, _Seen()).add(each)
        elif kind == "array":
            self.elements = self.elements or _Seen()
            for each in value:
                self.elements.add(each)

    def type(self, *, is_nested: bool = False) -> pa.DataType | None:
        """Return the type that all of them have, or None if there is none but text."""
        if self.kinds == {"number", "string"} and self.only_odd_texts and not is_nested:
            return pa.float64()
        if self.kinds == {"integer", "number"}:
            return pa.float64()
        if len(self.kinds) != 1:
            return None if self.kinds else pa.string()
        (kind,) = self.kinds
        if kind == "integer":
            return self._integers()
        if kind == "array":
            assert self.elements is not None, "an array was added"
            inner = self.elements.type(is_nested=True)
            return None if inner is None else pa.list_(inner)
        if kind == "object":
            return self._struct()
        return NAMED.get(kind)

    def _integers(self) -> pa.DataType | None:
        if self.least in _INT64 and self.most in _INT64:
            return pa.int64()
        if self.least in _UINT64 and self.most in _UINT64:
            return pa.uint64()
        if max(-self.least, self.most) < 10**_MOST_DIGITS:
            return pa.decimal128(_MOST_DIGITS, 0)
        return None

    def _struct(self) -> pa.DataType | None:
        fields = {name: each.type(is_nested=True) for name, each in self.fields.items()}
        if not fields or None in fields.values():
            return None
        return pa.struct(list(fields.items()))


_KINDS = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    dict: "object",
    list: "array",
}


def columns_of(
    lines: Iterable[bytes],
    named: Sequence[str] | None = None,
    expected: Mapping[str, pa.DataType | None] | None = None,
    pinned: Mapping[str, pa.DataType] | None = None,
) -> Columns:
    """Return the columns of records.

    Args:
        lines: some records, one JSON text in each; what is no object is passed over.
        named: the only columns, in their order; None for those of the records.
        expected: types of columns that each record has, but may not show; None for what is not
            known. One that is none of NAMED is that of the values, if text can be read as such.
        pinned: types that are right whatever the records have.

    >>> columns_of([b'{"id": 1, "x": 1.5}', b'{"id": 18446744073709551615, "x": 2}']).types
    {'id': DataType(uint64), 'x': DataType(double)}
    """
    expected, pinned = expected or {}, pinned or {}
    seen = {name: _Seen() for name in (expected if named is None else named)}
    for line in lines:
        record = value_of(line)
        if not isinstance(record, dict):
            continue
        for name, value in record.items():
            if name in seen or named is None:
                seen.setdefault(name, _Seen()).add(value)
    columns, texts = Columns(), set()
    for name, each in seen.items():
        type = pinned.get(name) or _with(expected.get(name), each)
        if type is None or (name in pinned and type == pa.string()):
            texts.add(name)
        columns.types[name] = type or pa.string()
    columns.texts = frozenset(texts)
    return columns


def _with(expected: pa.DataType | None, seen: _Seen) -> pa.DataType | None:
    """Return the type of a column, of which one is expected."""
    if expected is not None and expected not in NAMED.values() and is_readable(expected):
        return expected
    if not seen.kinds:
        return expected if expected in NAMED.values() else pa.string()
    type = seen.type()
    if expected is None or type == expected:
        return type
    if expected == pa.float64() and type == pa.int64():
        return expected
    return type
