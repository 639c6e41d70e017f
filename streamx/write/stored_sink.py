"""StoredSink: a file in a storage, which is the old one until all of the new one is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from streamx.descriptors import uninterrupted
from streamx.errors import OutputError, UsageError
from streamx.storage import StoredFile

# What is uploaded at a time, and held until then. S3 takes 10,000 blocks for a file: 156 GiB.
BLOCK_BYTES = 16 * 1024 * 1024


class StoredSink:
    """A file that is uploaded in blocks, and appears when it is committed.

    All that is asked of the storage is asked by one thread, in order, and nothing that it has begun
    is abandoned: what is taken back is the whole upload, with the block that was on its way.

    Args:
        url: where it is to appear.
    """

    def __init__(self, url: str) -> None:
        self._stored = StoredFile(url)
        self.name = self._stored.name
        self._thread = ThreadPoolExecutor(1, "streamx-write")
        self._upload: Any = None  # fsspec's file, which has no type
        self._is_prepared = False

    async def open(self) -> None:
        """Begin the upload.

        Raises:
            UsageError: nothing is known of the storage, or its library is not installed.
            OutputError: it cannot be begun.
        """
        try:
            await self._asked(self._open)
        except BaseException:
            await self.abort()
            raise

    async def write(self, parts: Sequence[bytes | memoryview]) -> None:
        await self._asked(self._write, parts)

    async def prepare(self) -> None:
        if not self._is_prepared:
            await self._asked(self._upload.close)  # the last block
            self._is_prepared = True

    async def commit(self) -> None:
        await self.prepare()
        await self._asked(self._upload.commit)
        self._thread.shutdown(wait=False)

    async def abort(self) -> None:
        # What failed before is reported; that the storage keeps what was uploaded adds little.
        with suppress(OutputError):
            await self._asked(self._discard)
        self._thread.shutdown(wait=False)

    def _open(self) -> None:
        self._upload = self._stored.open_writing(BLOCK_BYTES)

    def _write(self, parts: Sequence[bytes | memoryview]) -> None:
        for part in parts:
            self._upload.write(part)

    def _discard(self) -> None:
        if self._upload is None:
            return
        try:
            self._upload.discard()
        finally:
            with suppress(AttributeError):  # of files that are none of fsspec's buffered ones
                self._upload.closed = True  # or it would upload the rest when it is collected

    async def _asked(self, function: Callable[..., Any], *arguments: Any) -> None:
        loop = asyncio.get_running_loop()
        try:
            await uninterrupted(loop.run_in_executor(self._thread, function, *arguments))
        except UsageError:
            raise
        except Exception as error:  # every storage has its own
            raise _cannot("write", self._stored, error) from error


async def open_stored_sink(url: str) -> StoredSink:
    """Begin a file in a storage, as `StoredSink.open` does."""
    sink = StoredSink(url)
    await sink.open()
    return sink


def remove_stored(url: str) -> None:
    """Remove a file from a storage, if it is there.

    Raises:
        OutputError: it cannot be removed.
    """
    stored = StoredFile(url)
    try:
        stored.remove()
    except Exception as error:  # every storage has its own
        raise _cannot("remove", stored, error) from error


def _cannot(action: str, stored: StoredFile, error: Exception) -> OutputError:
    return OutputError(f"cannot {action} {stored.name}: {stored.said(error)}")
