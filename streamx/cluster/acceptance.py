"""Acceptance: what came of splits is judged in order, put in its place, and noted in order.

judged ──▶ placing: WorkerPool, since a storage takes its time ──▶ noted, which returns credits
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass, replace
from typing import NamedTuple, Never

from streamx.cluster.counted import counted, counted_window
from streamx.cluster.manifest import Part
from streamx.cluster.output import OutputFolder
from streamx.cluster.split_run import SplitResult
from streamx.cluster.splits import Split
from streamx.errors import StreamxError
from streamx.flow import Credits, WorkerPool
from streamx.monitor.report import Totals
from streamx.transform.plan import AnyPlan

_PLACED_AT_A_TIME = 8


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a split: a result of now, or a part that was there and is as it was.

    With both, the part was there, and is not as it was.
    """

    split: Split
    result: SplitResult | None
    known: Part | None

    @property
    def is_part(self) -> bool:
        """Tell whether it is a part, which it is not where a record has ended the split."""
        return self.known is not None or self.result is None or self.result.result.failure is None


class _Judged(NamedTuple):
    """An outcome that counts, the plan that it was made by, and whether none counts behind it."""

    outcome: Outcome
    plan: AnyPlan
    is_last: bool


class _Placed(NamedTuple):
    """An outcome whose part is in its place."""

    split: Split
    new: Part | None
    is_last: bool


class Acceptance:
    """Takes what came of splits.

    Args:
        plan: what the splits are run by.
        output: where the parts go.
        totals: what all results are added to.
        credits: of what is in flight.

    Attributes:
        plan: likewise, with the header that the first split has decided.
        limits: what is left of the plan's.
        is_opened: set once the header is decided.
        placing: gives parts their names.
        bytes_read, bytes_written: of what was judged.
    """

    def __init__(
        self, plan: AnyPlan, output: OutputFolder, totals: Totals, credits: Credits
    ) -> None:
        self.plan = plan
        self.limits = plan.limits
        self.is_opened = asyncio.Event()
        if not plan.is_open:
            self.is_opened.set()
        self.bytes_read = 0
        self.bytes_written = 0
        self._output = output
        self._totals = totals
        self._credits = credits
        self._failure: StreamxError | None = None
        self.placing: WorkerPool[_Judged, Never, _Placed] = WorkerPool(
            self._place,
            _PLACED_AT_A_TIME,
            counted(_PLACED_AT_A_TIME),
            counted_window(2 * _PLACED_AT_A_TIME),
        )

    async def judged(self, outcomes: AsyncIterable[Outcome]) -> AsyncIterator[_Judged]:
        """Pass on what counts, in order, until a limit or a bad record at the latest."""
        async for outcome in outcomes:
            plan = self.plan
            is_last = self._judge(outcome)
            if outcome.is_part:
                yield _Judged(outcome, plan, is_last)
            if is_last:
                return

    async def note_all(self, placed: AsyncIterable[_Placed]) -> None:
        """Note what is in its place, in order.

        Raises:
            StreamxError: what was found bad on the way, or as a whole.
        """
        async for split, new, is_last in placed:
            if new is not None:
                await self._output.manifest.add(new)
            if is_last:
                break
            self._credits.release(split.number)
        if (failure := self._failure or self._totals.end()) is not None:
            raise failure

    def _judge(self, outcome: Outcome) -> bool:
        """Add up what came of a split, and tell whether it is the last that counts."""
        split, result, known = outcome.split, outcome.result, outcome.known
        if known is not None:
            own, size_bytes = known.result(self.plan), known.output.size_bytes
        else:
            assert result is not None, "what is not there was made"
            own, size_bytes = result.result, result.output.size_bytes
        self.bytes_read += split.total_bytes
        self.bytes_written += size_bytes
        self._failure = self._totals.add(own)
        self.limits = own.left_of(self.limits)
        if not self.is_opened.is_set():
            self.plan = opened(self.plan, own.new_columns)
            self.is_opened.set()
        return own.is_last or 0 in self.limits or self._failure is not None

    async def _place(self, judged: _Judged, _: object) -> _Placed:
        split, result, known = judged.outcome.split, judged.outcome.result, judged.outcome.known
        new = None
        if result is not None and known is None:
            new = await self._output.place(split, result, judged.plan)
        elif result is not None and known is not None:
            await self._output.replace(known, result)
        return _Placed(split, new, judged.is_last)


def opened(plan: AnyPlan, new_columns: tuple[str, ...]) -> AnyPlan:
    """Return the plan for all splits but the first, which has decided the header of their parts."""
    assert plan.open_header is not None
    header = plan.open_header.with_columns(new_columns)
    return replace(plan.settled(new_columns), header=header)  # type: ignore[type-var]  # both plans are dataclasses
