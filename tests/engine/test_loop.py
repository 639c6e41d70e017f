"""The loop engine keeps many records on their way, in order, and bounds what waits behind one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from codec.conversions import CSV, JSONL, layout_of

from streamx.chunk import Chunk, ChunkResult
from streamx.engine import flight
from streamx.engine.loop import LoopEngine, parts_of
from streamx.errors import StreamxError, UsageError
from streamx.testing import settle
from streamx.transform.chain import Step
from streamx.transform.functions import Apply, Calls
from streamx.transform.operations import Drop, Limit, Where
from streamx.transform.record_plan import RecordPlan

LAYOUT = layout_of(CSV, JSONL, ["a"])


class Far:
    """A far side that answers each record when the test says so, by its value."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: dict[str, asyncio.Future[Any]] = {}

    async def ask(self, record: Any) -> Any:
        name = record["a"]
        self.asked.append(name)
        self.answers[name] = asyncio.get_running_loop().create_future()
        answer = await self.answers[name]
        return record if answer is None else answer

    async def answer(self, *names: str, result: Any = None) -> None:
        for name in names:
            self.answers[name].set_result(result)
        await settle()


class Emitted(list[bytes]):
    """Takes parts, as long as the test lets it."""

    def __init__(self) -> None:
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def __call__(self, part: bytes | memoryview) -> None:
        await self.may_go_on.wait()
        self.append(bytes(part))


def plan(
    function: Callable[..., Any], *behind: Step, before: tuple[Step, ...] = (), **calls: Any
) -> RecordPlan:
    limits = tuple(step.records for step in (*before, *behind) if isinstance(step, Limit))
    return RecordPlan(
        LAYOUT, (*before, Apply(function), *behind), limits=limits, calls=Calls(**calls)
    )


def chunk(names: str, sequence: int = 0) -> Chunk:
    return Chunk(sequence, 0, 1, "".join(f"{name}\n" for name in names).encode())


def lines(names: str) -> bytes:
    return "".join(f'{{"a":"{name}"}}\n' for name in names).encode()


