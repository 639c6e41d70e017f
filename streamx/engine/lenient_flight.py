"""LenientFlight: the records of a chunk on their way, of which bad ones are left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from streamx.chunk import Chunk, ChunkResult, RejectLines
from streamx.engine.flight import Flight, Outcome
from streamx.transform.bad_records import BadRecords
from streamx.transform.chain import Chain
from streamx.transform.deaths import Deaths
from streamx.transform.lenient_source import Faults, LenientRecords
from streamx.transform.plan import Lenience, result_of
from streamx.transform.record_plan import RecordPlan
from streamx.transform.results import Item


class LenientFlight(Flight):
    """A flight that goes on behind bad records.

    Args:
        lenience: what becomes of them.
        faults: where the steps before the first function note them.
    """

    def __init__(
        self,
        chunk: Chunk,
        plan: RecordPlan,
        limits: tuple[int, ...],
        lenience: Lenience,
        faults: Faults,
        *,
        is_ordered: bool,
    ) -> None:
        super().__init__(chunk, plan, limits, is_ordered=is_ordered)
        self._faults = faults
        self._records = LenientRecords(chunk, plan.layout, faults, Deaths())
        self._bad_records = BadRecords(chunk, plan.layout, lenience)

    def items(self, chain: Chain) -> Iterator[Item | None]:
        self._faults.begin()
        while not self._records.has_ended and not self.counter.is_finished:
            items = self._plan.aligned(self._records, self._faults.refuse)
            for item in chain.run(items, self.counter):
                self._add_faults()
                yield item
            self._add_faults()
            yield None

    def ends_with(self, outcomes: Iterable[Outcome]) -> bool:
        return False

    def gathered(self, outcomes: Iterable[Outcome]) -> bytes:
        return super().gathered(filter(self._is_good, outcomes))

    def full_rejects(self) -> Iterable[RejectLines]:
        return self._bad_records.full_lines()

    def last_rejects(self) -> Iterable[RejectLines]:
        return self._bad_records.last_lines()

    def result(self) -> ChunkResult:
        self._records.account(self._tally)
        taken, is_last = self.counter.taken, self.counter.is_finished
        result = result_of(self._chunk, self._tally, taken, is_last=is_last)
        return self._bad_records.added_to(replace(result, new_columns=self.new_columns))

    def _add_faults(self) -> None:
        for bad in self._faults.taken():
            self.add_bad(bad)

    def _is_good(self, outcome: Outcome) -> bool:
        bad = outcome.bad
        if bad is not None:
            self._bad_records.add(bad, self._records.number_of(bad.position))
        return bad is None
