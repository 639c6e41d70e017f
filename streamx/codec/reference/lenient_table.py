"""The records of a slice of CSV as a table, with guesses where they are not right."""

from __future__ import annotations

from bisect import bisect_left

from streamx.codec.guess import Guess
from streamx.codec.layout import Bad, Layout, Tally
from streamx.codec.reference.csv_table import CsvTable
from streamx.codec.reference.guesses import guesser_of


class LenientTable(CsvTable):
    """The records of a slice as lists of cells, up to the first of which there is no good guess.

    Several that the grammar takes for one, the lines that a quote has swallowed, are of one origin.
    A cell that breaks one of them makes all bad, since reading can go on only behind them.
    """

    def _take_apart(self, layout: Layout) -> None:
        width, limit = len(layout.columns), self._filled.limit
        guesser = guesser_of(self._scanner.format, width)
        self._has_quotes = True  # guesses may have brought some
        starts = self._filled.positions()
        self._positions: list[int] = []
        self._origins: list[int] = []  # for each record its index for the grammar
        self._guesses: dict[Guess, list[int]] = {}
        self.padded = padded = []
        for origin, record in enumerate(self._filled.records):
            if limit is not None and len(self._records) >= limit:
                break
            guessed = guesser.records(record)
            if guessed is None:
                self.bad = guesser.refusal(record, starts[origin])
                self._bad_origin = origin
                break
            for start, cells, kinds in guessed:
                index = len(self._records)
                if len(cells) < width:
                    cells += [b""] * (width - len(cells))
                    padded.append(index)
                for kind in dict.fromkeys(kinds):
                    self._guesses.setdefault(kind, []).append(index)
                self._records.append(cells)
                self._positions.append(starts[origin] + start)
                self._origins.append(origin)
        if limit is not None:
            del self._records[limit:]

    def position(self, index: int) -> int:
        """Return where a record starts in the slice."""
        return self._positions[index]

    def positions(self) -> list[int]:
        """Return where these records start in the slice."""
        return self._positions[: self.record_count]

    @property
    def blank_lines(self) -> int:
        """Blank lines before the bad record or the last one wanted, or in the whole slice."""
        if self.bad is not None:
            return self._filled.blank_lines(self._bad_origin)
        if self._filled.limit == self.record_count:
            return self._filled.blank_lines(self._origins[-1])
        return self._filled.blank_lines(None)

    def stop_at(self, index: int, bad: Bad) -> None:
        """Make a record the bad one, and leave out those of its origin and what comes after."""
        self._bad_origin = self._origins[index]
        super().stop_at(bisect_left(self._origins, self._bad_origin), bad)

    def account(self, tally: Tally) -> None:
        """Add to a tally what was read."""
        super().account(tally)
        for kind, indexes in self._guesses.items():
            count = bisect_left(indexes, self.record_count)
            if count:
                tally.note_guesses(kind, count, self.position(indexes[0]))
