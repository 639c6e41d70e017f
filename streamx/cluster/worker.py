"""What a process of a cluster has for all splits that it runs: an event loop, and what it keeps.

Processes for functions wait there for the next split. They belong to the loop, and end with its
thread, so this lasts as long as the process.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from streamx import heap
from streamx.engine.keeping import KeptProcesses

R = TypeVar("R")

# Longer than a worker waits for its next split, if there is one.
_IDLE_SECONDS = 5.0


class Worker:
    """A thread that runs an event loop for good.

    Attributes:
        kept: processes that wait for their next split.
    """

    def __init__(self) -> None:
        heap.keep_freed_memory()
        self.pid = os.getpid()
        self.kept = KeptProcesses(_IDLE_SECONDS)
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="streamx-splits", daemon=True).start()

    def run(self, coroutine: Coroutine[Any, Any, R]) -> R:
        """Run a coroutine to its end, from any thread but that of the loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


_lock = threading.Lock()
_worker: Worker | None = None


def this_worker() -> Worker:
    """Return that of this process."""
    global _worker
    with _lock:
        if _worker is None or _worker.pid != os.getpid():  # threads do not survive a fork
            _worker = Worker()
        return _worker