def test(main: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """Make a test of a coroutine function; one that waits for ever fails."""

    def run() -> None:
        asyncio.run(asyncio.wait_for(main(), 10))

    run.__name__ = main.__name__
    return run


test.__test__ = False  # type: ignore[attr-defined]  # a decorator


@test
async def test_no_more_records_are_on_their_way_than_may_be() -> None:
    far = Far()
    engine = LoopEngine(plan(far.ask, concurrency=2))
    running = asyncio.ensure_future(engine.run(chunk("xyz"), Emitted()))
    await settle()
    assert far.asked == ["x", "y"]
    await far.answer("y")
    assert far.asked == ["x", "y", "z"]
    await far.answer("x", "z")
    assert (await running).records_out == 3


@test
async def test_output_is_in_order_and_written_as_soon_as_it_may_be() -> None:
    far, emitted = Far(), Emitted()
    engine = LoopEngine(plan(far.ask, concurrency=9))
    running = asyncio.ensure_future(engine.run(chunk("xyz"), emitted))
    await settle()
    await far.answer("y")
    assert emitted == []
    await far.answer("x")
    assert emitted == [lines("xy")]
    await far.answer("z")
    assert emitted == [lines("xy"), lines("z")]
    await running


@test
async def test_unordered_output_waits_for_nobody() -> None:
    far, emitted = Far(), Emitted()
    engine = LoopEngine(plan(far.ask, concurrency=9), is_ordered=False)
    running = asyncio.ensure_future(engine.run(chunk("xyz"), emitted))
    await settle()
    for name in "zyx":
        await far.answer(name)
    assert emitted == [lines("z"), lines("y"), lines("x")]
    await running


@test
async def test_records_of_the_next_chunk_start_when_all_of_the_one_before_have() -> None:
    far = Far()
    engine = LoopEngine(plan(far.ask, concurrency=3))
    runs = [asyncio.ensure_future(engine.run(chunk(each), Emitted())) for each in ("vw", "xy")]
    await settle()
    assert far.asked == ["v", "w", "x"]
    await far.answer("w")
    assert far.asked == ["v", "w", "x", "y"]
    await far.answer("x", "y", "v")
    assert [result.records_out for result in await asyncio.gather(*runs)] == [2, 2]


@test
async def test_a_failure_is_reported_while_others_are_still_on_their_way() -> None:
    far, emitted = Far(), Emitted()
    engine = LoopEngine(plan(far.ask, concurrency=3))
    running = asyncio.ensure_future(engine.run(chunk("wxyz"), emitted))
    await settle()
    await far.answer("w")
    far.answers["x"].set_exception(ZeroDivisionError("no"))
    result = await running
    assert emitted == [lines("w")]
    assert result.failure is not None
    assert (result.failure.place.line, result.failure.stage) == (2, "transform")
    assert far.answers["y"].cancelled()


@test
async def test_a_limit_behind_ends_the_chunk_and_what_is_on_its_way() -> None:
    far, emitted = Far(), Emitted()
    engine = LoopEngine(plan(far.ask, Limit(2), concurrency=3))
    running = asyncio.ensure_future(engine.run(chunk("wxyz"), emitted))
    await settle()
    await far.answer("w", "x")
    result = await running
    assert (emitted, result.is_last, result.taken) == ([lines("wx")], True, (2,))
    assert far.answers["y"].cancelled()


@test
async def test_a_limit_before_is_counted_across_chunks() -> None:
    far = Far()
    engine = LoopEngine(plan(far.ask, before=(Limit(3),), concurrency=9))
    assert engine.lanes == 1
    running = asyncio.ensure_future(engine.run(chunk("wx"), Emitted()))
    await settle()
    await far.answer("w", "x")
    assert not (await running).is_last
    running = asyncio.ensure_future(engine.run(chunk("yz", 1), Emitted()))
    await settle()
    await far.answer("y")
    assert (await running).is_last
    assert far.asked == ["w", "x", "y"]


@test
async def test_records_within_a_limit_before_are_all_written() -> None:
    far, emitted = Far(), Emitted()
    engine = LoopEngine(plan(far.ask, before=(Limit(2),), concurrency=9))
    running = asyncio.ensure_future(engine.run(chunk("xyz"), emitted))
    await settle()
    await far.answer("x")
    await far.answer("y")
    assert (await running).is_last
    assert emitted == [lines("x"), lines("y")]


async def at_once(record: Any) -> Any:
    return record


@test
async def test_no_record_starts_while_much_output_waits_for_the_writer() -> None:
    asked: list[str] = []

    async def grow(record: Any) -> Any:
        asked.append(record["a"])
        return {"a": "x" * flight.MOST_WAITING_BYTES}

    emitted = Emitted()
    emitted.may_go_on.clear()
    engine = LoopEngine(plan(grow, concurrency=2))
    running = asyncio.ensure_future(engine.run(chunk("x" * 50), emitted))
    await settle()
    assert len(asked) < 6
    emitted.may_go_on.set()
    assert (await running).records_out == 50


class Entered:
    """Notes when it is entered and left."""

    events: list[str]

    async def __aenter__(self) -> Entered:
        self.events.append("entered")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.events.append("left")

    async def __call__(self, record: Any) -> Any:
        self.events.append(record["a"])
        return record


@test
async def test_a_context_is_entered_once_before_the_first_record_and_left_by_close() -> None:
    class Fresh(Entered):
        events: list[str] = []  # noqa: RUF012

    engine = LoopEngine(plan(Fresh, concurrency=1))
    for sequence in range(2):
        await engine.run(chunk("xy", sequence), Emitted())
    await engine.close()
    await engine.close()
    assert Fresh.events == ["entered", "x", "y", "x", "y", "left"]


@test
async def test_a_context_that_cannot_be_entered_fails_the_run() -> None:
    class Refusing(Entered):
        async def __aenter__(self) -> Entered:
            raise OSError("no such host")

    engine = LoopEngine(plan(Refusing))
    with pytest.raises(StreamxError, match="making it ready raised OSError: no such host"):
        await engine.run(chunk("x"), Emitted())
    await engine.close()


@test
async def test_cancelling_a_run_cancels_the_records_on_their_way() -> None:
    far = Far()
    engine = LoopEngine(plan(far.ask, concurrency=2))
    running = asyncio.ensure_future(engine.run(chunk("xyz"), Emitted()))
    await settle()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert all(answer.cancelled() for answer in far.answers.values())
    assert far.asked == ["x", "y"]


@test
async def test_a_function_that_is_cancelled_by_itself_is_a_failure() -> None:
    far = Far()
    engine = LoopEngine(plan(far.ask))
    running = asyncio.ensure_future(engine.run(chunk("x"), Emitted()))
    await settle()
    far.answers["x"].cancel()
    result: ChunkResult = await running
    assert result.failure is not None
    assert result.failure.found.endswith("raised CancelledError")


@test
async def test_batches_gather_records_of_several_chunks() -> None:
    batches: list[int] = []

    async def take(records: list[Any]) -> list[Any]:
        batches.append(len(records))
        return records

    engine = LoopEngine(plan(take, concurrency=4, batch_records=4, batch_wait_seconds=60))
    runs = [engine.run(chunk(each), Emitted()) for each in ("vw", "xy")]
    assert [result.records_out for result in await asyncio.gather(*runs)] == [2, 2]
    assert batches == [4]


def test_a_limit_among_asynchronous_functions_is_refused() -> None:
    ask = Apply(at_once)
    for steps in ((ask, Limit(1), ask), (ask, Limit(1), Where("a > 1"))):
        with pytest.raises(UsageError, match="--limit among asynchronous functions"):
            parts_of(steps)
    assert parts_of((Limit(1), ask, Drop(("a",)), Limit(2))) == (
        [Limit(1)],
        [ask],
        [Drop(("a",)), Limit(2)],
    )
