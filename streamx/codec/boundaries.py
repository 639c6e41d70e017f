"""Where one record begins and ends, for those who go on behind a bad one."""

from __future__ import annotations

from streamx.codec import last_boundary
from streamx.codec.layout import CsvFormat, Format
from streamx.codec.reference.slices import scanner_of

# Most records are shorter, and a longer one is looked for in twice as much each time.
_FIRST_BYTES = 1024


def record_around(data: memoryview, start: int, position: int, format: Format) -> tuple[int, int]:
    """Return the bounds of the record at a position; the end is behind its line feed.

    Args:
        data: whole records.
        start: where one of them starts, that one or one before it.
        position: of any of its bytes.

    >>> from streamx.codec.layout import CsvFormat
    >>> record_around(memoryview(b'1,2\\n"a\\nb",3\\n4,5\\n'), 0, 9, CsvFormat())
    (4, 12)
    """
    if position > start:
        start += last_boundary(data[start:position], format)
    return start, record_end(data, start, format)


def record_end(data: memoryview, start: int, format: Format) -> int:
    """Return the end of the record that starts at `start`: past its line feed, or the data's."""
    scanner = scanner_of(format)
    size_bytes = _FIRST_BYTES
    while True:
        piece = bytes(data[start : start + size_bytes])
        end = scanner.next_boundary(piece, 0)
        if end < len(piece) or len(piece) < size_bytes:
            return start + end
        size_bytes *= 2


def ends_whole(record: bytes, format: Format) -> bool:
    r"""Tell whether nothing behind a line feed is part of the record too: no quote is left open.

    >>> from streamx.codec.layout import CsvFormat
    >>> ends_whole(b'1,"a"\n', CsvFormat()), ends_whole(b'1,"a\n', CsvFormat())
    (True, False)
    """
    if not isinstance(format, CsvFormat) or format.quote not in record:
        return True
    line = record if record.endswith(b"\n") else record + b"\n"
    return last_boundary(line, format) == len(line)


def records_of(data: memoryview, start: int, size_bytes: int, format: Format) -> int:
    """Return the end of the whole records in about so many bytes, of at least one record."""
    if start + size_bytes >= len(data):
        return len(data)
    end = start + last_boundary(data[start : start + size_bytes], format)
    return end if end > start else record_end(data, start, format)
