"""The good records of a chunk that may hold bad ones, and what is wrong with those."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Generator, Iterable, Iterator, Sequence
from operator import attrgetter

from streamx.chunk import Chunk
from streamx.codec import records
from streamx.codec.boundaries import record_around
from streamx.codec.layout import Bad, Layout, Tally
from streamx.position import note
from streamx.transform.deaths import Deaths
from streamx.transform.results import CallError, Item

# So many faults are dealt with before further records are read.
_MOST_FAULTS = 64


class Faults:
    """What is wrong with records of a chunk, from when it is found until it is their turn."""

    def __init__(self) -> None:
        self._bad: dict[int, Bad] = {}

    def begin(self) -> None:
        """Forget what was left by a chunk that was not run to its end."""
        self._bad.clear()

    def __len__(self) -> int:
        return len(self._bad)

    def add(self, bad: Bad) -> None:
        """Take note of a bad record; what was first wrong with it counts."""
        self._bad.setdefault(bad.position, bad)

    def refuse(self, error: BaseException, positions: Sequence[int]) -> None:
        """Take note of records that a step could not take; see streamx.transform.chain.Refuse."""
        if not isinstance(error, CallError):
            raise error
        for position in positions:
            self.add(error.at(position).bad)

    def without_bad(self, items: list[Item]) -> list[Item]:
        """Return the items of records that are not bad."""
        return [item for item in items if item[1] not in self._bad] if self._bad else items

    def taken(self, last: int | None = None) -> list[Bad]:
        """Return the bad records up to a position, or all, in order, and forget them."""
        taken = [bad for at, bad in self._bad.items() if last is None or at <= last]
        for bad in taken:
            del self._bad[bad.position]
        return sorted(taken, key=attrgetter("position"))


class LenientRecords(Iterable[Item]):
    """The good records of a chunk, counted as they are taken; the bad ones become faults.

    Iterating ends early when there are faults to be dealt with, and goes on when begun again.

    Attributes:
        has_ended: there are no further records.
        count: how many were taken, bad ones included.
    """

    def __init__(self, chunk: Chunk, layout: Layout, faults: Faults, deaths: Deaths) -> None:
        self.has_ended = False
        self.count = 0
        self._layout = layout
        self._faults = faults
        self._deaths = deaths
        self._positions = array("q")
        self._tally = Tally()
        self._data = memoryview(chunk.data)
        self._behind_bad = 0
        self._reading: Generator[list[Item], None, Tally] = records(  # type: ignore[assignment]  # a record is a mapping, and the lists are ours
            self._data, layout, take=self._take
        )

    def __iter__(self) -> Iterator[Item]:
        for batch in self.batches():
            batch.reverse()
            while batch:
                item = batch.pop()  # and not kept: it may become much larger
                self.count += 1
                note(item[1])
                yield item
            if len(self._faults) >= _MOST_FAULTS:
                return

    def batches(self) -> Iterator[list[Item]]:
        """Yield records as they are read, not counted; nothing where there are only faults."""
        while True:
            try:
                batch = next(self._reading)
            except StopIteration as stop:
                self._tally = stop.value
                self.has_ended = True
                return
            self._positions.extend([position for _, position in batch])
            yield self._living(batch) if self._deaths else batch

    def add(self, count: int) -> None:
        """Count records that were taken."""
        self.count += count

    def number_of(self, position: int) -> int:
        """Return how many records had been read with the one at a position."""
        return bisect_left(self._positions, position) + 1

    def account(self, tally: Tally) -> None:
        """Add to a tally of results what was read for them."""
        tally.records_in = self.count
        tally.blank_lines = self._tally.blank_lines
        tally.padded = self._tally.padded
        tally.guesses = self._tally.guesses

    def _take(self, bad: Bad, _: int) -> int:
        before, format = self._behind_bad, self._layout.source
        start, self._behind_bad = record_around(self._data, before, bad.position, format)
        self._faults.add(bad.moved(start - bad.position))
        self._positions.append(start)
        self.count += 1
        return self._behind_bad

    def _living(self, batch: list[Item]) -> list[Item]:
        """Leave out the records that a worker process did not survive."""
        living = []
        for item in batch:
            try:
                self._deaths.refuse_repeating((item[1],))
            except CallError as error:
                self.count += 1
                self._faults.add(error.bad)
            else:
                living.append(item)
        return living
