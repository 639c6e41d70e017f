"""One function by itself, the most usual chain: a batch of records in one loop.

Each generator that a record passes on its way takes as long as a simple function does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from time import monotonic
from typing import Any

from streamx import position
from streamx.codec import CODEC_NAME
from streamx.transform.chain import Item, blamed, results_of

# Results that are encoded together: as many as make the call cheap, or as few as have come while
# somebody may be waiting for them.
GROUP_RECORDS = 256
GROUP_SECONDS = 0.05


def groups_of(
    function: Callable[..., Any],
    name: str,
    batches: Iterable[list[Item]],
    count: Callable[[int], None],
) -> Iterator[list[Item]]:
    """Yield what a function makes of records, in groups that are encoded together.

    Args:
        function: called with each record.
        name: how to call it in messages.
        batches: the records.
        count: told how many more of them were taken, before what became of them is yielded.

    Raises:
        CallError: the function failed; what came before has been yielded.
    """
    call = _call_each_in_use()
    at = memoryview(bytearray(8)).cast("q")
    cells = (position.cell(), at)

    def others(result: Any, place: int) -> list[Item]:
        return list(results_of(result, name, place))

    for batch in batches:
        taken = 0
        while taken < len(batch):
            group: list[Item] = []
            try:
                end = call(function, batch, taken, group, others, cells, GROUP_SECONDS)
            except BaseException as error:
                count(at[0] + 1 - taken)
                if group:
                    yield group
                raise blamed(error, name, batch[at[0]][1]) from error
            count(end - taken)
            taken = end
            if group:
                yield group


def call_each(
    function: Callable[..., Any],
    items: list[Item],
    start: int,
    group: list[Item],
    others: Callable[[Any, int], list[Item]],
    cells: tuple[memoryview, memoryview],
    seconds: float,
) -> int:
    """Call a function with records until all were taken, time is up, or the group is large.

    Args:
        function, items, start: the first record to take is items[start].
        group: what the results are added to, those before an exception as well.
        others: makes items of a result that is neither a record nor a dict.
        cells: where each record's position and index are noted before the call.
        seconds: how long to go on.

    Returns:
        The index of the first record that was not taken.
    """
    noted, at = cells
    due = monotonic() + seconds
    for index in range(start, len(items)):
        item = items[index]
        record, noted[0] = item
        at[0] = index
        result = function(record)
        if result is record:
            group.append(item)
        elif type(result) is dict:
            group.append((result.copy(), item[1]))  # functions use the same dict again and again
        else:
            group += others(result, item[1])
        if monotonic() > due or len(group) >= len(items):
            return index + 1
    return len(items)


def _call_each_in_use() -> Callable[..., int]:
    if CODEC_NAME == "native":
        from streamx.transform import _native_calls

        return _native_calls.call_each
    return call_each
