"""Waiting for a condition: in a line, first come, first served, or all who can go at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from streamx.flow.statistics import WaitClock


class WaitingLine:
    """Tasks that wait for their turn, of which only the first is ever let go.

    Who comes later never overtakes. A task that is cancelled, also when it had just been let go,
    leaves the line to the next. Whoever goes changes the condition before it waits for anything
    else, and then says so by `wake`.

    Example:
        >>> async def main() -> list[str]:
        ...     free, went = [], []
        ...     line = WaitingLine()
        ...     async def take(name: str) -> None:
        ...         await line.wait(lambda: bool(free))
        ...         free.pop()
        ...         went.append(name)
        ...         line.wake()
        ...     async with asyncio.TaskGroup() as group:
        ...         for name in "first", "second":
        ...             group.create_task(take(name))
        ...         await asyncio.sleep(0)
        ...         free += [1, 2]
        ...         line.wake()
        ...     return went
        >>> asyncio.run(main())
        ['first', 'second']
    """

    def __init__(self) -> None:
        self.clock = WaitClock()
        self._line: deque[tuple[Callable[[], bool], asyncio.Future[None]]] = deque()

    @property
    def is_occupied(self) -> bool:
        """Tell whether anyone waits."""
        return bool(self._line)

    async def wait(self, may_go: Callable[[], bool]) -> None:
        """Wait until nobody stands before this task and `may_go` holds."""
        if not self._line and may_go():
            return
        waiter = (may_go, asyncio.get_running_loop().create_future())
        self._line.append(waiter)
        try:
            with self.clock.measured():
                await waiter[1]
        except BaseException:
            self._line.remove(waiter)
            self.wake()
            raise
        self._line.remove(waiter)

    def wake(self) -> None:
        """Let the first one go, if it may."""
        if self._line:
            may_go, turn = self._line[0]
            if not turn.done() and may_go():
                turn.set_result(None)

    def wake_all(self) -> None:
        """Let all go, since there is nothing left to wait for."""
        for _, turn in self._line:
            if not turn.done():
                turn.set_result(None)


class Signal:
    """Tasks that wait for conditions of their own; each looks at its own whenever one may hold."""

    def __init__(self) -> None:
        self.clock = WaitClock()
        self._event = asyncio.Event()

    async def wait(self, may_go: Callable[[], bool]) -> None:
        """Wait until `may_go` holds."""
        if may_go():
            return
        with self.clock.measured():
            while not may_go():
                self._event.clear()
                await self._event.wait()

    def notify(self) -> None:
        """Say that something has changed."""
        self._event.set()
