"""Transition: what a range of a file does to the state of its records, for every state before it.

The first pass over an input. Ranges are looked at in any order and anywhere; their transitions, put
together in the order of the file, say exactly where its records start.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from streamx.codec import count_lines, traverse
from streamx.codec.layout import CsvFormat, Format
from streamx.codec.states import State

_JSONL_STATES = (State.AT_RECORD, State.AT_BLANK, State.IN_CELL)


class Lane(NamedTuple):
    """What a range amounts to, given one state before it.

    Attributes:
        state: behind the range.
        first_start: byte position in the range where its first record starts, or None.
        lines_before: line feeds before that.
        records: how many end in the range; blank lines are none.
        records_before: how many of these end at the first start: one, or none.
    """

    state: State
    first_start: int | None = None
    lines_before: int = 0
    records: int = 0
    records_before: int = 0

    def followed_by(self, step: Lane, size_bytes: int, lines: int) -> Lane:
        """Return the lane of this range and what follows it.

        Args:
            step: the lane of what follows, given the state behind this.
            size_bytes, lines: of this range.
        """
        records = self.records + step.records
        if self.first_start is not None:
            return self._replace(state=step.state, records=records)
        return Lane(
            step.state,
            None if step.first_start is None else size_bytes + step.first_start,
            lines + step.lines_before,
            records,
            self.records + step.records_before,
        )


@dataclass(frozen=True, slots=True)
class Transition:
    """What a range of a file does.

    Attributes:
        size_bytes: how long it is.
        lines: line feeds in it.
        lanes: what else it amounts to, by the state before it.
    """

    size_bytes: int
    lines: int
    lanes: Mapping[State, Lane]


def states_of(format: Format) -> tuple[State, ...]:
    """Return the states that the records of a format can be in."""
    return tuple(State) if isinstance(format, CsvFormat) else _JSONL_STATES


def transition_of(blocks: Iterable[bytes | memoryview], format: Format) -> Transition:
    r"""Return the transition of a range that is given in blocks.

    All states are followed at once. Most meet within the first block, and states that have met
    are one from there on, so each of the other blocks is looked at once or twice.

    >>> from streamx.codec.layout import CsvFormat
    >>> transition = transition_of([b'a"\n1,', b"2\n3"], CsvFormat())
    >>> transition.lanes[State.AT_RECORD].first_start, transition.lanes[State.IN_QUOTES].first_start
    (0, 3)
    >>> {lane.state.name for lane in transition.lanes.values()}
    {'IN_CELL'}
    """
    lanes = {state: Lane(state) for state in states_of(format)}
    size_bytes = lines = 0
    for block in blocks:
        states = {lane.state for lane in lanes.values()}
        steps = {state: _step(block, format, state) for state in states}
        lanes = {
            entry: lane.followed_by(steps[lane.state], size_bytes, lines)
            for entry, lane in lanes.items()
        }
        size_bytes += len(block)
        lines += count_lines(block, len(block))
    return Transition(size_bytes, lines, lanes)


def _step(block: bytes | memoryview, format: Format, state: State) -> Lane:
    found = traverse(block, format, state)
    lines_before = 0 if found.first_start is None else count_lines(block, found.first_start)
    return Lane(found.state, found.first_start, lines_before, found.records, found.records_before)
