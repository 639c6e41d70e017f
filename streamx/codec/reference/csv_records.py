"""What a CSV record is: finds records in bytes, and cells in records.

The grammar is RFC 4180's, with LF beside CRLF. A quote opens a cell only at the cell's start and
is literal elsewhere in an unquoted cell. After a closing quote only a delimiter, the record's end
or a doubled quote may follow. Text found there makes the record a bad one; where the record ends
stays defined all the same, as if that text were unquoted. So any input can be cut into records.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from functools import lru_cache

from streamx.codec.layout import Bad, CsvFormat, excerpt
from streamx.codec.patterns import ANY
from streamx.codec.states import State

_STEP_BYTES = 32 * 1024


class CsvScanner:
    """The record grammar of one delimiter and quote, over bytes that start at a record."""

    def __init__(self, format: CsvFormat) -> None:
        self.format = format
        self.delimiter = format.delimiter
        self.quote = format.quote
        delimiter, quote = re.escape(format.delimiter), re.escape(format.quote)
        quoted = rb"%b[^%b]*+(?:%b%b[^%b]*+)%b%b(?!%b)" % (*(quote,) * 5, ANY, quote, quote)
        # `cell` also matches a bad one, so that records can be told apart; `strict` does not.
        cell = rb"(?:%b[^%b\n]*+|(?!%b)[^%b\n]*+)" % (quoted, delimiter, quote, delimiter)
        strict = rb"(%b|(?!%b)[^%b]*+)%b" % (quoted, quote, delimiter, delimiter)
        cells = rb"(?:%b%b)%b" % (cell, delimiter, ANY)
        record = cells + cell
        self._record = re.compile(rb"(%b)\n" % record)
        self._records = re.compile(rb"(?:%b\n)%b" % (record, ANY))
        self._cell = re.compile(cell)
        self._quoted = re.compile(quoted)
        self._whole_cells = re.compile(cells)
        self._strict_cells = re.compile(strict)

    def last_boundary(self, data: bytes, start: int = 0, end: int | None = None) -> int:
        """Return the end of the last record in data[start:end] that ends with a line feed.

        `start` must be a record's start; it is returned where no record ends.
        """
        end = len(data) if end is None else end
        if data.find(self.quote, start, end) < 0:
            return max(data.rfind(b"\n", start, end) + 1, start)
        # In steps, since a plain repeat remembers each round of its match.
        step_bytes = _STEP_BYTES
        while start < end:
            stop = min(start + step_bytes, end)
            match = self._records.match(data, start, stop)
            if match is not None and match.end() > start:
                start, step_bytes = match.end(), _STEP_BYTES
            elif stop == end:
                break
            else:
                step_bytes *= 2
        return start

    def next_boundary(self, data: bytes, start: int) -> int:
        """Return the end of the record that starts at `start`: past its line feed, or the end."""
        match = self._record.match(data, start)
        return len(data) if match is None else match.end()

    def first_boundary(self, data: bytes) -> int | None:
        """Return the end of the first record, past its line feed, or None if it does not end."""
        match = self._record.match(data)
        return None if match is None else match.end()

    def open_end(self, data: bytes) -> bytes:
        """Return the few bytes that matter to what follows a record that does not end in data.

        >>> CsvScanner(CsvFormat()).open_end(b'1,2,"three')
        b'"'
        """
        cells = self._whole_cells.match(data)
        rest = data[0 if cells is None else cells.end() :]
        if rest[:1] != self.quote:
            return rest[:1]
        if self._cell.match(rest) is None:
            return self.quote
        is_closed = self._quoted.fullmatch(rest) is not None
        return self.quote * 2 + (b"" if is_closed else b"\0")

    def state_behind(self, record: bytes) -> State:
        """Return the state behind the first bytes of a record, one at least, that do not end it.

        >>> CsvScanner(CsvFormat()).state_behind(b'1,2,"three')
        <State.IN_QUOTES: 3>
        """
        cells = self._whole_cells.match(record)
        rest = record[0 if cells is None else cells.end() :]
        if not rest:
            return State.AT_CELL
        if rest[:1] != self.quote:
            return State.IN_CELL
        if self._cell.match(rest) is None:
            return State.IN_QUOTES
        return State.AFTER_QUOTE if self._quoted.fullmatch(rest) else State.IN_CELL

    def records(self, data: bytes) -> list[bytes]:
        """Return the records of data that starts at a record, without line ends, blank ones too."""
        if self.quote not in data:
            records = data.split(b"\n")
            tail = records.pop()
        else:
            boundary = self.last_boundary(data)
            records = self._record.findall(data, 0, boundary)
            tail = data[boundary:]
        if b"\r\n" in data:
            records = [record[:-1] if record[-1:] == b"\r" else record for record in records]
        if tail:
            records.append(tail)
        return records

    def starts(self, data: bytes) -> Iterator[int]:
        """Yield the position of each record that is not blank; slow, for messages."""
        position = 0
        while position < len(data):
            end = self.next_boundary(data, position)
            if data[position:end] not in (b"\n", b"\r\n"):
                yield position
            position = end

    def cells(self, record: bytes) -> list[bytes] | None:
        """Return a record's cells as they stand, quotes included, or None for a bad record."""
        if self.quote not in record:
            return record.split(self.delimiter)
        cells: list[bytes] = self._strict_cells.findall(record + self.delimiter)
        return cells if self.delimiter.join(cells) == record else None

    def texts(self, data: bytes) -> list[list[str]] | None:
        """Return the texts of the cells of valid records, blank ones empty, by the csv module.

        None means that it cannot judge them: it takes a lone carriage return for a line end,
        limits the length of a cell, and says less about what is wrong.
        """
        if b"\r" in data:
            return None
        lines = io.StringIO(data.decode(), newline="\n")
        delimiter, quote = self.delimiter.decode(), self.quote.decode()
        try:
            return list(csv.reader(lines, delimiter=delimiter, quotechar=quote, strict=True))
        except csv.Error:
            return None

    def value(self, cell: bytes) -> bytes:
        """Return the text of a cell, without the quotes around it and their doubling.

        >>> CsvScanner(CsvFormat()).value(b'"5"" pipe"')
        b'5" pipe'
        """
        if cell[:1] != self.quote:
            return cell
        return cell[1:-1].replace(self.quote * 2, self.quote)

    def unclosed_quote(self, record: bytes, position: int, max_record_bytes: int) -> Bad | None:
        """Say that a quoted cell of a record is open at its end, or None if none is."""
        cells = self._whole_cells.match(record)
        start = 0 if cells is None else cells.end()
        if record[start : start + 1] != self.quote or self._cell.match(record, start):
            return None
        return Bad(
            position + start,
            f"a quoted cell that opens here and is never closed: {excerpt(record[start:])}",
            f"a closing {self.quote.decode()} within {max_record_bytes} bytes "
            "(--max-record-bytes), or another quote character (--quote)",
            kind="unclosed quote",
        )

    def diagnose(self, record: bytes, position: int, max_record_bytes: int) -> Bad:
        """Say what is wrong with a record that `cells` refused; `position` is the record's."""
        return self.unclosed_quote(record, position, max_record_bytes) or Bad(
            position,
            f"text after a closing quote in {excerpt(record)}",
            "a delimiter or the record's end there, and quotes doubled inside a quoted cell; "
            "--quote and --delimiter name other characters",
            kind="text after a quote",
        )


@lru_cache(maxsize=16)
def csv_scanner(format: CsvFormat) -> CsvScanner:
    """Return the scanner of a format, compiled once."""
    return CsvScanner(format)
