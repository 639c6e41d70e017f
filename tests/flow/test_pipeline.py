"""pipeline() joins parts, carries the first failure out as itself, and leaves nothing running."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator

import pytest

from streamx.flow import Limit, ReorderWindow, Stage, WorkerPool, pipeline
from streamx.flow.workers import Emit


class Source:
    """An endless source that knows how much was asked of it and whether it was closed."""

    def __init__(self) -> None:
        self.given = 0
        self.is_closed = False

    async def items(self) -> AsyncIterator[bytes]:
        try:
            while True:
                self.given += 1
                yield b"x"
                await asyncio.sleep(0)
        finally:
            self.is_closed = True


async def copy(item: bytes, emit: Emit[bytes]) -> int:
    await emit(item)
    return 1


async def fail(item: bytes, emit: Emit[bytes]) -> int:
    raise LookupError("the first failure")


def pool_of(work: object = copy) -> WorkerPool[bytes, bytes, int]:
    inbound: Limit[bytes] = Limit(2, 100, size_of=len)
    return WorkerPool(work, 2, inbound, ReorderWindow(4, 10))  # type: ignore[arg-type]  # either


async def forever(items: AsyncIterable[object]) -> None:
    async for _ in items:
        pass


async def first(items: AsyncIterable[object]) -> object:
    async for item in items:
        return item
    return None


def assert_nothing_runs() -> None:
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_a_sink_that_has_seen_enough_stops_everything_before_it() -> None:
    async def main() -> None:
        source = Source()
        assert await pipeline(source.items(), pool_of(), sink=first) == b"x"
        assert source.is_closed
        assert_nothing_runs()

    asyncio.run(main())


def test_a_stuck_sink_stops_the_source() -> None:
    async def main() -> None:
        source = Source()

        async def stuck(_: AsyncIterable[object]) -> None:
            await asyncio.Event().wait()

        running = asyncio.ensure_future(pipeline(source.items(), pool_of(), sink=stuck))
        before = -1
        while source.given != before:
            before = source.given
            for _ in range(20):
                await asyncio.sleep(0)
        assert source.given <= 20
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert source.is_closed
        assert_nothing_runs()

    asyncio.run(main())


def test_a_failing_stage_cancels_the_rest_and_is_raised_as_itself() -> None:
    async def main() -> None:
        source = Source()
        with pytest.raises(LookupError, match="the first failure"):
            await pipeline(source.items(), pool_of(fail), sink=forever)
        assert source.is_closed
        assert_nothing_runs()

    asyncio.run(main())


def test_a_failing_source_or_sink_is_raised_as_itself() -> None:
    async def main() -> None:
        async def broken() -> AsyncIterator[bytes]:
            yield b"x"
            raise OSError(5, "Input/output error")

        with pytest.raises(OSError, match="Input/output"):
            await pipeline(broken(), pool_of(), sink=forever)

        async def failing(items: AsyncIterable[object]) -> None:
            await first(items)
            raise OSError(28, "No space left on device")

        source = Source()
        with pytest.raises(OSError, match="No space"):
            await pipeline(source.items(), pool_of(), sink=failing)
        assert source.is_closed
        assert_nothing_runs()

    asyncio.run(main())


@pytest.mark.parametrize("part", ["source", "work", "sink"])
def test_a_part_whose_awaited_future_is_cancelled_has_failed(part: str) -> None:
    async def main() -> None:
        async def wait_in(name: str) -> None:
            if name == part:
                cancelled: asyncio.Future[None] = asyncio.Future()
                cancelled.cancel()
                await cancelled

        async def source() -> AsyncIterator[bytes]:
            yield b"x"
            await wait_in("source")

        async def work(item: bytes, emit: Emit[bytes]) -> int:
            await wait_in("work")
            await emit(item)
            return 1

        async def sink(items: AsyncIterable[object]) -> None:
            await wait_in("sink")
            await forever(items)

        with pytest.raises(RuntimeError, match="was cancelled"):
            await asyncio.wait_for(pipeline(source(), pool_of(work), sink=sink), 10)
        assert_nothing_runs()

    asyncio.run(main())


def test_the_first_of_two_failures_is_raised() -> None:
    async def main() -> None:
        async def failing_late(item: bytes, emit: Emit[bytes]) -> int:
            try:
                await asyncio.Event().wait()
            finally:
                raise RuntimeError("the second")

        async def failing(items: AsyncIterable[object]) -> None:
            await asyncio.sleep(0)
            raise ValueError("the first")

        with pytest.raises(ValueError, match="the first"):
            await pipeline(Source().items(), pool_of(failing_late), sink=failing)
        assert_nothing_runs()

    asyncio.run(main())


class Closing:
    """A stage without a buffer that notes when it is closed, and may fail to."""

    def __init__(self, name: str, closed: list[str], *, is_failing: bool = False) -> None:
        self._name = name
        self._closed = closed
        self._is_failing = is_failing

    async def __call__(self, items: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        try:
            async for item in items:
                yield item
        finally:
            self._closed.append(self._name)
            if self._is_failing:
                raise OSError(f"{self._name} cannot be closed")


def test_functions_and_buffers_can_be_joined_in_any_order() -> None:
    async def main() -> None:
        async def upper(items: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
            async for item in items:
                yield item.upper()

        async def first_three(items: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
            count = 0
            async for item in items:
                yield item
                count += 1
                if count == 3:
                    return

        async def to_list(items: AsyncIterable[bytes]) -> list[bytes]:
            return [item async for item in items]

        limit: Limit[bytes] = Limit(2, 100, size_of=len)
        stages = (upper, limit.buffer(), Stage(first_three, inbound=limit, outbound=limit), upper)
        source = Source()
        assert await pipeline(source.items(), *stages, sink=to_list) == [b"X"] * 3
        assert source.is_closed
        assert_nothing_runs()

    asyncio.run(main())


def test_generators_are_closed_from_the_last_to_the_first_before_the_source() -> None:
    async def main() -> None:
        source, closed = Source(), []
        stages = [Closing(name, closed) for name in ("first", "second")]
        await pipeline(source.items(), *stages, sink=first)
        assert closed == ["second", "first"]
        assert source.is_closed

    asyncio.run(main())


def test_what_cannot_be_closed_is_an_error_but_hides_none() -> None:
    async def main() -> None:
        source = Source()
        broken = Closing("it", [], is_failing=True)
        with pytest.raises(OSError, match="it cannot be closed"):
            await pipeline(source.items(), broken, sink=first)
        assert source.is_closed

        async def failing(items: AsyncIterable[object]) -> None:
            await first(items)
            raise LookupError("the first failure")

        with pytest.raises(LookupError, match="the first failure"):
            await pipeline(Source().items(), broken, sink=failing)

    asyncio.run(main())
