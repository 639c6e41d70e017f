"""Sections: output on its way to many files, with what says which of them it is for.

A section holds records of one file behind a frame, so that sections can stand one behind the other
in any bytes that cross a run:

    length of the label   4 bytes
    number of records     4 bytes; 0 if the section holds the header of all files
    length of the data    8 bytes
    label, data

A label is the values of the columns by which the output is divided, as texts. Between two of them,
and in the place of one that a record has no column for, stands a byte that no UTF-8 has.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from streamx.codec.layout import Format

SEPARATOR = b"\xff"
MISSING = b"\xfe"
_FRAME = struct.Struct("=IIQ")


@dataclass(frozen=True)
class Division:
    """What an output is divided by.

    Attributes:
        format: of the output.
        by: the columns whose values tell sections apart; without any, all are one.
        columns: of a CSV output, all of them in order.
    """

    format: Format
    by: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    @cached_property
    def indexes(self) -> tuple[int, ...]:
        """Which cells of a CSV record hold the values."""
        return tuple(map(self.columns.index, self.by))


# A label, the number of records, and the records, each with its line end.
Section = tuple[bytes, int, bytes]


def section(label: bytes, records: int, data: bytes | memoryview) -> bytes:
    """Return a section in its frame."""
    return b"".join((_FRAME.pack(len(label), records, len(data)), label, data))


def header_section(header: bytes) -> bytes:
    """Return the section of a header; of none, nothing."""
    return section(b"", 0, header) if header else b""


class SectionReader:
    """Takes sections out of bytes that were cut anywhere.

    >>> reader = SectionReader()
    >>> framed = section(b"UA", 1, b"UA,1\\n")
    >>> list(reader.take(framed[:9])), list(reader.take(framed[9:]))
    ([], [(b'UA', 1, b'UA,1\\n')])
    """

    def __init__(self) -> None:
        self._rest = b""

    def take(self, part: bytes | memoryview) -> Iterator[Section]:
        """Yield the sections that are whole with a part."""
        data = self._rest + part if self._rest else bytes(part)
        start = 0
        while len(data) - start >= _FRAME.size:
            label_bytes, records, data_bytes = _FRAME.unpack_from(data, start)
            label_start = start + _FRAME.size
            data_start = label_start + label_bytes
            end = data_start + data_bytes
            if end > len(data):
                break
            # Copies, since for few bytes a view takes longer.
            yield data[label_start:data_start], records, data[data_start:end]
            start = end
        self._rest = data[start:]
