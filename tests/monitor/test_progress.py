"""What the progress views say of a running flow."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from dataclasses import dataclass, field

import pytest

from streamx.flow import BufferStatistics, FlowCounts, FlowMonitor
from streamx.monitor import progress
from streamx.monitor.advice import Advisor
from streamx.monitor.progress import gauge, progress_views
from streamx.monitor.watch import watch


def statistics(**values: float) -> BufferStatistics:
    names = BufferStatistics.__dataclass_fields__
    known = {name: 0.0 if name.endswith("seconds") else 0 for name in names}
    return BufferStatistics(
        **{**known, "capacity": 8, "capacity_bytes": 100, "is_paused": False, **values}  # type: ignore[arg-type]  # by name
    )


@dataclass
class FakeFlow:
    """A flow whose counters the test sets, by buffer and name."""

    input: dict[str, float] = field(default_factory=dict)
    window: dict[str, float] = field(default_factory=dict)
    output: dict[str, float] = field(default_factory=dict)
    credits: dict[str, float] = field(default_factory=dict)

    def monitor(self, total_bytes: int | None = 2_000_000) -> FlowMonitor:
        return FlowMonitor(
            bytes_read=lambda: 1_000_000,
            total_bytes=total_bytes,
            bytes_written=lambda: 3_000_000,
            workers_busy=lambda: 1,
            workers=2,
            input_buffer=lambda: statistics(**self.input),
            reorder_window=lambda: statistics(**self.window),
            output_buffer=lambda: statistics(**self.output),
            in_flight=lambda: statistics(**self.credits),
            counts=lambda: FlowCounts(records_out=12_345),
        )


ADVISOR = Advisor("threads", 2)

# More seconds than any test takes, so that all of the time since the last look was waited.
LONG = 1_000.0


@pytest.mark.parametrize(
    ("input", "output", "expected"),
    [
        ({"consumer_wait_seconds": LONG}, {}, "reader"),
        ({}, {"producer_wait_seconds": LONG}, "writer"),
        ({"consumer_wait_seconds": LONG}, {"producer_wait_seconds": LONG}, "writer"),
        ({}, {}, "workers"),
        ({"producer_wait_seconds": LONG}, {"consumer_wait_seconds": LONG}, "workers"),
    ],
)
def test_bottleneck_is_the_part_that_others_wait_for(
    input: dict[str, float], output: dict[str, float], expected: str
) -> None:
    assert FakeFlow(input=input, output=output).monitor().snapshot().waiting_on == expected


def test_reader_that_waits_for_credit_is_not_the_bottleneck() -> None:
    waits = {"consumer_wait_seconds": LONG}
    flow = FakeFlow(input=waits, output=waits, credits={"producer_wait_seconds": LONG})
    assert flow.monitor().snapshot().waiting_on == "workers"


@pytest.mark.parametrize(("output_idle_seconds", "expected"), [(0.0, "writer"), (LONG, "workers")])
def test_credit_that_is_missing_is_with_the_writer_if_that_is_never_idle_but_the_workers_are(
    output_idle_seconds: float, expected: str
) -> None:
    flow = FakeFlow(
        input={"consumer_wait_seconds": LONG},
        output={"consumer_wait_seconds": output_idle_seconds},
        credits={"producer_wait_seconds": LONG},
    )
    assert flow.monitor().snapshot().waiting_on == expected


def test_bottleneck_is_judged_by_the_time_since_the_last_look() -> None:
    flow = FakeFlow(output={"producer_wait_seconds": LONG})
    monitor = flow.monitor()
    assert monitor.snapshot().waiting_on == "writer"
    assert monitor.snapshot().waiting_on == "workers"
    flow.input = {"consumer_wait_seconds": LONG}
    assert monitor.snapshot().waiting_on == "reader"
    flow.output = {"producer_wait_seconds": 2 * LONG}
    assert monitor.snapshot().waiting_on == "writer"


@pytest.mark.parametrize(
    ("fill", "capacity", "drawn"),
    [
        (0, 8, "░░░░"),
        (1, 1_000_000, "█░░░"),
        (4, 8, "██░░"),
        (7, 8, "████"),
        (8, 8, "████"),
        (800, 8, "████"),
        (0, 0, "░░░░"),
        (5, 0, "████"),
    ],
)
@pytest.mark.parametrize("is_unicode", [True, False])
def test_gauge_is_four_wide_whatever_the_fill(
    monkeypatch: pytest.MonkeyPatch, is_unicode: bool, fill: int, capacity: int, drawn: str
) -> None:
    monkeypatch.setattr(progress, "_is_unicode", lambda: is_unicode)
    plain = drawn.translate({ord("█"): "#", ord("░"): "."})
    assert gauge(fill, capacity) == (drawn if is_unicode else plain)


@pytest.mark.parametrize("columns", [60, 79, 80, 200])
def test_line_of_fills_is_no_wider_than_the_terminal(
    monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    size = os.terminal_size((columns, 24))
    monkeypatch.setattr(shutil, "get_terminal_size", lambda *_: size)
    monkeypatch.setattr(progress, "_is_unicode", lambda: True)
    flow = FakeFlow(input={"fill": 8}, window={"fill": 8}, output={"fill_bytes": 100})
    line = progress._fills_line(flow.monitor().snapshot(), ADVISOR)
    assert len(line) < columns
    assert line.startswith("waiting on workers")
    assert "8/8" in line
    assert ("100%" if columns < 80 else "████") in line
    assert ("workers busy 100 %: try " in line) == (columns == 200)


@pytest.mark.parametrize(
    ("total_bytes", "share"), [(2_000_000, "50%, "), (None, ""), (0, ""), (1_000_000, "100%, ")]
)
def test_plain_line_shows_a_share_where_the_size_is_known(
    total_bytes: int | None, share: str
) -> None:
    line = progress._plain_line(FakeFlow().monitor(total_bytes).snapshot(), False)
    assert line == f"streamx: {share}1.0 MB read, 12,345 records, 0 s, waiting on workers"


def test_plain_line_of_a_whole_run_says_complete() -> None:
    line = progress._plain_line(FakeFlow().monitor().snapshot(), True)
    assert line.endswith(" s, complete")


def test_json_line_holds_every_buffer() -> None:
    shown = json.loads(progress._json_line(FakeFlow().monitor().snapshot(), False))
    assert (shown["records_out"], shown["waiting_on"]) == (12_345, "workers")
    assert list(shown["buffers"]) == [
        *("input buffer", "reorder window", "output buffer", "in flight"),
    ]
    assert shown["buffers"]["input buffer"]["capacity"] == 8


def test_last_line_is_shown_also_when_the_body_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr(progress, "write_line", lines.append)

    async def main() -> None:
        async with watch(
            FakeFlow().monitor(), progress_views("json", None, "in.csv", lambda: ADVISOR)
        ):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(main())
    (last,) = map(json.loads, lines)
    assert (last["records_out"], last["is_complete"]) == (12_345, False)


@pytest.mark.parametrize("mode", ["off", "auto"])
def test_nothing_is_looked_at_where_nobody_watches(
    monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setattr(sys, "stderr", None)

    async def main() -> None:
        monitor = FakeFlow().monitor()
        monitor.bytes_read = lambda: pytest.fail("a snapshot was taken")
        async with watch(monitor, progress_views(mode, None, "in.csv", lambda: ADVISOR)):
            await asyncio.sleep(0)

    asyncio.run(main())
