"""Watching: takes snapshots of a flow while it runs and gives each to the views that want one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from streamx.errors import OutputError
from streamx.flow import FlowMonitor, FlowSnapshot


class View(Protocol):
    """Shows snapshots; `interval_seconds` says how often it wants one.

    What it shows them on may be gone or full, for which it raises; the run goes on.
    """

    interval_seconds: float

    def show(self, snapshot: FlowSnapshot) -> None: ...

    def close(self, snapshot: FlowSnapshot, is_complete: bool) -> None: ...


@asynccontextmanager
async def watch(monitor: FlowMonitor, views: Sequence[View]) -> AsyncIterator[None]:
    """Show what runs in the body; without views, nothing is looked at.

    Args:
        monitor: gives the snapshots. One watcher takes them all: it compares each to the last.
        views: show them.
    """
    if not views:
        yield
        return
    refreshing = asyncio.ensure_future(_refresh(monitor, views))
    is_complete = False
    try:
        yield
        is_complete = True
    finally:
        refreshing.cancel()
        await asyncio.gather(refreshing, return_exceptions=True)
        last = monitor.snapshot()
        for view in views:
            with contextlib.suppress(OSError, OutputError):
                view.close(last, is_complete)


async def _refresh(monitor: FlowMonitor, views: Sequence[View]) -> None:
    due = [view.interval_seconds for view in views]
    loop = asyncio.get_running_loop()
    started = loop.time()
    while True:
        await asyncio.sleep(max(min(due) - (loop.time() - started), 0.0))
        seconds = loop.time() - started
        snapshot = monitor.snapshot()
        for number, view in enumerate(views):
            if seconds >= due[number]:
                due[number] = seconds + view.interval_seconds
                with contextlib.suppress(OSError, OutputError):
                    view.show(snapshot)
