"""LenientRecordRunner: runs a RecordPlan on a chunk to its end, without the bad records."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING

from streamx.chunk import Chunk, ChunkResult
from streamx.codec.encode import Encoder
from streamx.codec.layout import Part, Tally
from streamx.transform.bad_records import BadRecords
from streamx.transform.chain import Chain, Counter
from streamx.transform.deaths import Deaths
from streamx.transform.lenient_source import Faults, LenientRecords
from streamx.transform.one_function import groups_of
from streamx.transform.opening import Beginning, OpenHeader
from streamx.transform.plan import Lenience, result_of
from streamx.transform.results import Item, grouped

if TYPE_CHECKING:
    from streamx.transform.record_plan import RecordPlan

# After a result that cannot be encoded, so many are encoded together, then twice as many.
_FIRST_RESULTS = 4


class LenientRecordRunner(AbstractContextManager["LenientRecordRunner"]):
    """A RecordPlan in one worker that goes on behind bad records; they come among the parts.

    A record is there with all its results or not at all.
    """

    def __init__(self, plan: RecordPlan, lenience: Lenience) -> None:
        self._plan = plan
        self._lenience = lenience
        self._faults = Faults()
        self._deaths = Deaths()
        self._chain = Chain(plan.steps, plan.calls, self._faults.refuse, self._deaths)
        self._encoder = plan.encoder()

    def __enter__(self) -> LenientRecordRunner:
        self._chain.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._chain.__exit__(*error)

    def run(self, chunk: Chunk, limits: tuple[int, ...] = ()) -> Generator[Part, None, ChunkResult]:
        """Transform a chunk: yield bounded parts of output and rejects, return what it came to."""
        faults, counter, tally = self._faults, Counter(limits), Tally()
        faults.begin()
        self._deaths.begin(chunk.deaths)
        plan, columns = self._plan.of(chunk.file), self._plan.columns
        bad_records = BadRecords(chunk, plan.layout, self._lenience)
        source = LenientRecords(chunk, plan.layout, faults, self._deaths)
        groups = self._groups(plan, source, counter)
        if self._plan.open_header is not None:
            groups, header = self._open(self._plan.open_header, groups)
            if header:
                yield header
        for group in groups:
            last = group[-1][1] if group else None
            yield from encoded(self._encoder, faults.without_bad(group), tally, faults)
            for bad in faults.taken(last):
                bad_records.add(bad, source.number_of(bad.position))
            yield from bad_records.full_lines()
        for bad in faults.taken():
            bad_records.add(bad, source.number_of(bad.position))
        yield from bad_records.last_lines()
        source.account(tally)
        result = result_of(chunk, tally, counter.taken, is_last=counter.is_finished)
        new_columns = self._plan.columns[len(columns) :]
        result = replace(result, new_columns=new_columns, retries=self._chain.retries.taken())
        return bad_records.added_to(result)

    def _open(
        self, header: OpenHeader, groups: Iterator[list[Item]]
    ) -> tuple[Iterator[list[Item]], bytes]:
        """Let the first good results decide the columns; return all results, and the header."""
        # Without the pauses, since groups are taken here before their turn.
        beginning = Beginning(filter(None, map(self._faults.without_bad, groups)))
        names = beginning.new_names(self._plan.columns)
        self._plan = self._plan.settled(names)
        self._encoder = self._plan.encoder()
        return iter(beginning), header.with_columns(names)

    def _groups(
        self, plan: RecordPlan, source: LenientRecords, counter: Counter
    ) -> Iterator[list[Item]]:
        """Yield what the chain makes of records, all of each in one group.

        When a group is yielded, all faults up to its last record are known; after an empty one,
        which makes a pause, no record before it is under way.
        """
        refuse = self._faults.refuse
        if self._chain.only_function is not None and plan.alignment is None:
            function, name = self._chain.only_function
            yield from whole_groups(groups_of(function, name, source.batches(), source.add, refuse))
        while not source.has_ended and not counter.is_finished:
            items = plan.aligned(source, refuse)
            yield from whole_groups(grouped(self._chain.run(items, counter)))
            yield []


def whole_groups(groups: Iterable[list[Item]]) -> Iterator[list[Item]]:
    """Yield groups that end with the last result of a record; an empty one ends all before it.

    >>> list(whole_groups([[("a", 0), ("b", 3)], [("c", 3), ("d", 6)], []]))
    [[('a', 0)], [('b', 3), ('c', 3)], [('d', 6)], []]
    """
    held: list[Item] = []
    for group in groups:
        held += group
        last = _last_start(held) if group else len(held)
        if last:
            yield held[:last]
        if not group:
            yield []
        held = held[last:]
    if held:
        yield held


def encoded(encoder: Encoder, group: list[Item], tally: Tally, faults: Faults) -> Iterator[bytes]:
    """Yield the output of results, all of each record in one piece; note what cannot be encoded."""
    start, count = 0, len(group)
    while start < len(group):
        end = _behind(group, start + count - 1)
        own = Tally()
        part = encoder.encode(group[start:end], own)
        bad, own.bad = own.bad, None
        if bad is None:
            start, count = end, 2 * count
        else:
            index = start + own.records_out
            first = _first_of(group, start, index)
            if first < index:
                own = Tally()
                part = encoder.encode(group[start:first], own)
            faults.add(replace(bad, stage="encode"))
            start, count = _behind(group, first), _FIRST_RESULTS
        tally.add(own, 0)
        if part:
            yield part


def _last_start(items: list[Item]) -> int:
    """Return the index of the first result of the last record."""
    is_one_record = items[0][1] == items[-1][1]
    return 0 if is_one_record else _first_of(items, 0, len(items) - 1)


def _first_of(group: list[Item], start: int, index: int) -> int:
    """Return the index of the first result of the record that the one at an index is of."""
    while index > start and group[index - 1][1] == group[index][1]:
        index -= 1
    return index


def _behind(group: list[Item], index: int) -> int:
    """Return the index behind the last result of the record that the one at an index is of."""
    index = min(index, len(group) - 1)
    while index + 1 < len(group) and group[index + 1][1] == group[index][1]:
        index += 1
    return index + 1
