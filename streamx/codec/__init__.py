"""Formats: what a record is, which type a column has, and how records become other records.

    last_boundary(data, format)       the end of the last whole record in a block
    convert(data, layout, limit)      whole records in, parts of output and a Tally out

Bytes go in and bytes come out, a chunk at a time: that is the whole interface of a codec.
"""

from streamx.codec.reference import convert, last_boundary

CODEC_NAME = "reference"

__all__ = ["CODEC_NAME", "convert", "last_boundary"]
