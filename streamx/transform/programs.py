"""Lets a chain of expressions and column operations run in the codec, where it can."""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from streamx.chunk import FileOfInput
from streamx.codec.layout import CsvFormat, Layout, Part, Pick, Tally
from streamx.codec.program import Fallback
from streamx.transform.chain import Counter, Step
from streamx.transform.expressions.instructions import ProgramWriter
from streamx.transform.functions import Apply
from streamx.transform.json_keys import JsonKeys
from streamx.transform.operations import (
    Drop,
    Limit,
    Rename,
    Select,
    Set,
    Where,
    apply_operations,
)
from streamx.transform.plan import AnyPlan, Plan
from streamx.transform.record_plan import RecordPlan, RecordRunner

_UNLIMITED = sys.maxsize


def as_program(plan: RecordPlan) -> AnyPlan:
    """Return a plan that gives the same in a fraction of the time, or else the plan itself."""
    limits = _limits(plan.steps)
    # Behind a bad one of several records that the grammar takes for one, no codec can go on.
    goes_on_within = plan.layout.is_lenient and plan.lenience is not None
    is_possible = limits is not None and not plan.layout.flattens and not goes_on_within
    if not is_possible or any(isinstance(step, Apply) for step in plan.steps):
        return plan
    assert limits is not None
    steps = [step for step in plan.steps if not isinstance(step, Limit)]
    fallback = Records(replace(plan, steps=(Limit(limits[0]), *steps, Limit(limits[1]))))
    make = _csv_layout if isinstance(plan.layout.source, CsvFormat) else _jsonl_layout
    layout = make(plan, steps, fallback)
    if layout is None:
        return plan
    return Plan(layout, plan.header, limits if plan.limits else (), plan.lenience)


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

    def of(self, file: FileOfInput) -> Records:
        """Return what converts the records of a file."""
        return Records(self.plan.of(file))

    def __reduce__(self) -> tuple[object, ...]:
        # Without the runner, which does not pickle.
        return Records, (self.plan,)

    @cached_property
    def _runner(self) -> RecordRunner:
        """Shared by all threads: a chain without functions keeps nothing from record to record."""
        return RecordRunner(self.plan).__enter__()


def named(layout: Layout, file: FileOfInput) -> Layout:
    """Return a layout whose program knows the name of the file that records are of."""
    program = layout.program
    if program is None or program.file is None:
        return layout
    assert isinstance(program.fallback, Records), "who makes a program makes both"
    constants = tuple(
        (register, file.name if register == program.file else value)
        for register, value in program.constants
    )
    own = replace(program, constants=constants, fallback=program.fallback.of(file))
    return replace(layout, program=own)


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


def _csv_layout(plan: RecordPlan, steps: Sequence[Step], fallback: Fallback) -> Layout | None:
    """Return a layout with the steps as its program, which shows the columns that they leave."""
    writer = ProgramWriter(len(plan.layout.columns), _count_added(plan, steps))
    indexes = _aligned(writer, plan)
    for step in steps:
        if isinstance(step, Where):
            writer.keep(step.expression().tree, indexes)
        elif isinstance(step, Set):
            indexes = {**indexes, step.name: writer.derive(step.expression().tree, indexes)}
        else:
            numbers = list(indexes.values())
            left = apply_operations([step], list(indexes))
            indexes = {pick.name: numbers[pick.index] for pick in left}
    picks = tuple(Pick(index, name) for name, index in indexes.items())
    program = writer.program(fallback)
    return replace(plan.layout, picks=picks, program=program) if program and picks else None


def _jsonl_layout(plan: RecordPlan, steps: Sequence[Step], fallback: Fallback) -> Layout | None:
    """Do the same for records each of which may have other keys."""
    keys = JsonKeys(plan)
    writer = ProgramWriter(len(keys.columns), _count_added(plan, steps))
    if plan.alignment is not None and plan.alignment.source is not None:
        source = plan.alignment.source
        writer.refuse_values(keys.names[source])
        keys.set(source, writer.derive_file())
    for step in steps:
        if isinstance(step, Where):
            writer.keep(step.expression().tree, keys.names)
        elif isinstance(step, Set):
            keys.set(step.name, writer.derive(step.expression().tree, keys.names))
        elif isinstance(step, Select | Drop | Rename) and not keys.change(step):
            return None
    layout, program = keys.layout(), writer.program(fallback)
    return replace(layout, program=program) if layout and program else None


def _aligned(writer: ProgramWriter, plan: RecordPlan) -> dict[str, int]:
    """Return the columns that the first step gets, with those that the file lacks computed."""
    indexes = {pick.name: pick.index for pick in plan.layout.picks}
    alignment = plan.alignment
    if alignment is None:
        return indexes
    for name, value in alignment.missing:
        indexes[name] = writer.derive_constant(value)
    if alignment.source is not None:
        indexes[alignment.source] = writer.derive_file()
    return {name: indexes[name] for name in alignment.in_order(indexes)}


def _count_added(plan: RecordPlan, steps: Sequence[Step]) -> int:
    added = 0 if plan.alignment is None else len(plan.alignment.added)
    return added + sum(isinstance(step, Set) for step in steps)
