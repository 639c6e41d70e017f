"""Flow control that knows nothing of files: every part bounded, every producer made to wait.

    source ──▶ BoundedBuffer ──▶ WorkerPool ──▶ ReorderWindow ──▶ DrainWriter ──▶ sink
       ▲                                                              │
       └─────────────── Credits, returned when output has drained ────┘

`pipeline()` runs them as one. Each part can be used alone, in any asyncio program.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from streamx.flow.buffer import BoundedBuffer, BufferClosedError, BufferStatistics
from streamx.flow.credits import Credits
from streamx.flow.drain import DrainWriter
from streamx.flow.monitor import FlowMonitor, FlowSnapshot
from streamx.flow.pipeline import Inbound, Stage, pipeline, together
from streamx.flow.reorder import ReorderWindow
from streamx.flow.workers import WorkerPool

if TYPE_CHECKING:
    from streamx.flow.adaptive import AdaptiveLimit
    from streamx.flow.batcher import BatchLengthError, MicroBatcher
    from streamx.flow.rate import RateLimiter

__all__ = [
    "AdaptiveLimit",
    "BatchLengthError",
    "BoundedBuffer",
    "BufferClosedError",
    "BufferStatistics",
    "Credits",
    "DrainWriter",
    "FlowMonitor",
    "FlowSnapshot",
    "Inbound",
    "MicroBatcher",
    "RateLimiter",
    "ReorderWindow",
    "Stage",
    "WorkerPool",
    "pipeline",
    "together",
]


_LAZY = {
    "AdaptiveLimit": "adaptive",
    "BatchLengthError": "batcher",
    "MicroBatcher": "batcher",
    "RateLimiter": "rate",
}


def __getattr__(name: str) -> Any:
    """Import only when asked for what a plain run does without."""
    if name in _LAZY:
        return getattr(import_module(f"streamx.flow.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'streamx.flow' has no attribute {name!r}")
