"""Opening: functions add columns to a CSV header, which the first results decide."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from streamx.codec import weight_of
from streamx.codec.layout import CsvFormat
from streamx.codec.reference.emit import CsvWriter
from streamx.transform.results import CallError, Item

# The first chunk holds so many records, whatever the size of the others, so that the header is the
# same for all sizes; and so many of the results that they give decide it, or fewer that hold more
# than so many bytes.
OPENING_RECORDS = 1_000
OPENING_RESULTS = 1_000
_MOST_BYTES = 8 * 1024 * 1024


# Half of a pair, which UTF-8 has no bytes for.
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class OpenHeader:
    """A CSV header that may get further columns.

    Attributes:
        format: of the output.
        text: the header so far; a table without a header may get further columns as well.
        is_written: there is one.
        mark: what stands before it.
    """

    format: CsvFormat
    text: bytes
    is_written: bool = True
    mark: bytes = b""

    def with_columns(self, names: Sequence[str]) -> bytes:
        r"""Return the whole header.

        >>> OpenHeader(CsvFormat(), b"a,b\n").with_columns(["c", "d,e"])
        b'a,b,c,"d,e"\n'
        """
        if not self.is_written or not names:
            return self.mark + self.text
        writer = CsvWriter(self.format)
        added = writer.records([[writer.cell(name.encode())] for name in names])
        if not self.text:
            return self.mark + added
        known = self.text.removesuffix(self.format.line_end)
        return self.mark + known + self.format.delimiter + added


class Deciding:
    """Counts the results that decide a header."""

    def __init__(self) -> None:
        self._results = 0
        self._size_bytes = 0

    @property
    def is_enough(self) -> bool:
        """Tell whether all have been taken."""
        return self._results >= OPENING_RESULTS or self._size_bytes >= _MOST_BYTES

    def take(self, results: Iterable[Item]) -> None:
        """Count further results."""
        for result, _ in results:
            self._results += 1
            self._size_bytes += weight_of(result)


class Beginning:
    """The first groups of results, and a failure that came before there were enough.

    Args:
        groups: all groups; as many are taken as decide the columns.
    """

    def __init__(self, groups: Iterator[list[Item]]) -> None:
        self._rest = groups
        self._first: list[list[Item]] = []
        self._failure: CallError | None = None
        deciding = Deciding()
        try:
            while not deciding.is_enough:
                self._first.append(next(groups))
                deciding.take(self._first[-1])
        except StopIteration:
            pass
        except CallError as error:
            self._failure = error

    def new_names(self, known: Sequence[str]) -> tuple[str, ...]:
        """Return the keys that are no columns yet."""
        return new_names(chain.from_iterable(self._first), known)

    def __iter__(self) -> Iterator[list[Item]]:
        """Yield all groups."""
        yield from self._first
        if self._failure is not None:
            raise self._failure
        yield from self._rest


def new_names(results: Iterable[Item], known: Sequence[str]) -> tuple[str, ...]:
    """Return the keys of the results that decide the header which are no columns yet, in order."""
    names = dict.fromkeys(known)
    deciding = Deciding()
    for item in results:
        if deciding.is_enough:
            break
        deciding.take((item,))
        names.update(dict.fromkeys(filter(_is_name, item[0])))
    return tuple(map(str.__str__, tuple(names)[len(known) :]))


def _is_name(key: object) -> bool:
    """Tell whether a key can stand in a header; another is an error of the record that has it."""
    return isinstance(key, str) and not _SURROGATE.search(key)
