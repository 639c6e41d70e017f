"""Limits by count: what passes through a cluster's flow is small, however much it stands for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from streamx.flow import Credits, Limit, ReorderWindow

_NO_LIMIT_BYTES = 1 << 62


def counted(capacity: int, size_of: Callable[[Any], int] = lambda _: 1) -> Limit[Any]:
    """Return a limit of so many, whatever their sizes are, which are told of all the same."""
    return Limit(capacity, _NO_LIMIT_BYTES, size_of=size_of)


def counted_window(capacity: int) -> ReorderWindow[Any, Any]:
    """Return a reorder window of so many."""
    return ReorderWindow(capacity, _NO_LIMIT_BYTES)


def counted_credits(capacity: int) -> Credits:
    """Return so many credits."""
    return Credits(capacity, _NO_LIMIT_BYTES)
