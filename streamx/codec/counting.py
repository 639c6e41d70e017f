"""Counts the records of a chunk that nobody is going to convert."""

from __future__ import annotations

import re

from streamx.codec.layout import CsvFormat, Format
from streamx.codec.reference.csv_records import csv_scanner

# How a line begins that may be blank, behind the line feed of the one before.
_BLANK_STARTS = (b"\n\n", b"\n\r", b"\n ", b"\n\t")
_CSV_BLANK = re.compile(rb"\n(?=\r?\n)")
_JSONL_BLANK = re.compile(rb"\n(?=[ \t\r]*\n|[ \t\r]+\Z)")


def count_records(data: bytes | memoryview, format: Format) -> int:
    r"""Return how many records there are, bad ones included and blank lines not.

    Args:
        data: whole records, of which the last may lack its line end.
        format: theirs.

    >>> count_records(b'1,"a\nb"\n\n2,c', CsvFormat())
    2
    """
    lines = b"\n" + bytes(data)
    blank = _JSONL_BLANK
    if isinstance(format, CsvFormat):
        if format.quote in lines:
            return sum(map(bool, csv_scanner(format).records(lines[1:])))
        blank = _CSV_BLANK
    count = lines.count(b"\n") - lines.endswith(b"\n")
    if any(start in lines for start in _BLANK_STARTS):
        count -= len(blank.findall(lines))
    return count
