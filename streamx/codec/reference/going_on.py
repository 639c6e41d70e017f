"""Going on behind bad records: what stops at the first one is begun again behind each."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

from streamx.codec.boundaries import records_of
from streamx.codec.layout import Format, TakeBad, Tally

T = TypeVar("T")

# How much is taken behind a bad record, and four times as much after each time that went well:
# what has been looked at in vain when the next bad one comes is little beside what was used.
_FIRST_BYTES = 1024
_GROWTH = 4


def going_on(
    read: Callable[[int, memoryview, Tally], Generator[T, None, Tally]],
    data: memoryview,
    format: Format,
    take: TakeBad,
    pause: T,
) -> Generator[T, None, Tally]:
    """Yield what `read` makes of whole records, of those behind a bad one as well.

    Args:
        read: called with a piece's start, a piece of whole records and the tally of those before;
            stops at the first bad record, and returns the tally of the piece.
        data: whole records.
        format: theirs.
        take: told of each bad record.
        pause: yielded after each bad record.

    Returns:
        The tally of the good records.
    """
    total = Tally()
    start, size_bytes = 0, len(data)
    while start < len(data):
        end = records_of(data, start, size_bytes, format)
        tally = yield from read(start, data[start:end], total)
        bad, tally.bad = tally.bad, None
        total.add(tally, start)
        if bad is None:
            start, size_bytes = end, _GROWTH * size_bytes
        else:
            start, size_bytes = take(bad.moved(start), total.records_in), _FIRST_BYTES
            yield pause
    return total
