"""One function by itself, the most usual chain: a batch of records in one loop.

Each generator that a record passes on its way takes as long as a simple function does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from time import monotonic
from typing import Any

from streamx import position
from streamx.codec import CODEC_NAME, weight_of
from streamx.transform.results import (
    GROUP_BYTES,
    GROUP_RECORDS,
    GROUP_SECONDS,
    Bunch,
    CallError,
    Item,
    Refuse,
    blamed,
    bunches_of,
    stop,
)


def groups_of(
    function: Callable[..., Any],
    name: str,
    batches: Iterable[list[Item]],
    count: Callable[[int], None],
    refuse: Refuse = stop,
) -> Iterator[list[Item]]:
    """Yield what a function makes of records, in groups that are encoded together.

    Args:
        function: called with each record.
        name: how to call it in messages.
        batches: the records; each list is emptied as they are taken. An empty one is passed on.
        count: told how many more of them were taken, before what became of them is yielded.
        refuse: told of each record that the function failed with; what came before has been
            yielded, and an empty group follows.

    Raises:
        CallError: the function failed, and `refuse` raised what it was told.
    """
    call = _call_each_in_use()
    at = memoryview(bytearray(8)).cast("q")
    cells = (position.cell(), at)
    bounds = (GROUP_RECORDS, GROUP_BYTES, GROUP_SECONDS)
    rest: Iterator[Bunch] = iter(())

    def others(result: Any, place: int, group: list[Item]) -> int:
        nonlocal rest
        rest = bunches_of(result, name, place)
        items, size_bytes = next(rest, ((), 0))
        group += items
        return size_bytes

    for batch in batches:
        if not batch:
            yield []
        taken = 0
        while taken < len(batch):
            group: list[Item] = []
            failure: BaseException | None = None
            place = -1
            try:
                end = call(function, batch, taken, group, others, cells, bounds)
            except BaseException as error:
                end = at[0] + 1
                place = batch[at[0]][1]
                failure = blamed(error, name, place)
            count(end - taken)
            taken = end
            if group:
                yield group
            try:
                yield from (bunch.items for bunch in rest)
            except CallError as error:
                place, failure = error.position, error
            if failure is not None:
                refuse(failure, (place,))
                yield []


def call_each(
    function: Callable[..., Any],
    items: list[Item],
    start: int,
    group: list[Item],
    others: Callable[[Any, int, list[Item]], int],
    cells: tuple[memoryview, memoryview],
    bounds: tuple[int, int, float],
) -> int:
    """Call a function with records until all were taken or the group has reached a bound.

    Args:
        function, items, start: the first record to take is items[start]. None is put in its place
            when the call has returned: a record may have become much larger.
        group: what the results are added to, those before an exception as well.
        others: adds to the group what is in a result that is neither a record nor a dict, as much
            as may be, and returns its weight.
        cells: where each record's position and index are noted before the call.
        bounds: how many results, about how many bytes and how many seconds.

    Returns:
        The index of the first record that was not taken.
    """
    noted, at = cells
    most_records, most_bytes, seconds = bounds
    due = monotonic() + seconds
    size_bytes = 0
    for index in range(start, len(items)):
        item = items[index]
        record, noted[0] = item
        at[0] = index
        result = function(record)
        if result is record:
            group.append(item)
            size_bytes += weight_of(record)
        elif type(result) is dict:
            group.append((result.copy(), item[1]))  # functions use the same dict again and again
            size_bytes += weight_of(result)
        elif result is not None:
            size_bytes += others(result, item[1], group)
        items[index] = None  # type: ignore[call-overload]  # what was set is held no longer
        if size_bytes >= most_bytes or len(group) >= most_records or monotonic() > due:
            return index + 1
    return len(items)


def _call_each_in_use() -> Callable[..., int]:
    if CODEC_NAME == "native":
        from streamx.transform import _native_calls

        return _native_calls.call_each
    return call_each
