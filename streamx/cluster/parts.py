"""Parts: the files of a directory that hold the output, and what each is known by."""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from streamx.errors import InputError, cannot
from streamx.write.sinks import Sink

_BLOCK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Written:
    """A file that holds a part of the output or of the rejects.

    Attributes:
        path: where it is.
        size_bytes: how long.
        crc32: checksum of its bytes, as of zlib: against accidents, not against malice.
    """

    path: str
    size_bytes: int
    crc32: int


class SumSink:
    """Writes to a sink, and sums up what it writes.

    Args:
        inner: the sink.
    """

    def __init__(self, inner: Sink) -> None:
        self.name = inner.name
        self._inner = inner
        self._size_bytes = 0
        self._crc32 = 0

    def written(self, path: str) -> Written:
        """Return what has been written to a path."""
        return Written(path, self._size_bytes, self._crc32)

    async def write(self, parts: Sequence[bytes | memoryview]) -> None:
        for part in parts:
            self._crc32 = zlib.crc32(part, self._crc32)
            self._size_bytes += len(part)
        await self._inner.write(parts)

    async def prepare(self) -> None:
        await self._inner.prepare()

    async def commit(self) -> None:
        await self._inner.commit()

    async def abort(self) -> None:
        await self._inner.abort()


def written_at(path: str) -> Written:
    """Return what is written in a file, by reading all of it.

    Raises:
        InputError: it cannot be read.
    """
    crc32 = 0
    try:
        with open(path, "rb", buffering=0) as file:
            block = memoryview(bytearray(_BLOCK_BYTES))
            while count := file.readinto(block):
                crc32 = zlib.crc32(block[:count], crc32)
            return Written(path, os.fstat(file.fileno()).st_size, crc32)
    except OSError as error:
        raise InputError(cannot("read", path, error)) from error
