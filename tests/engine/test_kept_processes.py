"""Worker processes that outlast their engine serve the next one of their plan, or end."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from faults.processes import PATIENCE_SECONDS, until
from plans import Base, Echo

from streamx.chunk import Chunk
from streamx.engine.keeping import KeptProcesses
from streamx.engine.processes import ProcessEngine

PATIENT_SECONDS = 60.0


async def emit(part: bytes | memoryview) -> None:
    pass


async def pid_of_a_run(kept: KeptProcesses, plan: Base) -> int:
    """Run a chunk on an engine of its own, and return the process that did it."""
    engine = ProcessEngine(plan, 1, kept=kept)
    await engine.run(Chunk(0, 0, 1, memoryview(b"one\n")), emit)
    (pid,) = engine.pids
    await engine.close()
    return pid


def with_kept(seconds: float, main: Callable[[KeptProcesses], Awaitable[Any]]) -> Any:
    async def limited() -> Any:
        kept = KeptProcesses(seconds)
        try:
            return await asyncio.wait_for(main(kept), PATIENCE_SECONDS)
        finally:
            await kept.close()

    return asyncio.run(limited())


def test_a_process_serves_every_engine_of_the_plan_that_it_has_loaded() -> None:
    async def main(kept: KeptProcesses) -> list[int]:
        return [await pid_of_a_run(kept, plan) for plan in (Base(), Base(), Echo(), Base())]

    first, second, other, last = with_kept(PATIENT_SECONDS, main)
    assert first == second == last != other


def test_a_process_that_dies_while_it_waits_is_replaced() -> None:
    async def main(kept: KeptProcesses) -> None:
        first = await pid_of_a_run(kept, Base())
        os.kill(first, signal.SIGKILL)
        assert await pid_of_a_run(kept, Base()) != first

    with_kept(PATIENT_SECONDS, main)


def test_a_process_that_waits_in_vain_ends() -> None:
    async def main(kept: KeptProcesses) -> None:
        pid = await pid_of_a_run(kept, Base())
        await asyncio.to_thread(until, lambda: not Path(f"/proc/{pid}").exists())

    with_kept(0.05, main)
