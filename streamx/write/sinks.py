"""Sinks: where output goes, files and live streams, written without blocking the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import stat
import sys
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from streamx.descriptors import (
    ThreadedFile,
    is_pollable,
    wait_until_writable,
    widen_pipe,
    write_parts,
)
from streamx.errors import OutputError, cannot, output_error
from streamx.write.publish import Target, Unpublished

_RETRY_SECONDS = 0.05
_THREAD = "streamx-write"
_FLUSH_BYTES = 16 * 1024 * 1024
_LIVE_FLAGS = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Sink(Protocol):
    """Takes bytes until it is committed or aborted.

    Attributes:
        name: what to call the output in messages.
    """

    name: str

    async def write(self, parts: Sequence[bytes | memoryview]) -> None:
        """Write all of the parts, waiting as long as the other side needs.

        Raises:
            ReaderGoneError: the other side closed.
            OutputError: the parts cannot be written.
        """
        ...

    async def prepare(self) -> None:
        """Make the output whole and durable where it is, so that `commit` has little left to do.

        Raises:
            OutputError: that failed.
        """
        ...

    async def commit(self) -> None:
        """Do what `prepare` does if it has not been done, put the output in its place and close."""
        ...

    async def abort(self) -> None:
        """Take back what can be taken back, then close."""
        ...


class FileSink:
    """A file on disk or a device, written on a thread of its own.

    Args:
        file: where to write.
        name: what to call it in messages.
        target: what it is to become, or None where it is written for good.
        holds_bytes: how much of it is there already, and is kept.
    """

    def __init__(
        self, file: ThreadedFile, name: str, target: Unpublished | None, *, holds_bytes: int = 0
    ) -> None:
        self.name = name
        self._file = file
        self._target = target
        self._is_empty = target is None or holds_bytes > 0
        self._is_durable = target is not None and target.is_durable
        self._is_prepared = False
        self._written_bytes = self._flushed_bytes = holds_bytes

    async def write(self, parts: Sequence[bytes | memoryview]) -> None:
        rest = _views_of(parts)
        try:
            if rest:
                await self._empty()
            while rest:
                try:
                    await self._file.write(rest)
                except BlockingIOError:  # from a device that cannot be waited for
                    await asyncio.sleep(_RETRY_SECONDS)
            self._written_bytes += sum(map(len, parts))
            if self._is_durable:
                await self._flush()
        except OSError as error:
            raise output_error(self.name, error) from error

    async def prepare(self) -> None:
        if self._target is None or self._is_prepared:
            return
        try:
            await self._empty()
            await (self._file.sync() if self._is_durable else self._file.settle())
        except OSError as error:
            raise output_error(self.name, error) from error
        self._is_prepared = True

    async def commit(self) -> None:
        await self.prepare()
        try:
            if self._target is None:
                await self._file.close()
                return
            await self._file.call(self._target.publish)
        except OSError as error:
            raise output_error(self.name, error) from error
        with contextlib.suppress(OSError):  # all of it is in its place, so there is nothing to lose
            await self._file.close()

    async def abort(self) -> None:
        if self._target is not None:
            self._target.discard()
        # What failed before is reported; a close that fails too adds nothing.
        with contextlib.suppress(OSError):
            await self._file.close()

    async def _flush(self) -> None:
        """Have the disk begin with what has gathered, so that `commit` has little to wait for."""
        size_bytes = self._written_bytes - self._flushed_bytes
        if size_bytes >= _FLUSH_BYTES:
            await self._file.flush(self._flushed_bytes, size_bytes)
            self._flushed_bytes = self._written_bytes

    async def _empty(self) -> None:
        """Cut off what a file written in place held before; only once there is something new."""
        if not self._is_empty:
            await self._file.truncate()
            self._is_empty = True


class LiveSink:
    """A pipe, socket or terminal, written as fast as its reader takes it."""

    def __init__(self, descriptor: int, name: str, *, closes: bool, restores: bool) -> None:
        self.name = name
        self._descriptor = descriptor
        self._closes = closes
        self._restores = restores
        widen_pipe(descriptor)

    async def write(self, parts: Sequence[bytes | memoryview]) -> None:
        rest = _views_of(parts)
        while rest:
            try:
                write_parts(self._descriptor, rest)
            except BlockingIOError:
                await wait_until_writable(self._descriptor)
            except OSError as error:
                raise output_error(self.name, error) from error

    async def prepare(self) -> None:
        pass

    async def commit(self) -> None:
        await self.abort()

    async def abort(self) -> None:
        if self._restores:
            os.set_blocking(self._descriptor, True)
        if self._closes:
            os.close(self._descriptor)


class WrappingSink:
    """A sink that changes what is written on its way into another, and ends it once.

    Args:
        inner: the other.
    """

    def __init__(self, inner: Sink) -> None:
        self.name = inner.name
        self._inner = inner
        self._is_ended = False

    async def prepare(self) -> None:
        if not self._is_ended:
            await self._end()
            self._is_ended = True
        await self._inner.prepare()

    async def commit(self) -> None:
        await self.prepare()
        await self._inner.commit()

    async def abort(self) -> None:
        await self._inner.abort()

    async def _end(self) -> None:
        """Write what is behind all that was written."""
        raise NotImplementedError


def _views_of(parts: Sequence[bytes | memoryview]) -> deque[memoryview]:
    return deque(memoryview(part) for part in parts if part)


async def open_sink(target: Target) -> Sink:
    """Open what a target names: a new file beside it, a special file, standard output, an upload.

    Raises:
        OutputError: it cannot be opened.
        UsageError: nothing is known of a URL's storage.
    """
    if target.is_stored:
        from streamx.write.stored_sink import open_stored_sink  # with all that a storage takes

        return await open_stored_sink(target.path)
    if target.descriptor is not None:
        if target.descriptor == 1 and sys.stdout is None:
            raise OutputError("standard output is closed; name an output file")
        return _on_descriptor(target.descriptor, target.name)
    if target.is_special:
        return await _on_special(target)
    unpublished = target.create()
    file = ThreadedFile(unpublished.descriptor, "wb", _THREAD, closes=True)
    return FileSink(file, target.name, unpublished)


def _on_descriptor(descriptor: int, name: str) -> Sink:
    try:
        if not is_pollable(descriptor):
            # A duplicate can be closed, which is where some file systems say that a write failed.
            own = os.dup(descriptor)
            return FileSink(ThreadedFile(own, "wb", _THREAD, closes=True), name, None)
    except OSError as error:
        raise OutputError(f"{name} is closed; name an output file") from error
    try:
        # A description of our own can be non-blocking without others noticing that share it.
        own = os.open(f"/proc/self/fd/{descriptor}", _LIVE_FLAGS)
        return LiveSink(own, name, closes=True, restores=False)
    except OSError:
        was_blocking = os.get_blocking(descriptor)
        os.set_blocking(descriptor, False)
        return LiveSink(descriptor, name, closes=False, restores=was_blocking)


async def _on_special(target: Target) -> Sink:
    while True:
        try:
            descriptor = os.open(target.path, _LIVE_FLAGS)
            break
        except OSError as error:
            if not _is_fifo_without_reader(target.path, error):
                raise OutputError(cannot("open", target.name, error)) from error
        await asyncio.sleep(_RETRY_SECONDS)
    if is_pollable(descriptor):
        return LiveSink(descriptor, target.name, closes=True, restores=False)
    os.set_blocking(descriptor, True)
    file = ThreadedFile(descriptor, "wb", _THREAD, closes=True)
    return FileSink(file, target.name, None)


def _is_fifo_without_reader(path: str, error: OSError) -> bool:
    return error.errno == errno.ENXIO and stat.S_ISFIFO(os.stat(path).st_mode)
