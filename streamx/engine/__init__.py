"""Engines: where a plan's chunks are run; each is imported when a run needs it.

ThreadEngine     threads: plain conversion, and functions that no other process can find
ProcessEngine    worker processes: other functions, which hold the interpreter's lock
LoopEngine       the event loop: chains with an asynchronous function
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

from streamx.chunk import Chunk, ChunkResult
from streamx.codec.layout import Part
from streamx.transform.functions import Calls, Placement
from streamx.transform.plan import AnyPlan

if TYPE_CHECKING:
    from streamx.engine.keeping import KeptProcesses  # and asyncio, which workers do without
    from streamx.flow import LatencyHistogram  # likewise


class Engine(Protocol):
    """Runs chunks.

    Attributes:
        lanes: how many chunks to hand it at a time.
        pids: its worker processes.
        record_latency: how long each record takes, where they are on their way one by one.
    """

    @property
    def lanes(self) -> int: ...

    @property
    def pids(self) -> tuple[int, ...]: ...

    @property
    def record_latency(self) -> LatencyHistogram | None: ...

    async def run(self, chunk: Chunk, emit: Callable[[Part], Awaitable[None]], /) -> ChunkResult:
        """Run one chunk, emitting its output in parts."""
        ...

    async def close(self) -> None:
        """Give back everything; what is still at work is ended."""
        ...


def open_engine(
    plan: AnyPlan,
    placement: Placement,
    workers: int,
    calls: Calls,
    *,
    is_ordered: bool,
    kept: KeptProcesses | None = None,
) -> Engine:
    """Return the engine for a plan.

    Args:
        plan: what to do.
        placement: where.
        workers: how many threads or processes.
        calls: how functions are called.
        is_ordered: output in the order of the input.
        kept: see ProcessEngine.
    """
    if placement.kind == "processes":
        from streamx.engine.processes import ProcessEngine

        is_lenient = plan.lenience is not None
        timeout_seconds = calls.timeout_seconds
        return ProcessEngine(
            plan, workers, timeout_seconds=timeout_seconds, is_lenient=is_lenient, kept=kept
        )
    if placement.kind == "loop":
        from streamx.engine.divided import DividedEngine
        from streamx.engine.loop import LoopEngine
        from streamx.transform.dividing import DividedPlan
        from streamx.transform.record_plan import RecordPlan

        whole = plan.plan if isinstance(plan, DividedPlan) else plan
        assert isinstance(whole, RecordPlan), "only functions run on the event loop"
        engine = LoopEngine(whole, is_ordered=is_ordered)
        return DividedEngine(engine, plan) if isinstance(plan, DividedPlan) else engine
    from streamx.engine.threads import ThreadEngine

    return ThreadEngine(plan, workers, timeout_seconds=calls.timeout_seconds)
