"""Scans a range of a file where that was sent, for its transition."""

from __future__ import annotations

from typing import NamedTuple

from streamx.cluster.transition import Transition, transition_of
from streamx.codec.layout import Format
from streamx.read.files import InputFile
from streamx.read.ranges import range_blocks


class RangeTask(NamedTuple):
    """A range of a file.

    Attributes:
        file: the whole one.
        offset, size_bytes: the range.
        format: of its records.
    """

    file: InputFile
    offset: int
    size_bytes: int
    format: Format


def scan_range(task: RangeTask) -> Transition:
    """Read a range and return its transition.

    Raises:
        InputError: it cannot be read, or the file is shorter.
    """
    return transition_of(range_blocks(task.file, task.offset, task.size_bytes), task.format)
