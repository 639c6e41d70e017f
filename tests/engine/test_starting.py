"""By priority, of the records that wait the most urgent starts next, and all of them start."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from codec.conversions import CSV, JSONL, layout_of
from hypothesis import given
from hypothesis import strategies as st

from streamx.chunk import Chunk, ChunkResult
from streamx.engine import flight, starting
from streamx.engine.loop import LoopEngine
from streamx.testing import run_in_simulated_time, settle
from streamx.transform.expressions import parse
from streamx.transform.functions import Apply, Calls
from streamx.transform.plan import Lenience
from streamx.transform.record_plan import RecordPlan

LAYOUT = layout_of(CSV, JSONL, ["a"])
# A cell that is no number has no priority, and one that is `-` a null one.
PRIORITY = parse("None if a == '-' else int(a)", "--priority")


class Far:
    """A far side that notes who was asked, and answers when the test says so."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._answers: asyncio.Queue[int] = asyncio.Queue()
        self.size = 1

    async def ask(self, record: Any) -> Any:
        self.asked.append(record["a"])
        await self._answers.get()
        return record | {"text": "x" * self.size}

    async def answer(self, count: int = 1) -> None:
        for _ in range(count):
            self._answers.put_nowait(0)
        await settle()


class Run:
    """An engine, and the chunks that it runs."""

    def __init__(
        self,
        function: Callable[..., Any],
        concurrency: int = 1,
        *,
        lenience: Lenience | None = None,
    ) -> None:
        plan = RecordPlan(LAYOUT, (Apply(function),), calls=Calls(concurrency=concurrency))
        plan = replace(plan, priority=PRIORITY, lenience=lenience)
        self._engine = LoopEngine(plan, is_ordered=False)
        self.results: list[asyncio.Future[ChunkResult]] = []
        self.may_emit = asyncio.Event()

    async def add(self, cells: Sequence[str], *, is_read: bool = True) -> None:
        """Hand the engine a chunk; its output is taken at once, unless nobody reads it."""

        async def emit(_: bytes | memoryview) -> None:
            if not is_read:
                await self.may_emit.wait()

        chunk = Chunk(len(self.results), 0, 1, "".join(f"{cell}\n" for cell in cells).encode())
        self.results.append(asyncio.ensure_future(self._engine.run(chunk, emit)))
        await settle()

    async def records_out(self) -> list[int]:
        return [result.records_out for result in await asyncio.gather(*self.results)]


def test_lowest_starts_next_and_null_last_and_equal_ones_in_order() -> None:
    async def main() -> None:
        far = Far()
        run = Run(far.ask)
        await run.add(["-", "07", "3", "7", "-5", "-", "007"])
        await far.answer(7)
        assert far.asked == ["-5", "3", "07", "7", "007", "-", "-"]
        assert await run.records_out() == [7]

    run_in_simulated_time(main())


def test_record_of_a_later_chunk_starts_before_less_urgent_ones_of_an_earlier_one() -> None:
    async def main() -> None:
        far = Far()
        run = Run(far.ask)
        await run.add(["5", "6", "7"])
        await run.add(["1", "9"])
        assert far.asked == ["5"]
        await far.answer(5)
        assert far.asked == ["5", "1", "6", "7", "9"]
        assert await run.records_out() == [3, 2]

    run_in_simulated_time(main())


@given(st.lists(st.lists(st.integers(0, 9), min_size=1), min_size=1, max_size=5), st.integers(1, 4))
def test_every_record_starts_once_and_never_before_a_more_urgent_one_that_waits(
    chunks: list[list[int]], concurrency: int
) -> None:
    async def main() -> None:
        far = Far()
        run = Run(far.ask, concurrency)
        for cells in chunks:
            await run.add([str(cell) for cell in cells])
        before = len(far.asked)
        total = sum(map(len, chunks))
        await far.answer(total)
        counts = await run.records_out()
        asked = list(map(int, far.asked))
        assert asked[before:] == sorted(asked[before:])
        assert sorted(asked) == sorted(cell for cells in chunks for cell in cells)
        assert counts == [len(cells) for cells in chunks]

    run_in_simulated_time(main())


def test_no_more_records_wait_than_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "MOST_WAITING_RECORDS", 3)

    async def main() -> None:
        far = Far()
        run = Run(far.ask)
        await run.add(["9", "8", "7", "1"])
        await run.add(["0"])
        # The first three wait when one has to start.
        assert far.asked == ["7"]
        await far.answer(5)
        assert far.asked[1] == "1"
        assert sorted(far.asked) == ["0", "1", "7", "8", "9"]
        assert await run.records_out() == [4, 1]

    run_in_simulated_time(main())


def test_chunk_whose_output_nobody_reads_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flight, "MOST_WAITING_BYTES", 100)

    async def main() -> None:
        far = Far()
        far.size = 200
        run = Run(far.ask)
        await run.add(["1", "2", "3", "4"], is_read=False)
        await run.add(["7", "8"])
        await far.answer(9)
        # The second had started before it was known how much the first gave.
        assert far.asked == ["1", "2", "7", "8"]
        assert (await run.results[1]).records_out == 2
        run.may_emit.set()
        await settle()
        await far.answer(9)
        assert sorted(far.asked) == ["1", "2", "3", "4", "7", "8"]
        assert await run.records_out() == [4, 2]

    run_in_simulated_time(main())


def test_record_without_a_priority_ends_the_run_behind_those_before_it() -> None:
    async def main() -> None:
        far = Far()
        run = Run(far.ask)
        await run.add(["2", "1", "x", "0"])
        await far.answer(4)
        (result,) = await asyncio.gather(*run.results)
        assert far.asked == ["1", "2"]
        assert (result.records_in, result.records_out) == (3, 2)
        assert result.failure is not None
        assert (result.failure.stage, result.failure.place.line) == ("transform", 3)

    run_in_simulated_time(main())


def test_record_without_a_priority_is_left_out_where_bad_ones_are() -> None:
    async def main() -> None:
        far = Far()
        run = Run(far.ask, lenience=Lenience())
        await run.add(["2", "x", "1"])
        await far.answer(4)
        (result,) = await asyncio.gather(*run.results)
        assert far.asked == ["1", "2"]
        assert (result.records_in, result.records_out) == (3, 2)
        ((kind, notice),) = result.bad_records.items()
        assert (kind.stage, notice.count, notice.first.line) == ("transform", 1, 2)

    run_in_simulated_time(main())


def test_cancelled_run_starts_no_more() -> None:
    async def main() -> None:
        far = Far()
        run = Run(far.ask)
        await run.add(["1", "2", "3"])
        run.results[0].cancel()
        await asyncio.gather(*run.results, return_exceptions=True)
        await far.answer(3)
        assert far.asked == ["1"]

    run_in_simulated_time(main())
