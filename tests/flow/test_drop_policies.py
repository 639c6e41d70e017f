"""A buffer that drops never slows its producer, and leaves nothing however its flow ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from flow.worlds import (
    ITEMS,
    LARGE,
    SINK_SECONDS,
    Item,
    World,
    assert_nothing_is_left,
    outcome_of,
)

from streamx.flow import BoundedBuffer, pipeline
from streamx.flow.buffer import OnFull
from streamx.testing import run_in_simulated_time


@dataclass
class Overflow:
    """A source that never waits, ten times as fast as the sink behind a buffer that drops."""

    policy: OnFull
    world: World
    dropped: list[int]

    async def run(self) -> None:
        self.buffer: BoundedBuffer[bytes] = BoundedBuffer(
            4, LARGE, size_of=len, on_full=self.policy, on_drop=self._drop
        )
        await pipeline(self._live(), self.buffer, sink=self.world.sink)

    async def _live(self) -> AsyncIterator[Item]:
        async for item in self.world.source():
            yield item
            await asyncio.sleep(SINK_SECONDS / 10)

    def _drop(self, item: bytes) -> None:
        self.dropped.append(int(item))


dropping = pytest.mark.parametrize("policy", ["drop-oldest", "drop-newest"])


@dropping
def test_a_dropping_buffer_never_slows_its_producer_and_accounts_for_every_item(
    policy: OnFull,
) -> None:
    async def main() -> None:
        flow = Overflow(policy, World(), [])
        await flow.run()
        assert sorted(flow.world.taken + flow.dropped) == list(range(1, ITEMS + 1))
        assert flow.world.taken == sorted(flow.world.taken)
        assert flow.buffer.statistics().dropped == len(flow.dropped) > ITEMS / 2
        assert flow.buffer.statistics().producer_waits == 0

    run_in_simulated_time(main())
    assert Item.peak <= 7


@dropping
@pytest.mark.parametrize("failing", ["source", "sink", "cancelled"])
def test_a_dropping_buffer_that_ends_before_its_time_leaves_nothing(
    policy: OnFull, failing: str
) -> None:
    async def main() -> None:
        flow = Overflow(policy, World(failing, most_taken=5), [])
        running = asyncio.ensure_future(flow.run())
        if failing == "cancelled":
            await asyncio.sleep(SINK_SECONDS * 5)
            running.cancel()
        await asyncio.wait([running])
        expected = "CancelledError" if failing == "cancelled" else f"the {failing} failed"
        assert expected in repr(outcome_of(running))
        assert flow.world.given < ITEMS
        assert flow.dropped
        del running, flow
        assert_nothing_is_left()

    run_in_simulated_time(main())
    assert Item.peak <= 7


def test_a_full_buffer_that_is_told_to_refuse_ends_the_flow_and_leaves_nothing() -> None:
    async def main() -> None:
        flow = Overflow("error", World(), [])
        running = asyncio.ensure_future(flow.run())
        await asyncio.wait([running])
        assert "4 of 4 items" in repr(running.exception())
        assert (flow.world.given, flow.world.taken) == (6, [])
        del running, flow
        assert_nothing_is_left()

    run_in_simulated_time(main())
    assert Item.peak <= 7
