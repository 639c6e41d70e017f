"""Follows the records through data that may start anywhere, given the state before it."""

from __future__ import annotations

from streamx.codec.counting import count_records
from streamx.codec.layout import CsvFormat, Format
from streamx.codec.reference.csv_records import CsvScanner
from streamx.codec.reference.slices import scanner_of
from streamx.codec.states import State, Traversal

_BLANK = b" \t\r"


def traverse(data: bytes | memoryview, format: Format, state: State) -> Traversal:
    r"""Return what the data does to the state of the records.

    Args:
        data: any bytes of a file, cut out at any place.
        format: the file's.
        state: of the records before these bytes.

    >>> traverse(b'b"\n1,2\n3', CsvFormat(), State.IN_QUOTES)
    Traversal(state=<State.IN_CELL: 2>, first_start=3, records=2, records_before=1)
    >>> traverse(b'b"\n1,2\n3', CsvFormat(), State.IN_CELL).first_start
    3
    >>> traverse(b'"\n,"', CsvFormat(), State.AT_CELL)
    Traversal(state=<State.AFTER_QUOTE: 4>, first_start=None, records=0, records_before=0)
    """
    data = bytes(data)
    scanner = scanner_of(format)
    # What stands for the state is the shortest text that leads to it.
    opening = _openings(format)[state]
    start = 0
    before = 0
    if opening:
        text = opening + data
        end = scanner.first_boundary(text)
        if end is None:
            return Traversal(_state_behind(text, format), None, 0, 0)
        before = count_records(text[:end], format)
        start = end - len(opening)
    boundary = scanner.last_boundary(data, start)
    return Traversal(
        _state_behind(data[boundary:], format),
        start if start < len(data) else None,
        before + count_records(data[start:boundary], format),
        before,
    )


def _openings(format: Format) -> dict[State, bytes]:
    common = {State.AT_RECORD: b"", State.AT_BLANK: b"\r", State.IN_CELL: b"\0"}
    if not isinstance(format, CsvFormat):
        return common
    return common | {
        State.AT_CELL: format.delimiter,
        State.IN_QUOTES: format.quote,
        State.AFTER_QUOTE: format.quote * 2,
    }


def _state_behind(record: bytes, format: Format) -> State:
    """Return the state behind the first bytes of a record that do not end it."""
    if not record:
        return State.AT_RECORD
    if isinstance(format, CsvFormat):
        scanner = scanner_of(format)
        assert isinstance(scanner, CsvScanner)
        return State.AT_BLANK if record == b"\r" else scanner.state_behind(record)
    return State.IN_CELL if record.strip(_BLANK) else State.AT_BLANK
