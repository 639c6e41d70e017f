"""Fakes for testing flows: their speed is in the hands of the test, so nothing has to sleep."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

R = TypeVar("R")


class SlowSink:
    """A sink for `DrainWriter` that takes one write at a time, when the test lets it.

    Attributes:
        written: what was taken, the parts of each write joined.

    Example:
        >>> async def main() -> list[bytes]:
        ...     sink = SlowSink()
        ...     writing = asyncio.ensure_future(sink.write([b"la", b"te"]))
        ...     await settle()
        ...     assert not writing.done()
        ...     await sink.take()
        ...     return sink.written
        >>> asyncio.run(main())
        [b'late']
    """

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self._permits = asyncio.Semaphore(0)

    async def take(self, writes: int = 1) -> None:
        """Let some writes through, and let everything run that can then go on.

        Args:
            writes: how many.
        """
        for _ in range(writes):
            self._permits.release()
        await settle()

    async def write(self, parts: Sequence[bytes | memoryview]) -> None:
        """Wait for `take`, then keep what the parts hold.

        Args:
            parts: bytes or memoryviews, as `DrainWriter` hands them over.
        """
        await self._permits.acquire()
        self.written.append(b"".join(parts))


async def settle(rounds: int = 20) -> None:
    """Let all tasks run until each waits for something that only the test can give it.

    Args:
        rounds: of the event loop; a chain of tasks that wake one another takes one for each.
    """
    for _ in range(rounds):
        await asyncio.sleep(0)


def run_in_simulated_time(main: Coroutine[Any, Any, R]) -> R:
    """Run like `asyncio.run`, on a clock that jumps to the next timer when nothing else can run.

    Seconds slept take no time, and always the same turns: `asyncio.sleep`, `call_later` and the
    time of the loop, which starts at 0, are simulated. Threads and sockets are not waited for.

    Args:
        main: a coroutine.

    Returns:
        What it returned.

    Raises:
        DeadlockError: every task waits, and no timer is set.

    Example:
        >>> async def main() -> float:
        ...     await asyncio.sleep(3600)
        ...     return asyncio.get_running_loop().time()
        >>> run_in_simulated_time(main())
        3600.0
    """
    with asyncio.Runner(loop_factory=_SimulatedLoop) as runner:
        return runner.run(main)


class DeadlockError(Exception):
    """Every task of a simulated loop waits for another one."""


class _JumpingSelector(selectors.SelectSelector):
    """Waits for nothing, and takes down how long it would have waited."""

    def __init__(self) -> None:
        super().__init__()
        self.now_seconds = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise DeadlockError("every task waits for another one, and no timer is set")
        if not ready and timeout:
            self.now_seconds += timeout
        return ready


class _SimulatedLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_seconds
