"""Functions that make and compute numbers and truth values."""

from __future__ import annotations

import math
import re
from typing import Any

from streamx.transform.expressions.errors import Refused
from streamx.transform.expressions.function import function

# Python's own int() and float() also take 1_000, digits of other scripts and nan.
_INTEGER = re.compile(r"[ \t]*[-+]?[0-9]+[ \t]*")
_NUMBER = re.compile(r"[ \t]*[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?[ \t]*")
_TRUTHS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_LARGEST_PLACES = 400


def _int(value: Any) -> int:
    if isinstance(value, str):
        if _INTEGER.fullmatch(value) is None:
            raise Refused("a whole number in digits")
        if len(value) > 4_000:
            raise OverflowError
    return int(value)


def _float(value: Any) -> float:
    if isinstance(value, str) and _NUMBER.fullmatch(value) is None:
        raise Refused("a number in digits")
    return float(value)


def _bool(value: Any) -> bool:
    if isinstance(value, str):
        if value not in _TRUTHS:
            raise Refused("true or false (also True, TRUE, False, FALSE)")
        return _TRUTHS[value]
    return bool(value)


def _round(value: Any, places: int | None = None) -> Any:
    if places is not None and abs(places) > _LARGEST_PLACES:
        raise Refused(f"at most {_LARGEST_PLACES} places", 1)
    return round(value, places)


FUNCTIONS = {
    "int": function(_int, "n t b"),
    "float": function(_float, "n t b"),
    "bool": function(_bool, "n t b", gives_truth=True),
    "abs": function(abs, "n"),
    "min": function(min, "nn tt"),
    "max": function(max, "nn tt"),
    "round": function(_round, "n ni"),
    "floor": function(math.floor, "n"),
    "ceil": function(math.ceil, "n"),
    "sqrt": function(math.sqrt, "n"),
    "exp": function(math.exp, "n"),
    "log": function(math.log, "n nn"),
    "log2": function(math.log2, "n"),
    "log10": function(math.log10, "n"),
    "sin": function(math.sin, "n"),
    "cos": function(math.cos, "n"),
    "tan": function(math.tan, "n"),
    "asin": function(math.asin, "n"),
    "acos": function(math.acos, "n"),
    "atan": function(math.atan, "n"),
    "atan2": function(math.atan2, "nn"),
    "degrees": function(math.degrees, "n"),
    "radians": function(math.radians, "n"),
}
