"""Ranges of files, on disk or in a storage, as blocks and as a source; each reads nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from streamx.errors import InputError, UsageError, cannot
from streamx.read.files import InputFile
from streamx.read.sources import FileSource, Source, open_source
from streamx.storage import StoredFile

_BLOCK_BYTES = 256 * 1024
# What a storage is asked for at a time, as its answers take long to begin.
_STORED_BLOCK_BYTES = 4 * 1024 * 1024


class RangeSource:
    """A range of a file whose size was known before.

    Args:
        inner: gives the file from the range on.
        offset: where the range begins.
        size_bytes: how long it is.
    """

    is_live = False

    def __init__(self, inner: Source, offset: int, size_bytes: int) -> None:
        self.name = inner.name
        self.total_bytes: int | None = size_bytes
        self.bytes_read = 0
        self.is_slow = inner.is_slow
        self._inner = inner
        self._offset = offset
        self._size_bytes = size_bytes

    @property
    def retries(self) -> int:
        return self._inner.retries

    def read_now(self, view: memoryview) -> int | None:
        count = self._inner.read_now(self._bounded(view))
        return None if count is None else self._counted(count)

    async def read_into(self, view: memoryview) -> int:
        return self._counted(await self._inner.read_into(self._bounded(view)))

    async def close(self) -> None:
        await self._inner.close()

    def _bounded(self, view: memoryview) -> memoryview:
        return view[: self._size_bytes - self.bytes_read]

    def _counted(self, count: int) -> int:
        self.bytes_read += count
        if not count and self.bytes_read < self._size_bytes:
            raise _cut_off(self.name, self._offset + self.bytes_read, self._end)
        return count

    @property
    def _end(self) -> int:
        return self._offset + self._size_bytes


async def open_file(file: InputFile) -> Source:
    """Open a file as it stands, which must be the one that was found.

    Raises:
        InputError: it cannot be opened, or is another one in its storage.
    """
    return await _open_at(file, 0, None)


async def open_range(file: InputFile, offset: int, size_bytes: int) -> Source:
    """Open a file where a range of it begins.

    Raises:
        InputError: it cannot be opened, is no file on disk, or is another one in its storage.
    """
    return RangeSource(await _open_at(file, offset, size_bytes), offset, size_bytes)


async def _open_at(file: InputFile, offset: int, size_bytes: int | None) -> Source:
    if file.is_stored:
        from streamx.read.stored_source import open_stored  # with all that a storage takes

        return await open_stored(file.path, offset, size_bytes, file.version)
    source = await open_source(file.path)
    if offset == 0 and size_bytes is None:
        return source
    if not isinstance(source, FileSource):
        await source.close()
        raise InputError(f"{file.name} is no file on disk, so no part of it can be read")
    await source.seek(offset)
    return source


def range_blocks(file: InputFile, offset: int, size_bytes: int) -> Iterator[memoryview]:
    """Yield the blocks of a range, which hold good until the next one is asked for.

    Raises:
        InputError: it cannot be read, the file is shorter, or is another one in its storage.
    """
    block_bytes = _STORED_BLOCK_BYTES if file.is_stored else _BLOCK_BYTES
    block = memoryview(bytearray(min(block_bytes, size_bytes)))
    end = offset + size_bytes
    try:
        with _opened(file) as opened:
            opened.seek(offset)
            while offset < end:
                count = opened.readinto(block[: end - offset])
                if not count:
                    raise _cut_off(file.name, offset, end)
                offset += count
                yield block[:count]
    except (InputError, UsageError):
        raise
    except Exception as error:  # every storage has its own
        raise _cannot_read(file, error) from error


def _opened(file: InputFile) -> Any:
    """Return a file of Python's or of fsspec's, to be read by whoever can wait for it."""
    if file.is_stored:
        return StoredFile(file.path).open_reading(file.version)
    return open(file.path, "rb", buffering=0)


def _cannot_read(file: InputFile, error: Exception) -> InputError:
    if isinstance(error, OSError) and not file.is_stored:
        return InputError(cannot("read", file.name, error))
    return InputError(f"cannot read {file.name}: {StoredFile(file.path).said(error)}")


def _cut_off(name: str, found: int, expected: int) -> InputError:
    return InputError(
        f"{name} ends at byte {found}; expected {expected} bytes, as it had before: it has been "
        "cut off"
    )
