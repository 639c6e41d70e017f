"""Formats: what a record is, which type a column has, and how records become other records.

    records(data, layout, limit)      whole records in, lazy dicts and a Tally out
    last_boundary(data, format)       the end of the last whole record in a block
    convert(data, layout, limit)      whole records in, parts of output and a Tally out
    count_lines(data, end)            the line feeds before a position
    record_start(data, format, n)     where record number n starts
    column_types(sample, ...)         the types that a sample makes of a CSV's columns
    keys_of(sample)                   the keys of a sample of JSONL
    traverse(data, format, state)     what data that starts anywhere does to the records' state
    sections_of(data, division)       output grouped by what its records hold in some columns

Bytes go in and bytes come out, a chunk at a time: that is the whole interface of a codec. There are
two, which give the same bytes: the native one where it could be built, and the reference. The
environment variable STREAMX_CODEC names the one to use.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from streamx.errors import UsageError

if TYPE_CHECKING:
    from streamx.codec.reference import (
        column_types,
        convert,
        count_lines,
        keys_of,
        last_boundary,
        record_start,
        records,
        sections_of,
        traverse,
        weight_of,
    )

__all__ = [
    "CODEC_NAME",
    "column_types",
    "convert",
    "count_lines",
    "keys_of",
    "last_boundary",
    "record_start",
    "records",
    "sections_of",
    "traverse",
    "weight_of",
]


def _choose() -> str:
    """Return the name of the codec to use."""
    wanted = os.environ.get("STREAMX_CODEC") or None
    if wanted not in (None, "native", "reference"):
        raise UsageError(f"STREAMX_CODEC is {wanted!r}; expected native or reference")
    if wanted == "reference":
        return wanted
    try:
        import_module("streamx.codec._native")
    except ImportError as error:
        if wanted == "native":
            raise UsageError(
                f"STREAMX_CODEC is native, but the native codec cannot be used ({error}); "
                "install streamx again where there is a C compiler, or say reference"
            ) from error
        return "reference"
    return "native"


CODEC_NAME = _choose()
_NATIVE = {
    **dict.fromkeys(("records", "weight_of"), "_native_records"),
    "sections_of": "_native_sections",
}


def __getattr__(name: str) -> Any:
    """Take the functions from the codec in use, which is asked for its name without them."""
    if name in __all__:
        module = "reference" if CODEC_NAME == "reference" else _NATIVE.get(name, "_native")
        return getattr(import_module(f"streamx.codec.{module}"), name)
    raise AttributeError(f"module 'streamx.codec' has no attribute {name!r}")
