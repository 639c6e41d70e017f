"""What holds for every buffer: bounds, order, closing, cancellation, fairness and statistics."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamx.flow import (
    BoundedBuffer,
    BufferClosedError,
    BufferFullError,
    BufferStatistics,
    DrainWriter,
    Limit,
    PriorityBuffer,
    ReorderWindow,
    WorkerPool,
)
from streamx.flow.buffer import OnFull
from streamx.testing import run_in_simulated_time, settle

LARGE = 1 << 20


class Buffer(Protocol):
    async def put(self, item: bytes, /) -> None: ...

    async def get(self) -> bytes: ...

    def close(self) -> None: ...

    def statistics(self) -> BufferStatistics: ...


class PoolInput:
    """The input of a worker pool, of which the test is the only worker."""

    def __init__(self, capacity: int, capacity_bytes: int, **marks: Any) -> None:
        async def work(item: bytes, _emit: object) -> None:
            raise AssertionError(item)

        limit = Limit(capacity, capacity_bytes, size_of=len, **marks)
        pool: WorkerPool[bytes, bytes, None] = WorkerPool(work, 1, limit, ReorderWindow(1, 1))
        self.put, self.close, self.statistics = pool.put, pool.close, pool.inbound.statistics
        self._inbound = pool.inbound

    async def get(self) -> bytes:
        return (await self._inbound.get()).item


class Window:
    """A reorder window whose outputs are one part each."""

    def __init__(self, capacity: int, capacity_bytes: int) -> None:
        self._window: ReorderWindow[bytes, None] = ReorderWindow(capacity, capacity_bytes)
        self.close, self.statistics = self._window.close, self._window.statistics
        self._numbers = itertools.count()

    async def put(self, item: bytes) -> None:
        number = next(self._numbers)
        await self._window.put(number, item)
        await self._window.finish(number, None)

    async def get(self) -> bytes:
        try:
            return await anext(self._window)
        except StopAsyncIteration:
            raise BufferClosedError from None


class Backlog:
    """The backlog of a drain writer, whose sink takes a part when the test does."""

    def __init__(self, capacity: int, capacity_bytes: int) -> None:
        self._writer = DrainWriter(self._hand_over, capacity_bytes, high_water_parts=capacity)
        self.put, self.close = self._writer.write, self._writer.close
        self.statistics = self._writer.statistics
        self._handed: asyncio.Queue[bytes] = asyncio.Queue(1)
        self._running: asyncio.Future[None] | None = None

    async def get(self) -> bytes:
        self._running = self._running or asyncio.ensure_future(self._writer.run())
        getting = asyncio.ensure_future(self._handed.get())
        await asyncio.wait([getting, self._running], return_when=asyncio.FIRST_COMPLETED)
        if not getting.done():
            getting.cancel()
            raise BufferClosedError
        self._handed.task_done()
        return getting.result()

    async def _hand_over(self, parts: Sequence[bytes | memoryview]) -> None:
        for part in parts:
            await self._handed.put(bytes(part))
        await self._handed.join()


def first_byte(item: bytes) -> bytes:
    return item[:1]


def with_policy(policy: OnFull) -> Callable[..., BoundedBuffer[bytes]]:
    return lambda *capacities, **options: BoundedBuffer(
        *capacities, size_of=len, on_full=policy, **options
    )


def priority(*capacities: int, **options: Any) -> PriorityBuffer[bytes]:
    return PriorityBuffer(*capacities, size_of=len, priority_of=first_byte, **options)


WAITING: dict[str, Callable[..., Buffer]] = {
    "block": with_policy("block"),
    "priority": priority,
    "pool": PoolInput,
}
DROPPING: dict[str, Callable[..., BoundedBuffer[bytes]]] = {
    "drop-oldest": with_policy("drop-oldest"),
    "drop-newest": with_policy("drop-newest"),
    "error": with_policy("error"),
}
WITHOUT_WINDOW = {**WAITING, **DROPPING}
# These hold one part more than their bytes: a writer takes the one that fills it.
WITH_ONE_PART_MORE: dict[str, Callable[..., Buffer]] = {"window": Window, "backlog": Backlog}
EVERY = {**WITHOUT_WINDOW, **WITH_ONE_PART_MORE}


def of_kinds(kinds: dict[str, Any]) -> Any:
    return pytest.mark.parametrize("make", kinds.values(), ids=list(kinds))


async def started(coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    task = asyncio.ensure_future(coroutine)
    await settle()
    return task


async def filled(make: Callable[..., Any], items: list[bytes], *capacities: int, **low: int) -> Any:
    buffer = make(*capacities, **low)
    for item in items:
        await buffer.put(item)
    return buffer


@of_kinds(EVERY)
def test_an_unbounded_buffer_cannot_be_expressed(make: Callable[..., Buffer]) -> None:
    for capacities in ((0, 1), (-1, 1), (1, 0)):
        with pytest.raises(ValueError, match="at least one"):
            make(*capacities)
    with pytest.raises(TypeError):
        make(1)


@of_kinds(WITHOUT_WINDOW)
def test_the_low_water_mark_must_lie_below_the_capacity(make: Callable[..., Buffer]) -> None:
    with pytest.raises(ValueError, match="low-water"):
        make(2, LARGE, low_water=2)


@of_kinds(EVERY)
@given(
    items=st.lists(st.binary(min_size=1, max_size=20), max_size=30),
    capacity=st.integers(1, 5),
    capacity_bytes=st.integers(1, 30),
)
def test_the_fill_stays_within_items_and_bytes_and_what_comes_out_is_in_order(
    make: Callable[..., Buffer], items: list[bytes], capacity: int, capacity_bytes: int
) -> None:
    async def main() -> None:
        buffer = make(capacity, capacity_bytes)
        got: list[bytes] = []

        async def produce() -> None:
            for item in items:
                try:
                    await buffer.put(item)
                except BufferFullError:
                    continue
            buffer.close()

        producer = asyncio.ensure_future(produce())
        try:
            while True:
                await asyncio.sleep(1)
                got.append(await buffer.get())
        except BufferClosedError:
            await producer
        statistics = buffer.statistics()
        assert statistics.fill == statistics.fill_bytes == 0
        assert statistics.peak_fill <= capacity
        has_more = make in WITH_ONE_PART_MORE.values()
        one_part = max(map(len, items), default=0) if has_more else 0
        assert statistics.peak_bytes <= max([capacity_bytes, *map(len, items)]) + one_part
        assert len(got) <= statistics.total <= len(items)
        if make is not priority:
            remaining = iter(items)
            assert all(item in remaining for item in got), "first in, first out"
        if make not in DROPPING.values():
            assert sorted(got) == sorted(items)

    run_in_simulated_time(main())


@of_kinds(WITHOUT_WINDOW)
def test_an_item_larger_than_the_buffer_is_admitted_alone(make: Callable[..., Buffer]) -> None:
    async def main() -> None:
        buffer = make(4, 10)
        await buffer.put(b"x" * 100)
        assert buffer.statistics().fill_bytes == 100
        assert len(await buffer.get()) == 100

    asyncio.run(main())


@of_kinds(WAITING)
def test_a_producer_waits_for_room_and_resumes_at_the_low_water_mark(
    make: Callable[..., Buffer],
) -> None:
    async def main() -> None:
        buffer = await filled(make, [b"x"] * 4, 4, LARGE, low_water=1)
        producer = await started(buffer.put(b"late"))
        for expected_fill in (3, 2):
            await buffer.get()
            await settle()
            assert not producer.done()
            assert buffer.statistics().fill == expected_fill
            assert buffer.statistics().is_paused
        await buffer.get()
        await producer
        assert buffer.statistics().fill == 2
        assert not buffer.statistics().is_paused

    asyncio.run(main())


@of_kinds(WAITING)
def test_nobody_overtakes_a_producer_that_waits(make: Callable[..., Buffer]) -> None:
    async def main() -> None:
        buffer = await filled(make, [b"x" * 6], 4, 10)
        large = await started(buffer.put(b"x" * 9))
        small = await started(buffer.put(b"x"))
        assert not small.done(), "there is room for one byte, but not before the nine"
        await buffer.get()
        await large
        await small
        assert [len(await buffer.get()) for _ in range(2)] == [9, 1]

    asyncio.run(main())


@of_kinds(WITHOUT_WINDOW)
def test_consumers_have_their_turn_in_the_order_in_which_they_came(
    make: Callable[..., Buffer],
) -> None:
    async def main() -> None:
        buffer = make(4, LARGE)
        consumers = [await started(buffer.get()) for _ in range(3)]
        for item in (b"1", b"2", b"3"):
            await buffer.put(item)
        late = asyncio.ensure_future(buffer.get())
        assert await asyncio.gather(*consumers) == [b"1", b"2", b"3"]
        assert not late.done()
        late.cancel()

    asyncio.run(main())


@of_kinds(EVERY)
def test_after_closing_the_rest_can_be_taken_and_then_everyone_hears_of_it(
    make: Callable[..., Buffer],
) -> None:
    async def main() -> None:
        buffer = await filled(make, [b"rest"], 2, LARGE)
        buffer.close()
        assert await buffer.get() == b"rest"
        with pytest.raises(BufferClosedError):
            await buffer.get()
        if make is not Window:
            with pytest.raises(BufferClosedError):
                await buffer.put(b"late")

    asyncio.run(main())


@of_kinds(WAITING)
def test_closing_wakes_everyone_who_waits(make: Callable[..., Buffer]) -> None:
    async def main() -> None:
        full, empty = await filled(make, [b"x"], 1, LARGE), make(1, LARGE)
        tasks = [await started(full.put(b"y")) for _ in range(3)]
        tasks += [await started(empty.get()) for _ in range(3)]
        full.close()
        empty.close()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(result) for result in results] == [BufferClosedError] * 6
        assert full.statistics().fill == 1

    asyncio.run(main())


@of_kinds(WAITING)
def test_a_producer_cancelled_when_it_was_let_in_leaves_its_place_to_the_next(
    make: Callable[..., Buffer],
) -> None:
    async def main() -> None:
        buffer = await filled(make, [b"x"], 1, LARGE)
        leaving, staying = await started(buffer.put(b"a")), await started(buffer.put(b"b"))
        await buffer.get()
        leaving.cancel()
        await staying
        assert leaving.cancelled()
        assert await buffer.get() == b"b"

    asyncio.run(main())


@of_kinds(WITHOUT_WINDOW)
def test_a_consumer_cancelled_when_an_item_came_leaves_it_to_the_next(
    make: Callable[..., Buffer],
) -> None:
    async def main() -> None:
        buffer = make(1, LARGE)
        leaving, staying = await started(buffer.get()), await started(buffer.get())
        await buffer.put(b"x")
        leaving.cancel()
        assert await staying == b"x"
        assert leaving.cancelled()

    asyncio.run(main())


@of_kinds(WAITING)
def test_statistics_say_how_often_and_how_long_producers_and_consumers_waited(
    make: Callable[..., Buffer],
) -> None:
    async def main() -> None:
        buffer = await filled(make, [b"x"], 1, LARGE)
        producers = [await started(buffer.put(b"yy")) for _ in range(2)]
        for seconds in (3, 4):
            await asyncio.sleep(seconds)
            assert buffer.statistics().longest_producer_wait_seconds >= seconds
            await buffer.get()
            await settle()
        await asyncio.gather(*producers)
        await buffer.get()
        consumer = await started(buffer.get())
        await asyncio.sleep(5)
        statistics = buffer.statistics()
        assert statistics.producer_waits == 2
        assert statistics.producer_wait_seconds == 7, "both waited at a time"
        assert statistics.longest_producer_wait_seconds == 7
        assert statistics.consumer_wait_seconds == 5, "and still waits"
        assert (statistics.peak_fill, statistics.peak_bytes, statistics.total) == (1, 2, 3)
        assert statistics.dropped == 0
        consumer.cancel()

    run_in_simulated_time(main())


def test_what_flows_freely_never_looks_at_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        buffer = with_policy("block")(2, LARGE)
        monkeypatch.setattr(asyncio.get_running_loop(), "time", None)
        await buffer.put(b"x")
        assert await buffer.get() == b"x"
        monkeypatch.undo()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("policy", "expected", "dropped"),
    [("drop-oldest", [b"2", b"3"], [b"1"]), ("drop-newest", [b"1", b"2"], [b"3"])],
)
def test_what_is_dropped_is_handed_over_and_counted(
    policy: OnFull, expected: list[bytes], dropped: list[bytes]
) -> None:
    async def main() -> None:
        seen: list[bytes] = []
        buffer = with_policy(policy)(2, LARGE, on_drop=seen.append)
        for item in (b"1", b"2", b"3"):
            await buffer.put(item)
        buffer.close()
        assert [item async for item in buffer] == expected
        assert seen == dropped
        assert buffer.statistics().dropped == 1

    asyncio.run(main())


def test_an_error_says_how_full_the_buffer_is() -> None:
    async def main() -> None:
        buffer = await filled(with_policy("error"), [b"123"], 2, 4)
        with pytest.raises(BufferFullError, match=r"of 2 bytes.*1 of 2 items and 3 of 4 bytes"):
            await buffer.put(b"45")
        assert buffer.statistics().dropped == 0

    asyncio.run(main())


def test_equal_priorities_leave_in_the_order_of_arrival() -> None:
    async def main() -> None:
        buffer = await filled(priority, [b"b1", b"a1", b"b2", b"a2", b"a3"], 8, LARGE)
        assert [await buffer.get() for _ in range(5)] == [b"a1", b"a2", b"a3", b"b1", b"b2"]

    asyncio.run(main())


def test_an_item_whose_priority_cannot_be_told_or_compared_is_not_in() -> None:
    async def main() -> None:
        buffer: PriorityBuffer[bytes] = PriorityBuffer(
            4, LARGE, size_of=len, priority_of={b"1": 1, b"2": 2, b"odd": "odd"}.__getitem__
        )
        await buffer.put(b"2")
        for item, error in ((b"odd", TypeError), (b"unknown", KeyError)):
            with pytest.raises(error):
                await buffer.put(item)
        await buffer.put(b"1")
        assert buffer.statistics().total == buffer.statistics().fill == 2
        assert [await buffer.get(), await buffer.get()] == [b"1", b"2"]
        assert buffer.statistics().fill == 0

    asyncio.run(main())


@dataclass
class Model:
    """What a buffer is to do, in plain lists: whoever waits is a number in a list."""

    kind: str
    capacity: int
    capacity_bytes: int
    low_water: int
    items: list[bytes] = field(default_factory=list)
    puts: list[tuple[int, bytes]] = field(default_factory=list)
    gets: list[int] = field(default_factory=list)
    outcomes: dict[int, object] = field(default_factory=dict)
    dropped: list[bytes] = field(default_factory=list)
    is_closed: bool = False

    def put(self, number: int, item: bytes) -> None:
        if self.is_closed:
            self.outcomes[number] = BufferClosedError
        elif self.kind in WAITING:
            self.puts.append((number, item))
            if len(self.puts) == 1:
                self._admit()
        elif self.kind == "error" and not self._has_room(item):
            self.outcomes[number] = BufferFullError
        elif self.kind == "drop-newest" and not self._has_room(item):
            self.dropped.append(item)
            self.outcomes[number] = None
        else:
            while not self._has_room(item):
                self.dropped.append(self.items.pop(0))
            self._enter(number, item)
        self._serve()

    def get(self, number: int) -> None:
        self.gets.append(number)
        self._serve()

    def cancel(self, number: int) -> None:
        was_putting = any(number == putting for putting, _ in self.puts)
        if was_putting or number in self.gets:
            self.outcomes[number] = asyncio.CancelledError
        self.puts = [each for each in self.puts if each[0] != number]
        self.gets = [each for each in self.gets if each != number]
        if was_putting:
            self._admit()

    def close(self) -> None:
        self.is_closed = True
        for number in [*self.gets, *(number for number, _ in self.puts)]:
            self.outcomes[number] = BufferClosedError
        self.gets, self.puts = [], []

    def _serve(self) -> None:
        while self.gets and self.items:
            first = min(self.items, key=first_byte) if self.kind == "priority" else self.items[0]
            self.items.remove(first)
            self.outcomes[self.gets.pop(0)] = first
            if len(self.items) <= self.low_water and self._bytes() <= self.capacity_bytes // 2:
                self._admit()
        if self.is_closed:
            self.close()

    def _admit(self) -> None:
        while self.puts and self._has_room(self.puts[0][1]):
            self._enter(*self.puts.pop(0))

    def _enter(self, number: int, item: bytes) -> None:
        self.items.append(item)
        self.outcomes[number] = None

    def _has_room(self, item: bytes) -> bool:
        return not self.items or (
            len(self.items) < self.capacity and self._bytes() + len(item) <= self.capacity_bytes
        )

    def _bytes(self) -> int:
        return sum(map(len, self.items))


def outcome_of(task: asyncio.Task[Any]) -> object:
    if task.cancelled():
        return asyncio.CancelledError
    return type(task.exception()) if task.exception() else task.result()


@pytest.mark.parametrize("kind", WITHOUT_WINDOW)
@given(
    steps=st.lists(
        st.one_of(
            st.binary(min_size=1, max_size=4),  # put it
            st.just("get"),
            st.integers(0, 29),  # cancel what that step has begun
            st.sampled_from(["get", "get", "close"]),
        ),
        max_size=30,
    ),
    capacity=st.integers(1, 4),
    capacity_bytes=st.integers(1, 9),
    low_water=st.integers(0, 3),
)
def test_a_buffer_does_what_a_plain_model_does(
    kind: str, steps: list[Any], capacity: int, capacity_bytes: int, low_water: int
) -> None:
    async def main() -> None:
        low = min(low_water, capacity - 1)
        model = Model(kind, capacity, capacity_bytes, low)
        dropped: list[bytes] = []
        drops = {"on_drop": dropped.append} if kind in DROPPING else {}
        buffer = WITHOUT_WINDOW[kind](capacity, capacity_bytes, low_water=low, **drops)
        tasks: dict[int, asyncio.Task[Any]] = {}
        for number, step in enumerate(steps):
            if step == "close":
                buffer.close()
                model.close()
            elif step == "get":
                tasks[number] = asyncio.ensure_future(buffer.get())
                model.get(number)
            elif isinstance(step, bytes):
                tasks[number] = asyncio.ensure_future(buffer.put(step))
                model.put(number, step)
            elif step in tasks:
                tasks[step].cancel()
                model.cancel(step)
            await settle()
            outcomes = {each: outcome_of(task) for each, task in tasks.items() if task.done()}
            assert outcomes == model.outcomes
            assert buffer.statistics().fill == len(model.items)
            assert buffer.statistics().is_paused == bool(model.puts)
        assert dropped == model.dropped
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)

    asyncio.run(main())
