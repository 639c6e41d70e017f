"""The thread engine gives parts out early, counts a limit in order, and ends its threads."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Generator

import pytest
from codec.conversions import CSV, JSONL, layout_of

from streamx.chunk import Chunk, ChunkResult
from streamx.engine import threads as engines
from streamx.engine.threads import ThreadEngine
from streamx.testing import settle
from streamx.transform.plan import Plan

LAYOUT = layout_of(CSV, JSONL, ["a"])
PATIENCE_SECONDS = 10


def chunk(sequence: int, records: int) -> Chunk:
    return Chunk(sequence, 0, 1, b"x\n" * records)


def worker_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("streamx-worker")]


class Parts:
    """Collects parts; with a gate, one for each time that the test opens it."""

    def __init__(self, gate: asyncio.Semaphore | None = None) -> None:
        self.data: list[bytes] = []
        self._gate = gate

    async def emit(self, part: bytes) -> None:
        if self._gate is not None:
            await self._gate.acquire()
        self.data.append(part)


async def run_all(plan: Plan, *chunks: Chunk) -> tuple[bytes, list[ChunkResult]]:
    engine, parts = ThreadEngine(plan, 1), Parts()
    results = [await engine.run(chunk, parts.emit) for chunk in chunks]
    await engine.close()
    return b"".join(parts.data), results


def test_parts_come_out_before_the_chunk_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "STEP_BYTES", 1)

    async def main() -> None:
        gate = asyncio.Semaphore(1)
        engine, parts, emitted = ThreadEngine(Plan(LAYOUT), 1), Parts(gate), asyncio.Event()

        async def emit(part: bytes) -> None:
            await parts.emit(part)
            emitted.set()

        running = asyncio.ensure_future(engine.run(chunk(0, 100_000), emit))
        await asyncio.wait_for(emitted.wait(), PATIENCE_SECONDS)
        await settle()
        assert (len(parts.data), running.done()) == (1, False)
        assert len(parts.data[0]) < 100_000 * 10
        for _ in range(1_000):
            gate.release()
        result = await asyncio.wait_for(running, PATIENCE_SECONDS)
        assert b"".join(parts.data) == b'{"a":"x"}\n' * 100_000
        assert (result.records_out, result.is_last) == (100_000, False)
        await engine.close()

    asyncio.run(main())


def test_limit_is_counted_across_chunks() -> None:
    output, results = asyncio.run(
        run_all(Plan(LAYOUT, limits=(5,)), chunk(0, 3), chunk(1, 4), chunk(2, 2))
    )
    assert output == b'{"a":"x"}\n' * 5
    assert [result.records_out for result in results] == [3, 2, 0]
    assert [result.is_last for result in results] == [False, True, True]


def test_limit_that_ends_with_a_chunk_ends_the_run_there() -> None:
    _, results = asyncio.run(run_all(Plan(LAYOUT, limits=(3,)), chunk(0, 3)))
    assert results[0].is_last


def test_record_that_fails_takes_nothing_from_the_limit() -> None:
    bad = Chunk(1, 6, 4, b"x\nx,y\nx\n")
    output, results = asyncio.run(run_all(Plan(LAYOUT, limits=(5,)), chunk(0, 3), bad))
    assert output == b'{"a":"x"}\n' * 4
    assert [result.records_in for result in results] == [3, 1]
    failure = results[1].failure
    assert failure is not None
    assert (failure.place.line, failure.place.offset, results[1].is_last) == (5, 8, False)


@pytest.mark.parametrize("limit", [0, 1])
def test_limit_is_refused_with_several_workers(limit: int) -> None:
    with pytest.raises(ValueError, match="by one worker"):
        ThreadEngine(Plan(LAYOUT, limits=(limit,)), 2)


def test_close_ends_the_threads() -> None:
    async def main() -> None:
        engine, parts = ThreadEngine(Plan(LAYOUT), 3), Parts()
        await asyncio.gather(*(engine.run(chunk(n, 1_000), parts.emit) for n in range(6)))
        assert 1 <= len(worker_threads()) <= 3
        await engine.close()
        assert worker_threads() == []
        await engine.close()

    asyncio.run(main())


def test_a_worker_keeps_nothing_of_a_step_that_it_has_taken() -> None:
    made: list[weakref.ref[memoryview]] = []
    kept: list[int] = []

    class Watched(Plan):
        def run(
            self, chunk: Chunk, limits: tuple[int, ...] = ()
        ) -> Generator[bytes | memoryview, None, ChunkResult]:
            kept.append(sum(part() is not None for part in made))
            part = memoryview(b"x")
            made.append(weakref.ref(part))
            yield part
            return ChunkResult()

    async def drop(part: bytes | memoryview) -> None:
        """Take a part and keep nothing of it."""

    async def main() -> None:
        engine = ThreadEngine(Watched(LAYOUT), 1)
        for number in range(3):
            await engine.run(chunk(number, 1), drop)
        await engine.close()

    asyncio.run(main())
    assert kept == [0, 0, 0]


def test_close_waits_for_the_step_of_a_cancelled_run() -> None:
    has_begun, may_end = threading.Event(), threading.Event()

    class SlowPlan(Plan):
        def run(
            self, chunk: Chunk, limits: tuple[int, ...] = ()
        ) -> Generator[bytes | memoryview, None, ChunkResult]:
            has_begun.set()
            assert may_end.wait(PATIENCE_SECONDS)
            return (yield from Plan.run(self, chunk, limits))

    async def main() -> None:
        engine, parts = ThreadEngine(SlowPlan(LAYOUT), 1), Parts()
        running = asyncio.ensure_future(engine.run(chunk(0, 1), parts.emit))
        await asyncio.to_thread(has_begun.wait, PATIENCE_SECONDS)
        running.cancel()
        closing = asyncio.ensure_future(engine.close())
        await settle()
        assert not closing.done()
        may_end.set()
        await closing
        assert worker_threads() == []
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(main())


def test_emit_that_fails_ends_the_run_with_its_error() -> None:
    async def fail(part: bytes) -> None:
        raise ZeroDivisionError

    async def main() -> None:
        engine = ThreadEngine(Plan(LAYOUT), 1)
        with pytest.raises(ZeroDivisionError):
            await engine.run(chunk(0, 1), fail)
        await engine.close()
        assert worker_threads() == []

    asyncio.run(main())
