"""File descriptors on the event loop: waiting for live ones, and threads for files on disk."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import io
import os
import stat
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, Literal, TypeVar

T = TypeVar("T")

# What a pipe is made to hold, if the system lets it: unprivileged users may usually ask for this.
_PIPE_BYTES = 1024 * 1024
# One system call takes no more (IOV_MAX).
_MOST_PARTS = 1024


def is_pollable(descriptor: int) -> bool:
    """Tell whether a descriptor is a pipe, socket or terminal, which an event loop can watch."""
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(descriptor)


def widen_pipe(descriptor: int) -> None:
    """Make a pipe hold more, so that its two sides wait less for each other; a wish, no more."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):
            if fcntl.fcntl(descriptor, fcntl.F_GETPIPE_SZ) < _PIPE_BYTES:
                fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


async def wait_until_readable(descriptor: int) -> None:
    """Wait until a read would not block: there is data, or the end."""
    loop = asyncio.get_running_loop()
    await _wait(descriptor, loop.add_reader, loop.remove_reader)


async def wait_until_writable(descriptor: int) -> None:
    """Wait until a write would not block: there is room, or the other side has gone."""
    loop = asyncio.get_running_loop()
    await _wait(descriptor, loop.add_writer, loop.remove_writer)


def write_parts(descriptor: int, parts: deque[memoryview]) -> None:
    """Write parts in order, taking out what has been written, until none is left.

    Raises:
        BlockingIOError: the rest, which `parts` holds, would have to wait.
    """
    while parts:
        written = os.writev(descriptor, list(islice(parts, _MOST_PARTS)))
        while parts and written >= len(parts[0]):
            written -= len(parts.popleft())
        if written:
            parts[0] = parts[0][written:]


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


class ThreadedFile:
    """A descriptor as an unbuffered aiofiles file, with a thread of its own.

    Nothing that the thread has begun is abandoned: a cancelled call ends first, so that the
    descriptor can be closed safely.

    Args:
        descriptor: an open one; it is not opened here, so that there is nothing to wait for.
        mode: "rb" or "wb".
        thread: the name of the thread.
        closes: the descriptor is closed with the file.
    """

    def __init__(
        self, descriptor: int, mode: Literal["rb", "wb"], thread: str, *, closes: bool
    ) -> None:
        from aiofiles.threadpool import wrap as aiofiles_wrap  # not needed between two pipes

        self._is_closed = False
        is_regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        self._may_be_in_memory = is_regular and hasattr(os, "RWF_NOWAIT")
        self._executor = ThreadPoolExecutor(1, thread)
        self._file = aiofiles_wrap(
            io.FileIO(descriptor, mode, closefd=closes),
            loop=asyncio.get_running_loop(),
            executor=self._executor,
        )

    def read_now(self, view: memoryview) -> int | None:
        """Read what the system has in memory; None if there is nothing, or no way to know."""
        if not self._may_be_in_memory:
            return None
        try:
            # At -1, where the file stands. Some kernels give 0 without being at the end.
            return os.preadv(self._file.fileno(), [view], -1, os.RWF_NOWAIT) or None
        except BlockingIOError:
            return None
        except OSError:
            self._may_be_in_memory = False
            return None

    async def read_into(self, view: memoryview) -> int:
        """Read into the front of a view and return how many bytes came; 0 at the end."""
        count: int | None = await uninterrupted(self._file.readinto(view))
        if count is None:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return count

    async def write(self, parts: deque[memoryview]) -> None:
        """Call `write_parts` on the file's thread, once for all parts."""
        await self.call(write_parts, self._file.fileno(), parts)

    async def seek(self, offset: int) -> None:
        await uninterrupted(self._file.seek(offset))

    async def truncate(self) -> None:
        await uninterrupted(self._file.truncate(0))

    async def flush(self, offset: int, size_bytes: int) -> None:
        """Begin to bring a part of the file to the disk, without waiting for it.

        What is being written stays in memory, although the advice says that it is not needed.
        """
        if hasattr(os, "posix_fadvise"):
            advice = (offset, size_bytes, os.POSIX_FADV_DONTNEED)
            with contextlib.suppress(OSError):  # a wish, no more; `sync` reports a broken disk
                await self.call(os.posix_fadvise, self._file.fileno(), *advice)

    async def sync(self) -> None:
        """Bring what was written to the disk."""
        await self.call(os.fsync, self._file.fileno())

    async def settle(self) -> None:
        """Have the file system say what it only says on closing: NFS may write that late."""
        await self.call(lambda: os.close(os.dup(self._file.fileno())))

    async def call(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Call a function on the file's thread."""
        loop = asyncio.get_running_loop()
        await uninterrupted(loop.run_in_executor(self._executor, function, *arguments))

    async def close(self) -> None:
        """Close the file and end the thread; a second time does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            await uninterrupted(self._file.close())
        finally:
            self._executor.shutdown(wait=True)


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
