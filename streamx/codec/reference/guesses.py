"""Guesses: what a lenient reader makes of CSV records that a strict one refuses.

Where records end for the grammar does not depend on guesses, so any input can be cut at any place;
what a quote that nobody closed has swallowed are several records where the grammar sees one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from streamx.codec.guess import Guess
from streamx.codec.layout import Bad, CsvFormat, excerpt
from streamx.codec.patterns import ANY
from streamx.codec.reference.csv_records import csv_scanner

# So much that a quote may have swallowed is looked at as records; each becomes many objects.
_MOST_SWALLOWED_BYTES = 64 * 1024


class Guessed(NamedTuple):
    """A record: where in its origin it starts, its cells as they should stand, and the guesses."""

    start: int
    cells: list[bytes]
    kinds: list[Guess]


class Guesser:
    """Guesses the cells of records.

    Args:
        format: theirs.
        width: how many cells a record should have.

    >>> [guessed] = Guesser(CsvFormat(), 2).records(b'"a"b,c,d')
    >>> guessed.cells, [str(kind) for kind in guessed.kinds]
    ([b'"ab"', b'"c,d"'], ['text after a quote', 'extra cells'])
    """

    def __init__(self, format: CsvFormat, width: int) -> None:
        self._scanner = csv_scanner(format)
        self._width = width
        self._delimiter, self._quote = format.delimiter, format.quote
        delimiter, quote = re.escape(format.delimiter), re.escape(format.quote)
        self._quoted = re.compile(
            rb"%b[^%b]*+(?:%b%b[^%b]*+)%b%b(?!%b)" % (*(quote,) * 5, ANY, quote, quote)
        )
        self._unquoted = re.compile(rb"[^%b]*+" % delimiter)

    def records(self, record: bytes) -> list[Guessed] | None:
        """Return what a record is: itself, or the lines of one in which a quote was not closed.

        Text behind a closing quote is joined to its cell. A quote that is not closed in its line is
        text, unless no line behind it could be a record: then the cell is as long as it says, and
        one that is open at the end of the input is closed there. Cells beyond the width are left
        out if they are empty, else they join the last one, as they stand. Bytes that are no UTF-8
        become U+FFFD.

        None means that too many lines are in question.
        """
        if record.endswith(b"\n"):  # at the end of the input, within a quote
            record = record[:-1].removesuffix(b"\r")
        cells = self._scanner.cells(record)
        if cells is not None:
            return [self._guessed(0, record, cells, [])]
        lines = list(_lines_of(record))
        if not any(self._could_be_record(line) for _, line in lines[1:]):
            return [self._taken_apart(0, record)]
        if len(record) > _MOST_SWALLOWED_BYTES:
            return None
        return [self._taken_apart(start, line) for start, line in lines if line]

    def refusal(self, record: bytes, position: int) -> Bad:
        """Say why nothing is guessed of a record that starts at a position."""
        quote = self._quote.decode()
        return Bad(
            position,
            f"a quote that takes in lines which could be records: {excerpt(record)}",
            f"a closing {quote} within {_MOST_SWALLOWED_BYTES} bytes, as far as --lenient guesses, "
            "or another quote character (--quote)",
            kind=Guess.UNCLOSED_QUOTE,
        )

    def _could_be_record(self, line: bytes) -> bool:
        cells = self._scanner.cells(line) or line.split(self._delimiter)
        return bool(line) and len(cells) == self._width

    def _taken_apart(self, start: int, record: bytes) -> Guessed:
        """Return the cells of a record, or of a line, that may break the grammar."""
        kinds: list[Guess] = []
        return self._guessed(start, record, list(self._cells(record, kinds)), kinds)

    def _cells(self, record: bytes, kinds: list[Guess]) -> Iterator[bytes]:
        position = 0
        while position <= len(record):
            start = position
            quoted = self._quoted.match(record, start)
            is_open = quoted is None and record.startswith(self._quote, start)
            if is_open:
                kinds.append(Guess.UNCLOSED_QUOTE)
            if is_open and b"\n" in record[start:]:
                text = record[start + 1 :].replace(self._quote * 2, self._quote)
                yield self._cell(text)
                return
            rest = self._unquoted.match(record, start if quoted is None else quoted.end())
            assert rest is not None, "it matches nothing, too"
            position = rest.end() + 1
            if quoted is not None and rest[0]:
                kinds.append(Guess.TEXT_AFTER_QUOTE)
                yield self._cell(self._scanner.value(quoted[0]) + rest[0])
            else:
                yield self._cell(rest[0]) if is_open else record[start : rest.end()]

    def _guessed(
        self, start: int, record: bytes, cells: list[bytes], kinds: list[Guess]
    ) -> Guessed:
        """Return cells as many as there should be, in UTF-8."""
        if len(cells) > self._width:
            kinds.append(Guess.EXTRA_CELLS)
            cells = self._joined(cells)
        try:
            record.decode()
        except UnicodeDecodeError:
            kinds.append(Guess.NOT_UTF8)
            cells = [cell.decode(errors="replace").encode() for cell in cells]
        return Guessed(start, cells, kinds)

    def _joined(self, cells: list[bytes]) -> list[bytes]:
        """Return as many cells as there should be, of more."""
        while len(cells) > self._width and cells[-1] in (b"", self._quote * 2):
            cells.pop()
        if len(cells) == self._width:
            return cells
        last = self._width - 1
        return [*cells[:last], self._cell(self._delimiter.join(cells[last:]))]

    def _cell(self, text: bytes) -> bytes:
        """Return a text as a cell in quotes."""
        return self._quote + text.replace(self._quote, self._quote * 2) + self._quote


def _lines_of(record: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a record, and where in it each starts."""
    start = 0
    for line in record.split(b"\n"):
        yield start, line.removesuffix(b"\r")
        start += len(line) + 1


@lru_cache(maxsize=16)
def guesser_of(format: CsvFormat, width: int) -> Guesser:
    """Return the guesser of a format and a number of cells, compiled once."""
    return Guesser(format, width)


def record_within(origin: bytes, position: int, format: CsvFormat, width: int) -> tuple[int, int]:
    """Return the bounds of the record at a position of what the grammar takes for one.

    That may be one of several lines; the end is behind the line feed, if there is one.
    """
    records = guesser_of(format, width).records(origin.removesuffix(b"\n").removesuffix(b"\r"))
    if records is None or len(records) == 1:
        return 0, len(origin)
    start = max(record.start for record in records if record.start <= max(position, 0))
    feed = origin.find(b"\n", start)
    return start, len(origin) if feed < 0 else feed + 1
