"""Page: a run to look at, as one HTML file with charts that needs nothing else to be shown."""

from __future__ import annotations

import html
from dataclasses import fields
from itertools import pairwise
from typing import Any

import plotly.io

from streamx.flow import BufferStatistics, FlowSnapshot, bottleneck
from streamx.monitor.summary import Story, status_of, summary_of
from streamx.transform.functions import Apply
from streamx.transform.operations import Operation

_STAGES = ("reader", "workers", "writer")
_BLUE, _ORANGE, _GREEN, _PURPLE = "#3b82f6", "#f59e0b", "#10b981", "#a855f7"
_BUFFER_COLOURS = dict(
    zip(
        ("input buffer", "reorder window", "output buffer", "in flight"),
        (_BLUE, _ORANGE, _GREEN, _PURPLE),
        strict=True,
    )
)
_COUNTS = (
    *("records_in", "records_added", "records_out", "records_filtered", "records_rejected"),
    *("records_skipped", "records_dropped", "records_padded", "retries", "bytes_in", "bytes_out"),
    *("files_written", "workers", "ran_in", "memory_peak_bytes"),
)
# The charts' texts and lines take the page's colours, and those follow the reader's choice.
_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin-bottom: 0; } h2 { font-size: 1.1rem; margin-top: 2rem; }
p.lead { margin-top: .2rem; opacity: .8; }
.tables { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; }
table { border-collapse: collapse; } td { padding: .1rem 1.5rem .1rem 0; vertical-align: top; }
td:last-child { font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.js-plotly-plot text { fill: CanvasText !important; }
.js-plotly-plot .gridlayer path { stroke: color-mix(in srgb, CanvasText 15%, transparent) !important; }
.js-plotly-plot .modebar { display: none; }
"""  # noqa: E501  # CSS


def page_text(story: Story, error: BaseException | None) -> bytes:
    """Return the page.

    Args:
        story: what is known of the run.
        error: what ended it, if anything did.
    """
    summary = summary_of(story, error)
    title = html.escape(f"{story.input} to {story.output}")
    options = {name: _told(value) for name, value in story.options.items()}
    counts = {name: _shown(summary[name]) for name in _COUNTS if summary[name] is not None}
    tables = _table("Counts", counts) + _table("Health", summary["health"])
    tables += _table("Options", options)
    warnings = "".join(f"<li>{html.escape(text)}</li>" for text in story.warnings)
    return f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style></head>
<body>
<h1>{title}</h1>
<p class="lead">{html.escape(_lead(summary, error))}</p>
{_charts(story.recorder.series)}
<div class="tables">{tables}</div>
{f"<h2>Warnings</h2><ul>{warnings}</ul>" if warnings else ""}
</body>
</html>
""".encode(errors="replace")


def _lead(summary: dict[str, Any], error: BaseException | None) -> str:
    lead = f"{status_of(error)} in {summary['seconds']:.1f} s, started {summary['started']}"
    if summary["bottleneck"] is not None:
        stage, advice = summary["bottleneck"].values()
        lead += f"; mostly waited on the {stage} ({advice})"
    return lead if error is None else f"{lead}: {error or type(error).__name__}"


def _shown(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _told(option: Any) -> str:
    """Write an option as a user would: lists with commas, operations by name.

    >>> from streamx import Rename, Select
    >>> _told([Select(("a", "b")), Rename("a", "c")])
    'select a, b, rename a=c'
    """
    if isinstance(option, list | tuple):
        return ", ".join(map(_told, option))
    if isinstance(option, Apply) or (callable(option) and not isinstance(option, Operation)):
        return f"call {(option if isinstance(option, Apply) else Apply(option)).name}"
    if isinstance(option, Operation):
        values = (getattr(option, each.name) for each in fields(option))
        return f"{type(option).__name__.lower()} {'='.join(map(_told, values))}"
    return str(option)


def _table(title: str, rows: dict[str, str]) -> str:
    cells = "".join(
        f"<tr><td>{html.escape(name.replace('_', ' '))}</td><td>{html.escape(text)}</td></tr>"
        for name, text in rows.items()
    )
    return f"<div><h2>{title}</h2><table>{cells}</table></div>" if rows else ""


def _charts(series: list[FlowSnapshot]) -> str:
    """Return the charts, one below the other over the same time, with the library itself."""
    if not series:
        return "<p>The run ended before anything flowed.</p>"
    panels = (
        ("Throughput (MB/s)", _throughput(series)),
        ("Fill of buffers (%)", _fills(series)),
        ("Latency p99 (ms)", [_line("latency p99", series, _latencies(series), _PURPLE)]),
        ("Memory (MB)", [_line("memory", series, _memory(series), _GREEN)]),
        ("Waiting on", [_bottlenecks(series)]),
    )
    height = 1 / len(panels)
    layout: dict[str, Any] = {
        "height": 230 * len(panels),
        "margin": {"l": 70, "r": 20, "t": 20, "b": 40},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hovermode": "x unified",
        "xaxis": {"title": {"text": "seconds"}, "anchor": f"y{len(panels)}", "zeroline": False},
        "annotations": [],
    }
    traces: list[dict[str, Any]] = []
    for number, (title, lines) in enumerate(panels, 1):
        top = 1 - (number - 1) * height
        axis = {"domain": [top - 0.75 * height, top - 0.12 * height], "zeroline": False}
        axis |= {"rangemode": "tozero", "automargin": True}
        if title == "Waiting on":
            axis |= {"type": "category", "categoryorder": "array", "categoryarray": _STAGES}
            axis |= {"range": [-0.2, len(_STAGES) - 0.8]}
        layout["yaxis" if number == 1 else f"yaxis{number}"] = axis
        layout["annotations"].append(
            {"text": f"<b>{title}</b>", "xref": "paper", "yref": "paper", "x": 0, "y": top}
            | {"showarrow": False, "xanchor": "left", "yanchor": "top"}
        )
        legend = "legend" if number == 1 else f"legend{number}"
        layout[legend] = {"orientation": "h", "x": 1, "xanchor": "right", "y": top}
        named = {"legend": legend, "showlegend": len(lines) > 1}
        traces += [{**line, "yaxis": f"y{number}", **named} for line in lines]
    figure = {"data": traces, "layout": layout}
    return str(
        plotly.io.to_html(
            figure, full_html=False, include_plotlyjs=True, validate=False, div_id="charts",
            config={"responsive": True, "displaylogo": False},
        )
    )  # fmt: skip


def _line(
    name: str, series: list[FlowSnapshot], values: list[Any], colour: str, **more: Any
) -> dict[str, Any]:
    times = [round(snapshot.seconds, 3) for snapshot in series[-len(values) :]]
    mode = "lines" if len(values) > 1 else "markers"
    line = {"color": colour, "width": 2}
    known = {"type": "scatter", "mode": mode, "name": name, "x": times, "y": values, "line": line}
    return known | more


def _throughput(series: list[FlowSnapshot]) -> list[dict[str, Any]]:
    return [
        _line("read", series, _rates(series, "bytes_read"), _BLUE),
        _line("written", series, _rates(series, "bytes_written"), _ORANGE),
    ]


def _rates(series: list[FlowSnapshot], name: str) -> list[float]:
    """Return megabytes in a second between one snapshot and the next, from the start."""
    return [
        (getattr(after, name) - getattr(before, name))
        / 1e6
        / max(after.seconds - before.seconds, 1e-3)
        for before, after in pairwise([FlowSnapshot(), *series])
    ]


def _fills(series: list[FlowSnapshot]) -> list[dict[str, Any]]:
    return [
        _line(name, series, [_percent(each.buffers[name]) for each in series], colour)
        for name, colour in _BUFFER_COLOURS.items()
    ]


def _percent(buffer: BufferStatistics) -> float:
    return round(100 * buffer.fill_bytes / max(buffer.capacity_bytes, 1), 1)


def _latencies(series: list[FlowSnapshot]) -> list[float]:
    """Return milliseconds, of late or, while there have been few, since the start."""
    return [
        1000 * (each.recent_p99_seconds or (each.record_latency or each.chunk_latency).p99_seconds)
        for each in series
    ]


def _memory(series: list[FlowSnapshot]) -> list[float | None]:
    return [None if each.memory_bytes is None else each.memory_bytes / 1e6 for each in series]


def _bottlenecks(series: list[FlowSnapshot]) -> dict[str, Any]:
    stages = [bottleneck(None, series[0])[0]]
    stages += [bottleneck(before, after)[0] for before, after in pairwise(series)]
    step = {"color": _ORANGE, "width": 2, "shape": "vh"}
    return _line("waiting on", series, stages, _ORANGE, line=step)
