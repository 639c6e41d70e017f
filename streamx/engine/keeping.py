"""KeptProcesses: worker processes that wait, for a while, for another run of what they have loaded.

To start one takes a tenth of a second and more, which is much for a run of a second.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from streamx.engine.child import WorkerProcess
from streamx.errors import StreamxError


class KeptProcesses:
    """Idle worker processes, all of one event loop.

    One that has waited in vain is ended, and all end with the thread of the loop, as any.

    Args:
        idle_seconds: how long one waits.
    """

    def __init__(self, idle_seconds: float) -> None:
        self._idle_seconds = idle_seconds
        self._waiting: dict[WorkerProcess, asyncio.TimerHandle] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def take(self, plan: bytes) -> WorkerProcess | None:
        """Return one that has loaded a pickled plan and is alive, if there is one."""
        for process in list(self._waiting):
            if process.has_ended:
                self._end(process)
            elif process.loaded == plan:
                self._waiting.pop(process).cancel()
                return process
        return None

    def keep(self, process: WorkerProcess) -> None:
        """Let an idle process wait for its next run."""
        loop = asyncio.get_running_loop()
        self._waiting[process] = loop.call_later(self._idle_seconds, self._end, process)

    async def close(self) -> None:
        """End all."""
        for process in list(self._waiting):
            self._end(process)
        await asyncio.gather(*self._ending)

    def _end(self, process: WorkerProcess) -> None:
        self._waiting.pop(process).cancel()
        task = asyncio.get_running_loop().create_task(_leave_and_end(process))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


async def _leave_and_end(process: WorkerProcess) -> None:
    with suppress(StreamxError):  # its runs are over, and they have all of their output
        await process.leave()
    await process.end()
