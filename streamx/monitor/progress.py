"""Progress on standard error: a bar with the fill of every buffer, plain lines, or JSON lines."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any, Protocol

from streamx.flow import BufferStatistics, FlowMonitor, FlowSnapshot
from streamx.monitor.stderr import write_line

_BAR_SECONDS = 0.1
_PLAIN_SECONDS = 5.0
_JSON_SECONDS = 1.0
_GAUGE_WIDTH = 4
_NAME_WIDTH = 24
_WIDE_COLUMNS = 80


class View(Protocol):
    """Shows snapshots; `interval_seconds` says how often it wants one."""

    interval_seconds: float

    def show(self, snapshot: FlowSnapshot) -> None: ...

    def close(self, snapshot: FlowSnapshot) -> None: ...


@asynccontextmanager
async def show_progress(mode: str, monitor: FlowMonitor, name: str) -> AsyncIterator[None]:
    """Show the progress of what runs in the body.

    Args:
        mode: "bar", "plain", "json", "off", or "auto": a bar if standard error is a terminal.
        monitor: gives the snapshots.
        name: what is being read.
    """
    view = _view(mode, monitor, name)
    if view is None:
        yield
        return
    refreshing = asyncio.ensure_future(_refresh(view, monitor))
    try:
        yield
    finally:
        refreshing.cancel()
        await asyncio.gather(refreshing, return_exceptions=True)
        with contextlib.suppress(OSError):  # the terminal may have gone; the run goes on
            view.close(monitor.snapshot())


def gauge(fill: int, capacity: int) -> str:
    """Draw how full something is.

    >>> gauge(3, 6)
    '██░░'
    """
    filled = min(-(-fill * _GAUGE_WIDTH // max(capacity, 1)), _GAUGE_WIDTH)
    return "█" * filled + "░" * (_GAUGE_WIDTH - filled)


def _view(mode: str, monitor: FlowMonitor, name: str) -> View | None:
    if mode == "auto":
        mode = "bar" if sys.stderr is not None and sys.stderr.isatty() else "off"
    if mode == "bar":
        return _Bar(monitor, name)
    if mode == "plain":
        return _Lines(_plain_line, _PLAIN_SECONDS)
    if mode == "json":
        return _Lines(_json_line, _JSON_SECONDS)
    return None


async def _refresh(view: View, monitor: FlowMonitor) -> None:
    while True:
        view.show(monitor.snapshot())
        await asyncio.sleep(view.interval_seconds)


class _Bar:
    """Two lines: tqdm's bar over the input, and the fill of each buffer below it."""

    interval_seconds = _BAR_SECONDS

    def __init__(self, monitor: FlowMonitor, name: str) -> None:
        from tqdm import tqdm

        known: Any = {"file": sys.stderr, "dynamic_ncols": True}
        self._bar = tqdm(
            desc=os.path.basename(name)[-_NAME_WIDTH:],
            total=monitor.total_bytes,
            unit="B",
            unit_scale=True,
            colour=None if os.environ.get("NO_COLOR") else "green",
            position=0,
            **known,
        )
        self._fills = tqdm(bar_format="{desc}", position=1, leave=False, **known)

    def show(self, snapshot: FlowSnapshot) -> None:
        self._bar.update(snapshot.bytes_read - self._bar.n)
        rate = snapshot.records / max(snapshot.seconds, 0.001)
        records, per_second = (self._bar.format_sizeof(n) for n in (snapshot.records, rate))
        self._bar.set_postfix_str(f"{records} records, {per_second}/s", refresh=True)
        self._fills.set_description_str(_fills_line(snapshot), refresh=True)

    def close(self, snapshot: FlowSnapshot) -> None:
        self.show(snapshot)
        self._fills.close()
        self._bar.close()


class _Lines:
    """A line now and then, and one at the end."""

    def __init__(self, line: Callable[[FlowSnapshot], str], interval_seconds: float) -> None:
        self.interval_seconds = interval_seconds
        self._line = line
        self._is_first = True

    def show(self, snapshot: FlowSnapshot) -> None:
        if not self._is_first:
            self.close(snapshot)
        self._is_first = False

    def close(self, snapshot: FlowSnapshot) -> None:
        write_line(self._line(snapshot))


def _fills_line(snapshot: FlowSnapshot) -> str:
    waiting, window, output = (
        snapshot.buffers[name] for name in ("input buffer", "reorder window", "output buffer")
    )
    if shutil.get_terminal_size().columns < _WIDE_COLUMNS:
        share = 100 * output.fill_bytes // output.capacity_bytes
        return (
            f"waiting on {snapshot.waiting_on:<7} in {waiting.fill}/{waiting.capacity}"
            f" work {snapshot.workers_busy}/{snapshot.workers}"
            f" order {window.fill}/{window.capacity} out {share}%"
        )
    return (
        f"waiting on {snapshot.waiting_on:<7}  input {_chunks(waiting)}"
        f"  workers {snapshot.workers_busy}/{snapshot.workers}  reorder {_chunks(window)}"
        f"  output {gauge(output.fill_bytes, output.capacity_bytes)}"
    )


def _chunks(buffer: BufferStatistics) -> str:
    return f"{gauge(buffer.fill, buffer.capacity)} {buffer.fill}/{buffer.capacity}"


def _plain_line(snapshot: FlowSnapshot) -> str:
    share = ""
    if snapshot.total_bytes:
        share = f"{100 * snapshot.bytes_read / snapshot.total_bytes:.0f}%, "
    return (
        f"streamx: {share}{snapshot.bytes_read / 1e6:.1f} MB read, {snapshot.records:,} records, "
        f"{snapshot.seconds:.0f} s, waiting on {snapshot.waiting_on}"
    )


def _json_line(snapshot: FlowSnapshot) -> str:
    return json.dumps(asdict(snapshot))
