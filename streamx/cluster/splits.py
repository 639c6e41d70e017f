"""Splits: whole records of a file that one worker reads, found by putting transitions together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from streamx.cluster.transition import Transition
from streamx.codec.states import State
from streamx.read.files import InputFile


@dataclass(frozen=True, slots=True)
class Split:
    """A part of the input that is run by itself.

    Attributes:
        number: in the order of the input, from 0.
        file: what it is a part of.
        offset: byte position of its first record in that file, which must be read as it stands;
            or, of a file that is decoded on the way, in what that becomes.
        size_bytes: how much of the file it is; None for all behind the offset.
        line: number of the first record's first line in the file, from 1.
        total_bytes: what it counts for in the size of the input.
    """

    number: int
    file: InputFile
    offset: int
    size_bytes: int | None
    line: int
    total_bytes: int

    def without_secrets(self) -> Split:
        """Return the split as it may be written down."""
        return replace(self, file=self.file.without_secrets())


def most_splits(files: Iterable[InputFile], split_bytes: int) -> int:
    """Return how many splits files may have: one for each range, and one where all is read."""
    return sum(max(-(-file.size_bytes // split_bytes), 1) for file in files)


class SplitPlanner:
    r"""Turns the transitions of a file's ranges, in order, into splits.

    A split goes from the first record that starts in a range to the first one that starts in a
    later range, so that every record is in the split of the range that it starts in, and a range in
    which none starts has no split.

    Args:
        file: the whole one.
        number: of the first split.
        offset, line: where the first range begins, which is where a record starts.

    Attributes:
        number: of the next split.

    >>> from streamx.cluster.transition import transition_of
    >>> from streamx.codec.layout import CsvFormat
    >>> file = InputFile("/data/in.csv", "in.csv", 14, "0")
    >>> planner = SplitPlanner(file, 0, offset=4, line=2)
    >>> ranges = [b'1,"', b'\n"\n2,', b"3\n"]
    >>> splits = [planner.add(transition_of([data], CsvFormat())) for data in ranges]
    >>> splits[1].offset, splits[1].size_bytes, splits[1].line, planner.end().line
    (4, 6, 2, 4)
    """

    def __init__(self, file: InputFile, number: int, *, offset: int, line: int) -> None:
        self.number = number
        self._file = file
        self._state = State.AT_RECORD
        self._offset = offset
        self._line = line
        self._start: tuple[int, int] | None = None  # of the split to come, and its line

    def add(self, transition: Transition) -> Split | None:
        """Take the next range; return the split that ends in it, if one does."""
        lane = transition.lanes[self._state]
        split = None
        if lane.first_start is not None:
            start = self._offset + lane.first_start
            split = self._split_before(start)
            self._start = start, self._line + lane.lines_before
        self._state = lane.state
        self._offset += transition.size_bytes
        self._line += transition.lines
        return split

    def end(self) -> Split | None:
        """Return the last split of the file, behind all ranges, if there is one."""
        split = self._split_before(self._offset)
        self._start = None
        return split

    def _split_before(self, end: int) -> Split | None:
        if self._start is None:
            return None
        start, line = self._start
        size_bytes = end - start
        split = Split(self.number, self._file, start, size_bytes, line, total_bytes=size_bytes)
        self.number += 1
        return split
