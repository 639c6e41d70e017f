"""DividedEngine: an engine on the event loop whose output is divided there, for many files."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from streamx.chunk import Chunk, ChunkResult
from streamx.codec.layout import Part
from streamx.engine.loop import LoopEngine
from streamx.flow import LatencyHistogram
from streamx.transform.dividing import DividedPlan, Divider


class DividedEngine:
    """Divides what another engine emits; see Engine for the attributes.

    Args:
        engine: the other, which runs the plan that is divided.
        plan: says how.
    """

    pids = ()

    def __init__(self, engine: LoopEngine, plan: DividedPlan) -> None:
        self.lanes = engine.lanes
        self._engine = engine
        self._divider = Divider(plan)

    @property
    def record_latency(self) -> LatencyHistogram:
        """See LoopEngine."""
        return self._engine.record_latency

    async def run(self, chunk: Chunk, emit: Callable[[Part], Awaitable[None]]) -> ChunkResult:
        """Run the plan on one chunk, emitting its output in sections."""
        sections = self._divider.begin(chunk)

        async def divide(part: Part) -> None:
            for each in sections.take(part):
                await emit(each)

        result = await self._engine.run(chunk, divide)
        for each in sections.rest():
            await emit(each)
        return result

    async def close(self) -> None:
        """See LoopEngine."""
        await self._engine.close()
