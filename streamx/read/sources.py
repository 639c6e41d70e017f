"""Sources: where blocks of bytes come from, files and live streams, read without blocking."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import stat
import sys
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from streamx.descriptors import ThreadedFile, is_pollable, wait_until_readable, widen_pipe
from streamx.errors import InputError, cannot
from streamx.storage import is_storage_url

STDIN_NAME = "standard input"


class Source(Protocol):
    """Gives blocks of bytes until the end of the input.

    Attributes:
        name: what to call the input in messages.
        total_bytes: size on disk, where that is known.
        bytes_read: how much of that has been read.
        is_slow: data may be slow to come (a pipe, a terminal, a server), so nothing must wait for a
            full block.
        is_live: they come at the pace of whoever makes them (a pipe, a terminal): a pause may last,
            and a buffer that is full holds someone up.
        retries: requests that were made again, where it takes any.
    """

    name: str
    total_bytes: int | None
    is_slow: bool
    is_live: bool

    @property
    def bytes_read(self) -> int: ...

    @property
    def retries(self) -> int: ...

    def read_now(self, view: memoryview) -> int | None:
        """Do what `read_into` does if that takes no waiting; otherwise return None."""
        ...

    async def read_into(self, view: memoryview) -> int:
        """Read at least one byte into the front of a view; return how many, 0 at the end."""
        ...

    async def close(self) -> None:
        """Release what was opened."""
        ...


@runtime_checkable
class TypedSource(Source, Protocol):
    """A source of JSONL whose columns have types.

    Attributes:
        types: Arrow's, by name, in the order in which each record has them.
    """

    types: Mapping[str, Any]


class FileSource:
    """A file on disk, read on a thread of its own."""

    is_slow: bool = False
    is_live: bool = False
    retries: int = 0

    def __init__(self, file: ThreadedFile, name: str, total_bytes: int | None) -> None:
        self.name = name
        self.total_bytes = total_bytes
        self.bytes_read = 0
        self._file = file

    def read_now(self, view: memoryview) -> int | None:
        count = self._file.read_now(view)
        self.bytes_read += count or 0
        return count

    async def seek(self, offset: int) -> None:
        """Go on reading at a byte of the file."""
        try:
            await self._file.seek(offset)
        except OSError as error:
            raise InputError(cannot("read", self.name, error)) from error
        self.bytes_read = offset

    async def read_into(self, view: memoryview) -> int:
        at_once = self.read_now(view)
        if at_once is not None:
            return at_once
        try:
            count = await self._file.read_into(view)
        except OSError as error:
            raise InputError(cannot("read", self.name, error)) from error
        self.bytes_read += count
        return count

    async def close(self) -> None:
        with contextlib.suppress(OSError):  # what was read has been read
            await self._file.close()


class LiveSource:
    """A pipe, socket or terminal, read as soon as the event loop finds something to read."""

    total_bytes: int | None = None
    is_slow: bool = True
    is_live: bool = True
    retries: int = 0

    def __init__(self, descriptor: int, name: str, *, closes: bool) -> None:
        self.name = name
        self.bytes_read = 0
        self._descriptor = descriptor
        self._closes = closes
        self._readable = select.poll()
        self._readable.register(descriptor, select.POLLIN)
        widen_pipe(descriptor)

    def read_now(self, view: memoryview) -> int | None:
        # The description may be shared with others, so it must stay as it is: it may block.
        if not self._readable.poll(0):
            return None
        try:
            count = os.readv(self._descriptor, [view])
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno == errno.EIO and os.isatty(self._descriptor):
                return 0
            raise InputError(cannot("read", self.name, error)) from error
        self.bytes_read += count
        return count

    async def read_into(self, view: memoryview) -> int:
        while (count := self.read_now(view)) is None:
            await wait_until_readable(self._descriptor)
        return count

    async def close(self) -> None:
        if self._closes:
            os.close(self._descriptor)


async def open_source(path: str) -> Source:
    """Open a file, a FIFO, a file in a storage by its URL or, as `-`, standard input.

    Raises:
        InputError: the path is a directory or cannot be opened, or standard input is closed.
        UsageError: nothing is known of a URL's storage.
    """
    if is_storage_url(path):
        from streamx.read.stored_source import open_stored  # with all that a storage takes

        return await open_stored(path)
    if path == "-":
        if sys.stdin is None:
            raise InputError("standard input is closed; name an input file")
        return await _from_descriptor(0, STDIN_NAME, closes=False)
    try:
        # A FIFO would otherwise block here until its writer comes, deaf to Ctrl-C.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        raise InputError(cannot("open", path, error)) from error
    return await _from_descriptor(descriptor, path, closes=True)


async def _from_descriptor(descriptor: int, name: str, *, closes: bool) -> Source:
    status = os.fstat(descriptor)
    if stat.S_ISDIR(status.st_mode):
        if closes:
            os.close(descriptor)
        raise InputError(f"{name} is a directory; name a file in it")
    if is_pollable(descriptor):
        return LiveSource(descriptor, name, closes=closes)
    total_bytes = status.st_size if stat.S_ISREG(status.st_mode) else None
    if total_bytes is not None and not closes:
        total_bytes -= min(os.lseek(descriptor, 0, os.SEEK_CUR), total_bytes)
    file = ThreadedFile(descriptor, "rb", "streamx-read", closes=closes)
    return FileSource(file, name, total_bytes)
