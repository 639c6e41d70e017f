"""Flow control that knows nothing of files: every part bounded, every producer made to wait.

    source ──▶ BoundedBuffer ──▶ WorkerPool ──▶ ReorderWindow ──▶ DrainWriter ──▶ sink
       ▲                                                              │
       └─────────────── Credits, returned when output has drained ────┘

`pipeline()` runs them as one. Each part can be used alone, in any asyncio program; `examples/flow`
has a small program for each.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from streamx.flow.buffer import BoundedBuffer, BufferClosedError, BufferFullError, Limit
from streamx.flow.credits import Credits
from streamx.flow.drain import DrainWriter
from streamx.flow.health import Health, HealthLimits, Level
from streamx.flow.latency import LatencyHistogram, LatencyStatistics
from streamx.flow.monitor import FlowCounts, FlowMonitor, FlowSnapshot, bottleneck
from streamx.flow.pipeline import Duplex, pipeline, together
from streamx.flow.reorder import ReorderWindow
from streamx.flow.statistics import BufferStatistics
from streamx.flow.workers import WorkerPool

if TYPE_CHECKING:
    from streamx.flow.adaptive import AdaptiveLimit
    from streamx.flow.batcher import BatchLengthError, MicroBatcher
    from streamx.flow.pages import Page, PaginationError, paginate
    from streamx.flow.priority import PriorityBuffer
    from streamx.flow.rate import RateLimiter
    from streamx.flow.stage import Stage

__all__ = [
    "AdaptiveLimit",
    "BatchLengthError",
    "BoundedBuffer",
    "BufferClosedError",
    "BufferFullError",
    "BufferStatistics",
    "Credits",
    "DrainWriter",
    "Duplex",
    "FlowCounts",
    "FlowMonitor",
    "FlowSnapshot",
    "Health",
    "HealthLimits",
    "LatencyHistogram",
    "LatencyStatistics",
    "Level",
    "Limit",
    "MicroBatcher",
    "Page",
    "PaginationError",
    "PriorityBuffer",
    "RateLimiter",
    "ReorderWindow",
    "Stage",
    "WorkerPool",
    "bottleneck",
    "paginate",
    "pipeline",
    "together",
]


_LAZY = {
    "AdaptiveLimit": "adaptive",
    "BatchLengthError": "batcher",
    "MicroBatcher": "batcher",
    "Page": "pages",
    "PaginationError": "pages",
    "PriorityBuffer": "priority",
    "RateLimiter": "rate",
    "Stage": "stage",
    "paginate": "pages",
}


def __getattr__(name: str) -> Any:
    """Import only when asked for what a plain run does without."""
    if name in _LAZY:
        return getattr(import_module(f"streamx.flow.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'streamx.flow' has no attribute {name!r}")
