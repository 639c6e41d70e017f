"""RecordSkip: finds the end of a record that is too long to be held."""

from __future__ import annotations

from streamx.codec.layout import Format
from streamx.codec.reference.slices import scanner_of

_STEP_BYTES = 64 * 1024


class RecordSkip:
    """Looks for the end of one record in block after block, and keeps no more than a few bytes.

    Args:
        format: of the record.

    >>> from streamx.codec.layout import CsvFormat
    >>> skip = RecordSkip(CsvFormat())
    >>> skip.end_in(b'1,"a long'), skip.end_in(b'\\ncell",2\\n3,4\\n')
    (None, 9)
    """

    def __init__(self, format: Format) -> None:
        self._scanner = scanner_of(format)
        self._open_end = b""

    def end_in(self, block: bytes | memoryview) -> int | None:
        """Return where the record ends in the next block, past its line feed, if it does there."""
        for start in range(0, len(block), _STEP_BYTES):
            before = len(self._open_end)
            data = self._open_end + block[start : start + _STEP_BYTES]
            end = self._scanner.first_boundary(data)
            if end is not None:
                return start + end - before
            self._open_end = self._scanner.open_end(data)
        return None
