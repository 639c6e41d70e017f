"""Waits for file descriptors on the event loop, and keeps them open while a thread uses them."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")


def is_pollable(descriptor: int) -> bool:
    """Tell whether a descriptor is a pipe, socket or terminal, which an event loop can watch."""
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(descriptor)


async def wait_until_readable(descriptor: int) -> None:
    """Wait until a read would not block: there is data, or the end."""
    loop = asyncio.get_running_loop()
    await _wait(descriptor, loop.add_reader, loop.remove_reader)


async def wait_until_writable(descriptor: int) -> None:
    """Wait until a write would not block: there is room, or the other side has gone."""
    loop = asyncio.get_running_loop()
    await _wait(descriptor, loop.add_writer, loop.remove_writer)


async def uninterrupted(awaitable: Awaitable[T]) -> T:
    """Await something that cancelling cannot stop, such as a thread's read or write.

    A cancellation takes effect only when it has ended, so that its file can be closed safely.
    """
    running = asyncio.ensure_future(awaitable)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        raise


async def _wait(descriptor: int, add: Callable[..., Any], remove: Callable[[int], Any]) -> None:
    ready = asyncio.get_running_loop().create_future()

    def set_once() -> None:
        if not ready.done():
            ready.set_result(None)

    add(descriptor, set_once)
    try:
        await ready
    finally:
        remove(descriptor)
