"""Progress on standard error: a bar with the fill of every buffer, plain lines, or JSON lines."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from streamx.flow import BufferStatistics, FlowSnapshot, Level
from streamx.monitor.stderr import takes_escape_codes, write_line
from streamx.monitor.watch import View

if TYPE_CHECKING:
    from streamx.monitor.advice import Advisor

if TYPE_CHECKING:
    from tqdm import tqdm

_BAR_SECONDS = 0.1
_PLAIN_SECONDS = 5.0
_JSON_SECONDS = 1.0
_GAUGE_WIDTH = 4
_NAME_WIDTH = 24
_WIDE_COLUMNS = 80
_NARROW_BAR = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{remaining}{postfix}]"
_FIRST_BAR_SECONDS = 0.5
_COLOURS = {Level.HEALTHY: "green", Level.WARNING: "yellow", Level.CRITICAL: "red"}
_COLOUR_CODES = {Level.HEALTHY: 32, Level.WARNING: 33, Level.CRITICAL: 31}
_BLOCKS = ("█", "░")
_ASCII_BLOCKS = ("#", ".")


def progress_views(
    mode: str,
    total_bytes: int | None,
    name: str,
    advisor: Callable[[], Advisor],
    stages: Callable[[FlowSnapshot], str] | None = None,
) -> list[View]:
    """Return what shows the progress of a run: one view, or none.

    Args:
        mode: "bar", "plain", "json", "off", or "auto": a bar if standard error is a terminal, or
            plain lines if that is one on which nothing can be drawn.
        total_bytes: the input's size, where that is known.
        name: what is being read.
        advisor: makes what says what to try against a bottleneck.
        stages: says how far each stage is, where these are others than those of a flow.
    """
    if mode == "auto" and (sys.stderr is None or not sys.stderr.isatty()):
        mode = "off"
    elif mode == "auto":
        mode = "bar" if takes_escape_codes() else "plain"
    if mode == "bar":
        known = advisor()
        return [_Bar(total_bytes, name, stages or (lambda each: _fills_line(each, known)))]
    if mode == "plain":
        return [_Lines(partial(_plain_line, stages=stages or _waiting_on), _PLAIN_SECONDS)]
    return [_Lines(_json_line, _JSON_SECONDS)] if mode == "json" else []


def gauge(fill: int, capacity: int) -> str:
    """Draw how full something is.

    >>> gauge(3, 6)
    '██░░'
    """
    filled = min(-(-fill * _GAUGE_WIDTH // max(capacity, 1)), _GAUGE_WIDTH)
    full, empty = _BLOCKS if _is_unicode() else _ASCII_BLOCKS
    return full * filled + empty * (_GAUGE_WIDTH - filled)


def _is_unicode() -> bool:
    encoding = getattr(sys.stderr, "encoding", None) or "ascii"
    return encoding.lower().replace("-", "").startswith("utf")


class _Bar:
    """Two lines: tqdm's bar over the input, and the fill of each buffer below it."""

    interval_seconds = _BAR_SECONDS

    def __init__(
        self, total_bytes: int | None, name: str, fills_line: Callable[[FlowSnapshot], str]
    ) -> None:
        self._fills_line = fills_line
        self._name = os.path.basename(name)
        self._total_bytes = total_bytes
        self._bars: tuple[tqdm[Any], tqdm[Any]] | None = None

    def show(self, snapshot: FlowSnapshot) -> None:
        # Not before there is something to see: a short run in a pipe leaves the screen alone.
        if snapshot.seconds >= _FIRST_BAR_SECONDS:
            self._draw(snapshot)

    def close(self, snapshot: FlowSnapshot, is_complete: bool) -> None:
        if is_complete:
            self._draw(snapshot)
        if self._bars is not None:
            bar, fills = self._bars
            bar.leave = is_complete
            fills.close()
            bar.close()

    def _draw(self, snapshot: FlowSnapshot) -> None:
        if self._bars is None:
            self._bars = self._open(snapshot.seconds)
        bar, fills = self._bars
        bar.update(snapshot.bytes_read - bar.n)
        if bar.colour is not None:
            self._colour(bar, snapshot.health.worst)
        rate = snapshot.records_out / max(snapshot.seconds, 0.001)
        lost = "".join(f", {_short(count)} {what}" for count, what in _lost(snapshot))
        postfix = f"{_short(snapshot.records_out)} records{lost}, {_short(rate)}/s"
        bar.set_postfix_str(postfix, refresh=True)
        fills.set_description_str(self._fills_line(snapshot), refresh=True)

    def _colour(self, bar: tqdm[Any], level: Level) -> None:
        """Show the health; where the size is not known, and so no bar, the name has its colour."""
        bar.colour = _COLOURS[level]
        if not self._total_bytes:
            name = f"\x1b[{_COLOUR_CODES[level]}m{_shortened(self._name)}\x1b[0m"
            bar.set_description_str(name, refresh=False)

    def _open(self, seconds: float) -> tuple[tqdm[Any], tqdm[Any]]:
        from tqdm import tqdm

        is_wide = _terminal_columns() >= _WIDE_COLUMNS or not self._total_bytes
        known: Any = {"file": sys.stderr, "dynamic_ncols": True}
        bar = tqdm(
            desc=_shortened(self._name),
            total=self._total_bytes,
            unit="B",
            unit_scale=True,
            colour=_COLOURS[Level.HEALTHY] if _is_coloured() else None,
            position=0,
            bar_format=None if is_wide else _NARROW_BAR,
            **known,
        )
        # The bar comes late, but its times are the run's.
        bar.start_t -= seconds
        bar.last_print_t -= seconds
        return bar, tqdm(bar_format="{desc}", position=1, leave=False, **known)


