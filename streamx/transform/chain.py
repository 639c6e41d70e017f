"""Chain: runs records through expressions, functions and the operations between and behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import ExitStack
from itertools import count, islice
from typing import TYPE_CHECKING, Any, TypeVar

from streamx.codec.record import Record
from streamx.position import note_batch
from streamx.transform.calling import sync_caller
from streamx.transform.deaths import Deaths
from streamx.transform.functions import Apply, Calls
from streamx.transform.instances import leaving, made_ready
from streamx.transform.operations import Drop, Limit, Rename, Select, Set, Where
from streamx.transform.results import (
    CallError,
    Item,
    Refuse,
    blamed,
    bunches_of,
    check_batch,
    kept,
    one_of,
    stop,
)
from streamx.transform.retries import RetryCount
from streamx.transform.turns import limiter_of

if TYPE_CHECKING:
    from streamx.transform.expressions import ExpressionError
    from streamx.transform.expressions.compile import Evaluate

T = TypeVar("T")
Step = Apply | Where | Set | Select | Drop | Rename | Limit


class Chain:
    """The steps of a plan from its first function on, made ready for one worker.

    Classes are instantiated, and entered where they are context managers, by `__enter__`.

    Attributes:
        only_function: what is called with each record, and its name, if that is the whole chain.
        retries: counts the calls that are made again.

    Args:
        steps: in the order written.
        calls: how functions are called.
        refuse: told of each record that a step could not take.
        deaths: the batches that are not to be tried again.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        calls: Calls | None = None,
        refuse: Refuse = stop,
        deaths: Deaths | None = None,
    ) -> None:
        self._steps = steps
        self._refuse = refuse
        self._deaths = Deaths() if deaths is None else deaths
        self._calls = calls or Calls()
        self._limiter = limiter_of(self._calls)
        self._stages: list[Callable[[Iterable[Item], Counter], Iterable[Item]]] = []
        self._stack = ExitStack()
        self.retries = RetryCount()
        self.only_function: tuple[Callable[..., Any], str] | None = None

    def __enter__(self) -> Chain:
        with ExitStack() as stack:
            limit_numbers = count()
            self._stages = [self._stage(step, stack, limit_numbers) for step in self._steps]
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        with leaving():
            self._stack.close()

    def run(self, items: Iterable[Item], counter: Counter) -> Iterator[Item]:
        """Yield what the steps make of records, one after the other.

        Args:
            items: the records.
            counter: of what passes the limits.

        Raises:
            CallError: a function failed, and `refuse` raised what it was told; what came before
                has been yielded.
        """
        for stage in self._stages:
            items = stage(items, counter)
        return iter(items)

    def _stage(
        self, step: Step, stack: ExitStack, limit_numbers: Iterator[int]
    ) -> Callable[[Iterable[Item], Counter], Iterable[Item]]:
        refuse = self._refuse
        if isinstance(step, Limit):
            index = next(limit_numbers)
            return lambda items, counter: counter.limited(index, items)
        if isinstance(step, Where):
            condition = step.expression().evaluate
            return lambda items, _: _kept(condition, items, refuse)
        if isinstance(step, Set):
            value, name = step.expression().evaluate, step.name
            return lambda items, _: _given(value, name, items, refuse)
        if isinstance(step, Rename):
            return lambda items, _: _renamed(step.old, step.new, items, refuse)
        if not isinstance(step, Apply):
            change = change_of(step)
            return lambda items, _: ((change(result), position) for result, position in items)
        known = self._calls, self._limiter, self.retries.note
        function = sync_caller(_entered(step, stack), *known)
        name, most = step.name, self._calls.batch_records
        if most is None:
            self.only_function = (function, name) if len(self._steps) == 1 else None
            return lambda items, _: _apply(function, name, items, refuse)
        deaths = self._deaths
        return lambda items, _: _apply_to_batches(function, name, most, items, refuse, deaths)


