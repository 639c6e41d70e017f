"""Turns: when calls may start, where there is a rate, over all processes of a run."""

from __future__ import annotations

import fcntl
import mmap
import os
from typing import TYPE_CHECKING

from streamx.transform.functions import Calls

if TYPE_CHECKING:
    from streamx.flow.rate import RateLimiter

_descriptor: int | None = None


def share_turns(descriptor: int) -> None:
    """Take turns with all processes that share a file, from now on; it may be empty."""
    global _descriptor
    _descriptor = descriptor


def limiter_of(calls: Calls) -> RateLimiter | None:
    """Return what gives calls their turns, or None where there is no rate."""
    if calls.rate is None:
        return None
    from streamx.flow.rate import RateLimiter  # and asyncio, of which workers import nothing else

    if _descriptor is None:
        return RateLimiter(calls.rate)
    if os.fstat(_descriptor).st_size < mmap.PAGESIZE:
        os.ftruncate(_descriptor, mmap.PAGESIZE)
    moments = memoryview(mmap.mmap(_descriptor, mmap.PAGESIZE)).cast("d")
    return RateLimiter(calls.rate, next_at=moments, lock=_ProcessLock(_descriptor))


class _ProcessLock:
    """A lock that one process has at a time, and none that has died.

    It is a record lock, which belongs to a process: a lock by flock would belong to the open file,
    which all of them have inherited.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __enter__(self) -> None:
        fcntl.lockf(self._descriptor, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        fcntl.lockf(self._descriptor, fcntl.LOCK_UN)
