"""Heap: tells glibc how a process that streams uses memory; without it, nothing happens.

The values are M_TRIM_THRESHOLD, M_MMAP_THRESHOLD and M_ARENA_MAX in malloc.h.
"""

from __future__ import annotations

import os

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_MIB = 1024 * 1024


def suit_streaming() -> None:
    """Use one heap, and keep freed memory for the next chunk.

    Output is allocated in a worker thread and freed in the event loop, which leaves holes in one
    heap for each worker. For a process of our own only.
    """
    _set(_ARENA_MAX, 1)
    keep_freed_memory()
    # Arrow has a heap of its own, with what was freed in each thread: a third more memory.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


def keep_freed_memory() -> None:
    """Keep a few MiB of freed memory for the next chunk.

    What holds a chunk or a part would be given back to the system after each use, and be cleared
    and mapped page by page for the next. A worker of Dask is even started with the smallest of
    such thresholds, which doubles the time that a split spends in the system.
    """
    _set(_MMAP_THRESHOLD, 4 * _MIB)
    _set(_TRIM_THRESHOLD, 16 * _MIB)


def _set(what: int, value: int) -> None:
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(what, value)
