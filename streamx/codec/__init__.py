"""Formats: what a record is, which type a column has, and how records become other records.

    last_boundary(data, format)       the end of the last whole record in a block
    convert(data, layout, limit)      whole records in, parts of output and a Tally out
    count_lines(data, end)            the line feeds before a position
    column_types(sample, ...)         the types that a sample makes of a CSV's columns

Bytes go in and bytes come out, a chunk at a time: that is the whole interface of a codec. There are
two, which give the same bytes: the native one where it could be built, and the reference. The
environment variable STREAMX_CODEC names the one to use.
"""

from __future__ import annotations

import os

from streamx.errors import UsageError

_wanted = os.environ.get("STREAMX_CODEC") or "any"
if _wanted not in ("any", "native", "reference"):
    raise UsageError(f"STREAMX_CODEC is {_wanted!r}; expected native or reference")

CODEC_NAME = "reference"
if _wanted != "reference":
    try:
        from streamx.codec._native import column_types, convert, count_lines, last_boundary

        CODEC_NAME = "native"
    except ImportError as error:
        if _wanted == "native":
            raise UsageError(
                f"STREAMX_CODEC is native, but the native codec cannot be used ({error}); "
                "install streamx again where there is a C compiler, or say reference"
            ) from error
if CODEC_NAME == "reference":
    from streamx.codec.reference import column_types, convert, count_lines, last_boundary

__all__ = ["CODEC_NAME", "column_types", "convert", "count_lines", "last_boundary"]
