"""Parts: the files that hold the output and the rejects of splits, and what each is known by.

A worker writes a draft, which nobody sees. The owner of the output gives it a name, in one step,
or leaves it. So a split that is run twice, by a worker that was taken for dead and another one, is
in the output once, and no part is ever half of one attempt and half of another.
"""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from streamx.errors import InputError, cannot
from streamx.storage import StoredFile, is_storage_url, version_of
from streamx.write.publish import Target
from streamx.write.sinks import Sink, open_sink
from streamx.write.uploads import Upload, UploadSink, open_upload

_BLOCK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Draft:
    """A file of an attempt, that is whole and has no name yet.

    Attributes:
        path: where it is on disk, or where it would be in its storage.
        size_bytes: how long.
        crc32: checksum of its bytes, as of zlib: against accidents, not against malice.
        upload: what makes a file of it in its storage; None on disk.
    """

    path: str
    size_bytes: int
    crc32: int
    upload: Upload | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A file that holds a part of the output or of the rejects.

    Attributes:
        path: where it is.
        size_bytes, crc32: as of its draft.
        tag: what its storage knows its content by; None on disk.
    """

    path: str
    size_bytes: int
    crc32: int
    tag: str | None = None


class PartSink:
    """Writes a draft, and sums up what it writes.

    Args:
        inner: takes the bytes.
        path: see Draft.
    """

    def __init__(self, inner: Sink, path: str) -> None:
        self.name = inner.name
        self._inner = inner
        self._path = path
        self._size_bytes = 0
        self._crc32 = 0

    def draft(self) -> Draft:
        """Return what has been written, once it is committed."""
        upload = self._inner.upload if isinstance(self._inner, UploadSink) else None
        return Draft(self._path, self._size_bytes, self._crc32, upload)

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


async def open_part(path: str, *, is_durable: bool) -> PartSink:
    """Open a draft that no other attempt writes to.

    Args:
        path: how its name begins on disk, or where it would be in S3.
        is_durable: it is brought to the disk.

    Raises:
        OutputError: it cannot be opened.
    """
    if is_storage_url(path):
        return PartSink(await open_upload(path), path)
    path = f"{path}-{uuid.uuid4().hex}"
    target = Target.of(path, "", is_direct=False, is_durable=is_durable)
    return PartSink(await open_sink(target), path)


def is_as_written(file: Written) -> bool:
    """Tell whether a file is as it was written: by its tag, or by reading all of it.

    Raises:
        InputError: it cannot be looked at.
    """
    if is_storage_url(file.path):
        return _stored_as_written(file)
    crc32 = size_bytes = 0
    try:
        with open(file.path, "rb", buffering=0) as opened:
            block = memoryview(bytearray(_BLOCK_BYTES))
            while count := opened.readinto(block):
                crc32 = zlib.crc32(block[:count], crc32)
                size_bytes += count
    except FileNotFoundError:
        return False
    except OSError as error:
        raise InputError(cannot("read", file.path, error)) from error
    return (size_bytes, crc32) == (file.size_bytes, file.crc32)


def _stored_as_written(file: Written) -> bool:
    stored = StoredFile(file.path)
    try:
        details = stored.details()
    except Exception as error:  # every storage has its own
        raise InputError(f"cannot read {stored.name}: {stored.said(error)}") from error
    if details is None:
        return False
    return (details["size"], version_of(details)) == (file.size_bytes, file.tag)
