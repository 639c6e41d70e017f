"""Scans a range of a file where that was sent, for its transition."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from streamx.cluster.transition import Transition, transition_of
from streamx.codec.layout import Format
from streamx.errors import InputError, cannot

_BLOCK_BYTES = 256 * 1024


class RangeTask(NamedTuple):
    """A range of a file.

    Attributes:
        path: of the file.
        offset, size_bytes: the range.
        format: of its records.
    """

    path: str
    offset: int
    size_bytes: int
    format: Format


def scan_range(task: RangeTask) -> Transition:
    """Read a range and return its transition.

    Raises:
        InputError: it cannot be read, or the file is shorter.
    """
    return transition_of(_blocks(task), task.format)


def _blocks(task: RangeTask) -> Iterator[memoryview]:
    block = memoryview(bytearray(min(_BLOCK_BYTES, task.size_bytes)))
    left = task.size_bytes
    try:
        with open(task.path, "rb", buffering=0) as file:
            file.seek(task.offset)
            while left:
                count = file.readinto(block[:left])
                if not count:
                    break
                left -= count
                yield block[:count]
    except OSError as error:
        raise InputError(cannot("read", task.path, error)) from error
    if left:
        raise InputError(
            f"{task.path} ends {left} bytes before byte {task.offset + task.size_bytes}, where it "
            "had ended before: it has been cut off"
        )
