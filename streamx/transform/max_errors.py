"""MaxErrors: how many bad records a run goes on with, judged in the order of the input."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from streamx.chunk import ChunkResult, Place
from streamx.errors import UsageError

# Before so many records have been read, a share of them says nothing.
_LEAST_RECORDS = 1000
_VALUE = re.compile(r"([0-9]+)|([0-9]+)(?:\.([0-9]+))?%")


@dataclass(frozen=True, slots=True)
class MaxErrors:
    """The most bad records that a run bears: a number, or a share of those read.

    Attributes:
        text: as the user wrote it, for messages.
        records: the number, or None.
        share: the share as numerator and denominator, or None.
    """

    text: str
    records: int | None = None
    share: tuple[int, int] | None = None

    @classmethod
    def of(cls, value: int | str) -> MaxErrors:
        """Read a number such as 100, or a share such as "0.5%".

        Raises:
            UsageError: it is neither.

        >>> MaxErrors.of("5%").share
        (5, 100)
        """
        text = str(value)
        match = _VALUE.fullmatch(text)
        wrong = UsageError(f"--max-errors {text} cannot work; write a number, or a share as 5%")
        if match is None:
            raise wrong
        if match[1]:
            return cls(text, records=int(match[1]))
        decimals = match[3] or ""
        share = int(match[2] + decimals), 100 * 10 ** len(decimals)
        if share[0] > share[1]:
            raise wrong
        return cls(text, share=share)

    def is_exceeded(self, bad_records: int, records_in: int) -> bool:
        """Tell whether so many bad ones among so many records are too many."""
        if self.records is not None:
            return bad_records > self.records
        if self.share is None:
            return False
        numerator, denominator = self.share
        return bad_records * denominator > numerator * records_in


@dataclass
class Judge:
    """Counts the bad records of chunks in input order until they are too many.

    Attributes:
        most: how many may be.
        files: the names of the input's files, where it may be several.
    """

    most: MaxErrors
    files: Sequence[str] = ()
    _bad_records: int = field(default=0, init=False)
    _records_in: int = field(default=0, init=False)

    def begin_with(self, bad_records: int, records_in: int) -> None:
        """Count those of an earlier run as well, which were not too many."""
        self._bad_records, self._records_in = bad_records, records_in

    def add(self, result: ChunkResult) -> str | None:
        """Take a chunk's result; say which record was one too many, if there was one."""
        places = iter(result.bad_places)
        for number, line, offset in zip(places, places, places, strict=True):
            self._bad_records += 1
            records_in = self._records_in + number
            is_early = self.most.share is not None and records_in < _LEAST_RECORDS
            if not is_early and self.most.is_exceeded(self._bad_records, records_in):
                return self._sentence(records_in, Place(line, offset, result.file))
        self._records_in += result.records_in
        return None

    def end(self) -> str | None:
        """Say that there were too many among all records, if there were."""
        if self.most.is_exceeded(self._bad_records, self._records_in):
            return self._sentence(self._records_in, None)
        return None

    def _sentence(self, records_in: int, last: Place | None) -> str:
        read = "1 record" if records_in == 1 else f"the first {records_in:,} records"
        if last is None:
            read = f"all {records_in:,} records"
        where = (
            "" if last is None else f", the last in {last.told(self.files)} (byte {last.offset})"
        )
        counted = "1 is" if self._bad_records == 1 else f"{self._bad_records:,} are"
        return f"{counted} bad of {read}{where}; at most {self.most.text} may be (--max-errors)"
