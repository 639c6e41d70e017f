"""A monitor names the part that others wait for, whatever else is full, and how long it takes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial

import pytest

from streamx.flow import (
    Credits,
    DrainWriter,
    FlowMonitor,
    FlowSnapshot,
    HealthLimits,
    Level,
    Limit,
    ReorderWindow,
    WorkerPool,
    pipeline,
    together,
)
from streamx.flow.workers import Emit
from streamx.testing import run_in_simulated_time

ITEMS = 60
SLOW_SECONDS = 1.0


class Flow:
    """A flow of which one part takes a second for an item: "reader", "workers" or "writer".

    Args:
        slow: which one.
        part_bytes: what an item becomes, of the thousand that the output buffer holds.
    """

    def __init__(self, slow: str, part_bytes: int) -> None:
        self._slow = slow
        self._part_bytes = part_bytes
        self.credits = Credits(8, 8)
        self.window: ReorderWindow[bytes, int] = ReorderWindow(8, 1 << 20)
        self.pool = WorkerPool(self._work, 2, Limit(4, 4, size_of=lambda _: 1), self.window)
        self.writer = DrainWriter(self._write, 1000)

    def monitor(self, limits: HealthLimits) -> FlowMonitor:
        return FlowMonitor(
            bytes_read=lambda: 0,
            total_bytes=None,
            bytes_written=lambda: self.writer.bytes_written,
            workers_busy=lambda: self.pool.busy,
            workers=2,
            input_buffer=self.pool.inbound.statistics,
            reorder_window=self.window.statistics,
            output_buffer=self.writer.statistics,
            in_flight=self.credits.statistics,
            chunk_latency=self.pool.latency,
            limits=limits,
            clock=asyncio.get_running_loop().time,
        )

    async def run(self) -> None:
        await together(self.writer.run(), pipeline(self._source(), self.pool, sink=self._deliver))

    async def _source(self) -> AsyncIterator[int]:
        for number in range(ITEMS):
            await self.credits.acquire(number, 1)
            await self._take_time("reader")
            yield number

    async def _work(self, item: int, emit: Emit[bytes]) -> int:
        await self._take_time("workers")
        await emit(bytes(self._part_bytes))
        return item

    async def _deliver(self, outbound: AsyncIterator[bytes | int]) -> None:
        async for each in outbound:
            if isinstance(each, bytes):
                await self.writer.write(each)
            else:
                self.writer.call_when_drained(partial(self.credits.release, each))
        self.writer.close()

    async def _write(self, parts: Sequence[bytes | memoryview]) -> None:
        for _ in parts:
            await self._take_time("writer")

    async def _take_time(self, part: str) -> None:
        if part == self._slow:
            await asyncio.sleep(SLOW_SECONDS)


async def watched(flow: Flow, limits: HealthLimits) -> FlowSnapshot:
    """Run a flow, and return what is seen of eight seconds in its middle."""
    monitor = flow.monitor(limits)
    running = asyncio.ensure_future(flow.run())
    await asyncio.sleep(10.25)
    monitor.snapshot()
    await asyncio.sleep(8)
    snapshot = monitor.snapshot()
    await running
    return snapshot


@pytest.mark.parametrize("part_bytes", [1, 900])
@pytest.mark.parametrize("slow", ["reader", "workers", "writer"])
def test_slow_part_is_named_however_much_its_output_is(slow: str, part_bytes: int) -> None:
    snapshot = run_in_simulated_time(watched(Flow(slow, part_bytes), HealthLimits()))
    assert snapshot.waiting_on == slow
    assert (snapshot.busy_share > 0.9) == (slow == "workers")
    assert snapshot.health.worst == Level.HEALTHY, "waiting is backpressure at work"


def test_latency_is_what_an_item_takes_and_the_waits_of_a_live_input_are_judged() -> None:
    live = HealthLimits(judges_waiting=True)
    snapshot = run_in_simulated_time(watched(Flow("workers", 1), live))
    assert snapshot.chunk_latency.count == 36
    assert snapshot.chunk_latency.p50_seconds == pytest.approx(SLOW_SECONDS, rel=0.05)
    assert snapshot.health.buffer_fill == snapshot.health.producer_wait == Level.CRITICAL