class Counter:
    """Counts what passes the limits of a chain while it runs over one chunk.

    Attributes:
        is_finished: a limit has been reached, so no further record is wanted.
    """

    def __init__(self, limits: Sequence[int]) -> None:
        self._limits = limits
        self._taken = [0] * len(limits)
        self.is_finished = 0 in limits

    @property
    def taken(self) -> tuple[int, ...]:
        """How many passed each limit."""
        return tuple(self._taken)

    def limited(self, index: int, items: Iterable[T]) -> Iterator[T]:
        """Yield items up to a limit, without asking for one more."""
        for item in islice(items, self._limits[index] - self._taken[index]):
            self._taken[index] += 1
            self.is_finished |= self.has_reached(index)
            yield item

    def has_reached(self, index: int) -> bool:
        """Tell whether as many have passed a limit as may."""
        return self._taken[index] == self._limits[index]


def change_of(step: Select | Drop) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """Return what a column operation does to a result; a key that is not there stays away."""
    if isinstance(step, Select):
        return lambda result: _picked(result, [(n, n) for n in step.names if n in result])
    dropped = frozenset(step.names)
    return lambda result: _picked(result, [(n, n) for n in result if n not in dropped])


def _entered(step: Apply, stack: ExitStack) -> Callable[..., Any]:
    with made_ready(step) as (function, is_new):
        if is_new and hasattr(function, "__enter__"):
            stack.enter_context(function)
    return function  # type: ignore[no-any-return]  # anything that can be called


def _apply(
    function: Callable[..., Any], name: str, items: Iterable[Item], refuse: Refuse
) -> Iterator[Item]:
    for record, position in items:
        try:
            result = function(record)
            is_one = isinstance(result, (dict, Record))  # a union takes twice as long
        except BaseException as error:
            refuse(blamed(error, name, position), (position,))
            continue
        if is_one:
            yield kept(result), position
        elif result is not None:
            try:
                for bunch in bunches_of(result, name, position):
                    yield from bunch.items
            except CallError as error:
                refuse(error, (position,))


def _kept(condition: Evaluate, items: Iterable[Item], refuse: Refuse) -> Iterator[Item]:
    from streamx.transform.expressions import ExpressionError

    for item in items:
        try:
            is_kept = condition(item[0])
        except ExpressionError as error:
            refuse(without_value(error, item[1]), (item[1],))
            continue
        if is_kept is True:
            yield item


def _given(value: Evaluate, name: str, items: Iterable[Item], refuse: Refuse) -> Iterator[Item]:
    from streamx.transform.expressions import ExpressionError

    for result, position in items:
        changed = result if isinstance(result, MutableMapping) else dict(result)
        try:
            changed[name] = value(result)
        except ExpressionError as error:
            refuse(without_value(error, position), (position,))
            continue
        yield changed, position


def without_value(error: ExpressionError, position: int) -> CallError:
    """Return what a record is refused with whose expression has no value."""
    return CallError(position, error.found, error.expected, kind="expression")


def _renamed(old: str, new: str, items: Iterable[Item], refuse: Refuse) -> Iterator[Item]:
    for result, position in items:
        if old != new and old in result and new in result:
            found = f"the key {new!r}, the name that {old!r} is renamed to"
            expected = "no other key of that name; rename to another with --rename"
            refuse(CallError(position, found, expected, kind="renamed key"), (position,))
        else:
            yield _picked(result, [(n, new if n == old else n) for n in result]), position


def _apply_to_batches(
    function: Callable[..., Any],
    name: str,
    most: int,
    items: Iterable[Item],
    refuse: Refuse,
    deaths: Deaths,
) -> Iterator[Item]:
    source = iter(items)
    while batch := list(islice(source, most)):
        positions = [position for _, position in batch]
        note_batch(positions[0], positions[-1])
        try:
            deaths.refuse_repeating(positions)
            results = function([record for record, _ in batch])
            checked = list(check_batch(results, len(batch), name, positions[0]))
        except BaseException as error:
            refuse(blamed(error, name, positions[0]), positions)
            continue
        yield from _batch_results(checked, positions, name, refuse)


def _batch_results(
    results: Sequence[Any], positions: Sequence[int], name: str, refuse: Refuse
) -> Iterator[Item]:
    for result, position in zip(results, positions, strict=True):
        if result is None:
            continue
        try:
            item = one_of(result, name, position)
        except CallError as error:
            refuse(error, (position,))
        else:
            yield item


def _picked(result: Mapping[str, Any], names: Sequence[tuple[str, str]]) -> Mapping[str, Any]:
    """Return a result's fields under the names that they are to have."""
    if isinstance(result, Record):
        return result.picked(names)
    return {new: result[old] for old, new in names}
