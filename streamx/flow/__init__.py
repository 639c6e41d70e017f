"""Flow control that knows nothing of files: every part bounded, every producer made to wait.

    source ──▶ BoundedBuffer ──▶ WorkerPool ──▶ ReorderWindow ──▶ DrainWriter ──▶ sink
       ▲                                                              │
       └─────────────── Credits, returned when output has drained ────┘

`pipeline()` runs them as one. Each part can be used alone, in any asyncio program.
"""

from streamx.flow.buffer import BoundedBuffer, BufferClosedError, BufferStatistics
from streamx.flow.credits import Credits
from streamx.flow.drain import DrainWriter
from streamx.flow.monitor import FlowMonitor, FlowSnapshot
from streamx.flow.pipeline import Inbound, Stage, pipeline, together
from streamx.flow.reorder import ReorderWindow
from streamx.flow.workers import WorkerPool

__all__ = [
    "BoundedBuffer",
    "BufferClosedError",
    "BufferStatistics",
    "Credits",
    "DrainWriter",
    "FlowMonitor",
    "FlowSnapshot",
    "Inbound",
    "ReorderWindow",
    "Stage",
    "WorkerPool",
    "pipeline",
    "together",
]
