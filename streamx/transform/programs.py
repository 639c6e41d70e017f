"""Lets a chain of expressions and column operations run in the codec, where it can."""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from streamx.codec.layout import CsvFormat, Part, Pick, Tally
from streamx.transform.chain import Counter, Step
from streamx.transform.expressions.instructions import ProgramWriter
from streamx.transform.functions import Apply
from streamx.transform.operations import Limit, Set, Where, apply_operations
from streamx.transform.plan import AnyPlan, Plan
from streamx.transform.record_plan import RecordPlan, RecordRunner

_UNLIMITED = sys.maxsize


def as_program(plan: RecordPlan) -> AnyPlan:
    """Return a plan that gives the same in a fraction of the time, or else the plan itself."""
    is_csv = isinstance(plan.layout.source, CsvFormat)
    if not is_csv or any(isinstance(step, Apply) for step in plan.steps):
        return plan
    limits = _limits(plan.steps)
    if limits is None:
        return plan
    steps = [step for step in plan.steps if not isinstance(step, Limit)]
    fallback = Records(replace(plan, steps=(Limit(limits[0]), *steps, Limit(limits[1]))))
    width = len(plan.layout.columns)
    writer = ProgramWriter(width, sum(isinstance(step, Set) for step in steps))
    picks = _picks({pick.name: pick.index for pick in plan.layout.picks}, steps, writer)
    program = writer.program(fallback)
    if program is None or not picks:
        return plan
    layout = replace(plan.layout, picks=picks, program=program)
    return Plan(layout, plan.header, limits if plan.limits else ())


@dataclass(frozen=True)
class Records:
    """Converts whole records one by one, for those that a program's codec cannot.

    Attributes:
        plan: with a limit of records read in front and one of records written at the end.
    """

    plan: RecordPlan

    def __call__(
        self, data: bytes, limit: int | None, output_limit: int | None
    ) -> Generator[Part, None, Tally]:
        """Do what `codec.convert` does."""
        limits = [_UNLIMITED if each is None else each for each in (limit, output_limit)]
        return (yield from self._runner.convert(data, Counter(limits)))

    def __reduce__(self) -> tuple[object, ...]:
        # Without the runner, which does not pickle.
        return Records, (self.plan,)

    @cached_property
    def _runner(self) -> RecordRunner:
        """Shared by all threads: a chain without functions keeps nothing from record to record."""
        return RecordRunner(self.plan).__enter__()


def _limits(steps: Sequence[Step]) -> tuple[int, int] | None:
    """Return how many records may be read and written, or None if that does not say it all."""
    wheres = [index for index, step in enumerate(steps) if isinstance(step, Where)]
    first, last = (wheres[0], wheres[-1]) if wheres else (len(steps), len(steps))
    read = written = _UNLIMITED
    for index, step in enumerate(steps):
        if isinstance(step, Limit) and index < first:
            read = min(read, step.records)
        elif isinstance(step, Limit) and index > last:
            written = min(written, step.records)
        elif isinstance(step, Limit):
            return None
    return read, written


def _picks(
    indexes: dict[str, int], steps: Sequence[Step], writer: ProgramWriter
) -> tuple[Pick, ...]:
    """Write the steps' program, and return the columns that they leave."""
    for step in steps:
        if isinstance(step, Where):
            writer.keep(step.expression().tree, indexes)
        elif isinstance(step, Set):
            indexes = {**indexes, step.name: writer.derive(step.expression().tree, indexes)}
        else:
            numbers = list(indexes.values())
            left = apply_operations([step], list(indexes))
            indexes = {pick.name: numbers[pick.index] for pick in left}
    return tuple(Pick(index, name) for name, index in indexes.items())