def _is_coloured() -> bool:
    return takes_escape_codes() and not os.environ.get("NO_COLOR")


def _shortened(name: str) -> str:
    return name if len(name) <= _NAME_WIDTH else name[: _NAME_WIDTH - 3] + "..."


class _Lines:
    """A line now and then, and one at the end."""

    def __init__(self, line: Callable[[FlowSnapshot, bool], str], interval_seconds: float) -> None:
        self.interval_seconds = interval_seconds
        self._line = line

    def show(self, snapshot: FlowSnapshot) -> None:
        write_line(self._line(snapshot, False))

    def close(self, snapshot: FlowSnapshot, is_complete: bool) -> None:
        write_line(self._line(snapshot, is_complete))


def _fills_line(snapshot: FlowSnapshot, advisor: Advisor) -> str:
    waiting, window, output = (
        snapshot.buffers[name] for name in ("input buffer", "reorder window", "output buffer")
    )
    columns = _terminal_columns()
    if columns < _WIDE_COLUMNS:
        share = 100 * output.fill_bytes // output.capacity_bytes
        return (
            f"waiting on {snapshot.waiting_on:<7} in {waiting.fill}/{waiting.capacity}"
            f" work {snapshot.workers_busy}/{snapshot.workers}"
            f" order {window.fill}/{window.capacity} out {share}%"
        )
    fills = (
        f"waiting on {snapshot.waiting_on:<7}  input {_chunks(waiting)}"
        f"  workers {snapshot.workers_busy}/{snapshot.workers}  reorder {_chunks(window)}"
        f"  output {gauge(output.fill_bytes, output.capacity_bytes)}"
    )
    advice = f"  {advisor.advice(snapshot.waiting_on, snapshot.busy_share)}"
    return fills + advice if len(fills + advice) < columns else fills


def _terminal_columns() -> int:
    import shutil

    return shutil.get_terminal_size().columns


def _chunks(buffer: BufferStatistics) -> str:
    return f"{gauge(buffer.fill, buffer.capacity)} {buffer.fill}/{buffer.capacity}"


def _waiting_on(snapshot: FlowSnapshot) -> str:
    return f"waiting on {snapshot.waiting_on}"


def _plain_line(
    snapshot: FlowSnapshot,
    is_complete: bool,
    stages: Callable[[FlowSnapshot], str] = _waiting_on,
) -> str:
    end = "complete" if is_complete else stages(snapshot)
    share = ""
    if snapshot.total_bytes:
        share = f"{100 * snapshot.bytes_read / snapshot.total_bytes:.0f}%, "
    lost = "".join(f"{count:,} {what}, " for count, what in _lost(snapshot))
    return (
        f"streamx: {share}{snapshot.bytes_read / 1e6:.1f} MB read, "
        f"{snapshot.records_out:,} records, {lost}{snapshot.seconds:.0f} s, {end}"
    )


def _lost(snapshot: FlowSnapshot) -> list[tuple[int, str]]:
    """Return how many records are missing from the output, and why, where there are any."""
    counts = (snapshot.bad_records, "bad"), (snapshot.records_dropped, "dropped")
    return [(count, what) for count, what in counts if count]


def _json_line(snapshot: FlowSnapshot, is_complete: bool) -> str:
    return json.dumps({**asdict(snapshot), "is_complete": is_complete})


def _short(number: float) -> str:
    """Write a number in four characters or so: 7, 999, 12.3k, 1.05M."""
    from tqdm import tqdm

    return f"{number:.0f}" if number < 1000 else tqdm.format_sizeof(number)
