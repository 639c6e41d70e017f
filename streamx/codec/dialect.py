"""Dialect: how a table is written, found out from its first bytes.

Every pair of a delimiter and a quote is tried with the record grammar itself. That one is found
under which most records have as many cells and most cells look like something, which is the data
consistency of van den Burg, Nazábal and Sutton, Wrangling messy CSV files by detecting row and type
patterns (2019), with weights of our own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from streamx.codec.cell_kinds import DATA, CellKind, kind_of
from streamx.codec.layout import CsvFormat
from streamx.codec.naming import names_columns, votes_for_names
from streamx.codec.reference.csv_records import csv_scanner

# In the order in which they are preferred where nothing else decides.
DELIMITERS = (b",", b"\t", b";", b"|", b":", b"^", b"~", b" ")
QUOTES = (b'"', b"'")
# For records as they are, of one cell: no text holds this.
_NONE = (b"\x1f",)
_MOST_RECORDS = 1_000
_MOST_CELLS = 2_000
_MOST_PREAMBLE_RECORDS = 20
# What a table of one column is worth, one of several that spaces tell apart, and if these may as
# well be words.
_ONE_COLUMN = 0.3
_BY_SPACES = 0.7
_BY_SPACES_OF_TEXT = 0.4


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a table is written.

    Attributes:
        delimiter, quote: one byte each.
        has_header: the first record names the columns.
        skip_lines: how many lines come before it.
    """

    delimiter: bytes = b","
    quote: bytes = b'"'
    has_header: bool = True
    skip_lines: int = 0


def sniff(
    sample: bytes, delimiters: Sequence[bytes] = DELIMITERS, quotes: Sequence[bytes] = QUOTES
) -> Dialect:
    r"""Return the dialect in which a table is most likely written.

    Args:
        sample: the first lines of the table, whole ones, in UTF-8.
        delimiters, quotes: what they may be; the first ones where nothing decides.

    >>> sniff(b"Sales\nday;total\n2024-03-01;1,50\n2024-03-02;2,75\n")
    Dialect(delimiter=b';', quote=b'"', has_header=True, skip_lines=1)
    """
    is_named = len(set(delimiters)) == 1
    attempts = [
        _Attempt(sample, CsvFormat(delimiter, quote))
        for delimiter in (*_present(delimiters, sample), *(() if is_named else _NONE))
        for quote in _present(quotes, sample)
        if delimiter != quote
    ]
    best = _best(attempts)
    delimiter = delimiters[0] if best.format.delimiter in _NONE else best.format.delimiter
    return Dialect(delimiter, best.format.quote, best.has_header(), best.skip_lines(sample))


def _present(candidates: Sequence[bytes], sample: bytes) -> Iterator[bytes]:
    """Yield the first candidate, and those of the others that the sample has."""
    first = candidates[0]
    yield first
    yield from (each for each in candidates[1:] if each != first and each in sample)


def _best(attempts: Sequence[_Attempt]) -> _Attempt:
    """Return the likeliest attempt, the first of equals, without a look at cells in vain."""
    most_promising = sorted(attempts, key=lambda attempt: -attempt.promise)
    best, best_score = most_promising[0], -1.0
    for attempt in most_promising:
        if attempt.promise <= best_score:
            break
        score = attempt.score()
        if score > best_score:
            best, best_score = attempt, score
    return best


class _Attempt:
    """The records of a sample, as one format has them."""

    def __init__(self, sample: bytes, format: CsvFormat) -> None:
        self.format = format
        self._scanner = csv_scanner(format)
        self._starts = [*islice(self._scanner.starts(sample), _MOST_RECORDS + 1), len(sample)]
        pairs = zip(self._starts[:_MOST_RECORDS], self._starts[1:], strict=False)
        records = [self._cells(sample[start:end]) for start, end in pairs]
        self._width = _usual_width(records)
        self._first = self._start_of_table(records)
        self._table = [each for each in records[self._first :] if len(each) == self._width]
        self._consistency = len(self._table) / max(len(records) - self._first, 1)

    def _cells(self, record: bytes) -> list[bytes]:
        """Return the cells of a record, none of a bad one."""
        return self._scanner.cells(record.removesuffix(b"\n").removesuffix(b"\r")) or []

    def _start_of_table(self, records: list[list[bytes]]) -> int:
        """Return the index of the first record that is no preamble.

        That is the first one as wide as most, or behind some that are not, one that names columns
        where what came before them did not hold any data.
        """
        body = [each for each in records[len(records) // 2 :] if len(each) == self._width]
        leading = records[: _MOST_PREAMBLE_RECORDS + 1]
        has_remarks = any(map(_is_remark, body))
        is_apart = [
            len(each) != self._width or (_is_remark(each) and not has_remarks) for each in leading
        ]
        wide = [at for at, each in enumerate(leading) if len(each) == self._width]
        start = wide[0] if wide else 0
        for later in wide[1:]:
            if is_apart[later] or not is_apart[later - 1]:
                continue
            above = [records[at] for at in wide if start <= at < later]
            if not all(votes_for_names(each, body) > 0 for each in (*above, records[later])):
                break
            start = later
        return start

    @property
    def promise(self) -> float:
        """How likely the numbers of cells make it that the sample is written in this format."""
        promise: float = self._consistency**2 * 0.98**self._first
        if self._width == 1:
            return promise * _ONE_COLUMN
        promise *= 1 - 0.3 / self._width
        return promise * _BY_SPACES if self.format.delimiter == b" " else promise

    def score(self) -> float:
        """Return how likely that is, now that the cells have been looked at; at most `promise`."""
        cells = [
            cell for record in self._table[: _MOST_CELLS // self._width + 1] for cell in record
        ]
        known = sum(map(self._is_known, cells)) / max(len(cells), 1)
        score = self.promise * known**2
        if self.format.delimiter == b" " and not any(map(self._is_certain, cells)):
            score *= _BY_SPACES_OF_TEXT
        return score

    def _is_certain(self, cell: bytes) -> bool:
        return cell.startswith(self.format.quote) or kind_of(cell) in DATA

    def _is_known(self, cell: bytes) -> bool:
        return cell.startswith(self.format.quote) or kind_of(cell) is not CellKind.OTHER

    def has_header(self) -> bool:
        """Tell whether the first record of the table names the columns."""
        value = self._scanner.value
        most = _MOST_CELLS // self._width + 2
        records = [[value(cell) for cell in cells] for cells in self._table[:most]]
        return not records or names_columns(records)

    def skip_lines(self, sample: bytes) -> int:
        """Return how many lines come before the table; blank ones alone are no preamble."""
        return sample.count(b"\n", 0, self._starts[self._first]) if self._first else 0


def _is_remark(cells: Sequence[bytes]) -> bool:
    """Tell whether a space follows a delimiter, as in a sentence, or a # comes first."""
    return cells[0].startswith(b"#") or any(cell.startswith(b" ") for cell in cells[1:])


def _usual_width(records: Sequence[Sequence[bytes]]) -> int:
    """Return how many cells most records have, in the second half first: no preamble reaches there.

    The larger number, where that is undecided.
    """
    whole, half = (
        Counter(map(len, filter(None, each))) for each in (records, records[len(records) // 2 :])
    )
    return max(half, key=lambda width: (half[width], whole[width], width), default=1)
