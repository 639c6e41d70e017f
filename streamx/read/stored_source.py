"""StoredSource: a file in a storage, read ahead of by a thread, a few blocks and no more."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from streamx.errors import InputError, UsageError
from streamx.read.blocks import BlockSource
from streamx.read.sources import Source
from streamx.storage import StoredFile

# What is asked for at a time: large, since an answer takes long to begin.
BLOCK_BYTES = 4 * 1024 * 1024
# Blocks that are read or wait beside the one that is being taken.
BLOCKS_AHEAD = 2


class StoredSource(BlockSource):
    """The bytes of one file in a storage, or of a range of it, as it was when it was opened.

    A run that ends does not wait for the thread, since a storage may be silent for long.

    Args:
        file: fsspec's, open for reading where the range begins; it belongs to the thread.
        stored: where it is.
        thread: reads it, one block after the other.
        size_bytes: how long the range is; None for all that there is.
    """

    is_live = False
    is_slow = True
    retries = 0  # the storage's library makes its own, and does not tell of them

    def __init__(
        self,
        file: Any,
        stored: StoredFile,
        thread: ThreadPoolExecutor,
        size_bytes: int | None = None,
    ) -> None:
        super().__init__()
        known_bytes = getattr(file, "size", None) if size_bytes is None else size_bytes
        self.name = stored.name
        self.total_bytes: int | None = known_bytes if isinstance(known_bytes, int) else None
        self._left_bytes = size_bytes
        self.bytes_read = 0
        self._file = file
        self._stored = stored
        self._thread = thread
        self._ahead: deque[Future[bytes]] = deque()
        self._is_over = False
        self._is_closed = False

    async def close(self) -> None:
        """Let the thread close the file when what it reads has come, without waiting for that."""
        if not self._is_closed:
            self._is_closed = self._is_over = True
            self._thread.submit(self._file.close)
            self._thread.shutdown(wait=False)

    async def _next_block(self) -> bytes | None:
        """Return the next block, and have others read meanwhile."""
        blocks_ahead = BLOCKS_AHEAD if self.bytes_read else 0  # since some want no more than a head
        while len(self._ahead) <= blocks_ahead:
            self._ahead.append(self._thread.submit(self._read))
        try:
            block = await asyncio.wrap_future(self._ahead.popleft())
        except Exception as error:  # every storage has its own
            raise _cannot_read(self._stored, error) from error
        self.bytes_read += len(block)
        return block or None

    def _read(self) -> bytes:
        """Read a block, unless one before has failed or was the last: then none is asked for."""
        if self._is_over:
            return b""
        self._is_over = True
        left_bytes = self._left_bytes
        count = BLOCK_BYTES if left_bytes is None else min(BLOCK_BYTES, left_bytes)
        block: bytes = self._file.read(count)
        self._is_over = not block
        if left_bytes is not None:
            self._left_bytes = left_bytes - len(block)
        return block


async def open_stored(
    url: str, offset: int = 0, size_bytes: int | None = None, version: str | None = None
) -> Source:
    """Open a file in a storage, from a byte on.

    Args:
        url: where it is.
        offset, size_bytes: the range to read; None for all behind the offset.
        version: what it must be, see `StoredFile.open_reading`.

    Raises:
        UsageError: the storage is not known, or its library is not installed.
        InputError: it cannot be opened.
    """
    thread = ThreadPoolExecutor(1, "streamx-read")
    stored = StoredFile(url)
    try:
        loop = asyncio.get_running_loop()
        file = await loop.run_in_executor(thread, _open_at, stored, offset, version)
    except BaseException as error:
        thread.shutdown(wait=False)
        if isinstance(error, UsageError) or not isinstance(error, Exception):
            raise
        raise _cannot_read(stored, error) from error
    return StoredSource(file, stored, thread, size_bytes)


def _open_at(stored: StoredFile, offset: int, version: str | None) -> Any:
    file = stored.open_reading(version)
    if offset:
        file.seek(offset)
    return file


def _cannot_read(stored: StoredFile, error: Exception) -> InputError:
    return InputError(f"cannot read {stored.name}: {stored.said(error)}")
