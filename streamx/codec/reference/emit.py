"""Writes columns of cells as JSONL lines and CSV records."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import chain, repeat

import orjson

from streamx.codec.layout import BYTE_ORDER_MARK, CsvFormat

# A byte that UTF-8 text seldom holds and that JSON leaves as it is: joined by it, a whole column
# is escaped in one call and split again.
_SEPARATOR = b"\x7f"
_NEEDS_ESCAPE = re.compile(rb'["\\\x00-\x1f]')
# What a spreadsheet takes for a formula, or for the begin of one. A number is none.
_FORMULA = re.compile(rb"[=@\t\r]|[+-](?!(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z)")


def json_strings(texts: Sequence[bytes]) -> list[bytes]:
    """Return valid UTF-8 texts as JSON strings.

    >>> json_strings([b"a", b'5" pipe'])
    [b'"a"', b'"5\\\\" pipe"']
    """
    joined = _SEPARATOR.join(texts)
    if joined.count(_SEPARATOR) != len(texts) - 1:
        return [json_string(text) for text in texts]
    if _NEEDS_ESCAPE.search(joined):
        joined = json_string(joined)[1:-1]
    return (b'"%b"' % joined.replace(_SEPARATOR, b'"\x7f"')).split(_SEPARATOR)


def json_string(text: bytes) -> bytes:
    """Return one valid UTF-8 text as a JSON string."""
    return orjson.dumps(text.decode())


def json_lines(names: Sequence[str], columns: Sequence[Sequence[bytes]]) -> bytes:
    """Return one JSON object a line, from columns of JSON values.

    >>> json_lines(["a", "b"], [[b"1", b"2"], [b"null", b"true"]])
    b'{"a":1,"b":null}\\n{"a":2,"b":true}\\n'
    """
    woven: list[Iterable[bytes]] = []
    for index, (name, values) in enumerate(zip(names, columns, strict=True)):
        prefix = b"{" if index == 0 else b","
        woven += [repeat(prefix + json_string(name.encode()) + b":"), values]
    woven.append(repeat(b"}\n"))
    return b"".join(chain.from_iterable(zip(*woven, strict=False)))


class CsvWriter:
    """Writes cells in one format, with quotes only where a reader needs them."""

    def __init__(self, format: CsvFormat) -> None:
        self._delimiter = format.delimiter
        self._quote = format.quote
        self._line_end = format.line_end
        self._escapes_formulas = format.escapes_formulas
        special = re.escape(format.delimiter + format.quote) + rb"\r\n"
        self._needs_quotes = re.compile(rb"[%b]|%b" % (special, BYTE_ORDER_MARK))

    def cells(self, texts: Sequence[bytes]) -> Sequence[bytes]:
        """Return texts as cells."""
        if self._escapes_formulas:
            texts = [_harmless(text) for text in texts]
        if not self._needs_quotes.search(b"\x00".join(texts)):
            return texts
        return [self._quoted(text) for text in texts]

    def cell(self, text: bytes) -> bytes:
        """Return one text as a cell.

        >>> CsvWriter(CsvFormat()).cell(b'5" pipe')
        b'"5"" pipe"'
        """
        return self._quoted(_harmless(text) if self._escapes_formulas else text)

    def _quoted(self, text: bytes) -> bytes:
        if not self._needs_quotes.search(text):
            return text
        return self._quote + text.replace(self._quote, self._quote * 2) + self._quote

    def safe_first(self, cell: bytes) -> bytes:
        """Quote a first cell as it stands if it would be taken for a byte order mark."""
        return self.cell(cell) if cell.startswith(BYTE_ORDER_MARK) else cell

    def records(self, columns: Sequence[Sequence[bytes]]) -> bytes:
        """Return records from columns of cells, a line end behind each.

        A lone empty cell is quoted, since a blank line is no record; so is a last cell that
        ends with a carriage return, which would be taken for a part of the line end.
        """
        last = columns[-1]
        if len(columns) == 1 and b"" in last:
            last = [cell or self._quote * 2 for cell in last]
        if b"\r" in b"\n".join(last):
            last = [self.cell(cell) if cell.endswith(b"\r") else cell for cell in last]
        records = zip(*columns[:-1], last, strict=True)
        return self._line_end.join(map(self._delimiter.join, records)) + self._line_end


def _harmless(text: bytes) -> bytes:
    """Return a text that no spreadsheet computes.

    >>> [_harmless(text) for text in (b"=1+1", b"-5", b"-5+1")]
    [b"'=1+1", b'-5', b"'-5+1"]
    """
    return b"'" + text if _FORMULA.match(text) else text
