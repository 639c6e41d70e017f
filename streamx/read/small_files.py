"""SmallFiles: reads small files as a whole, many in one call of a thread.

To open a file, read it and close it takes a few microseconds, and each switch to a thread and back
ten times as long. A storage takes milliseconds for each, so there several are asked for at a time.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from streamx.errors import InputError, cannot
from streamx.read.files import InputFile
from streamx.storage import StoredFile

SMALL_BYTES = 64 * 1024
# What is read ahead holds so much at most, and one file more.
_AHEAD_BYTES = 1024 * 1024
_AHEAD_FILES = 256
_STORED_AT_A_TIME = 8


class SmallFiles:
    """The contents of files that are asked for one after the other.

    Args:
        files: all of them, small ones and others.
    """

    def __init__(self, files: Sequence[InputFile]) -> None:
        self._files = files
        self._contents: dict[int, bytes | InputError] = {}

    async def source(self, number: int) -> MemorySource | None:
        """Return what is in a file, or None if it is none to be read as a whole.

        Raises:
            InputError: it cannot be read.
        """
        if not self._has(number):
            return None
        if number not in self._contents:
            self._contents = await asyncio.to_thread(self._read_from, number)
        content = self._contents.pop(number)
        if isinstance(content, InputError):
            raise content
        is_whole = len(content) <= SMALL_BYTES
        return MemorySource(content, self._files[number].name) if is_whole else None

    def _has(self, number: int) -> bool:
        return self._files[number].size_bytes <= SMALL_BYTES

    def _read_from(self, first: int) -> dict[int, bytes | InputError]:
        """Return what is in a file, and in those that are going to be asked for next."""
        numbers = list(self._small_from(first))
        files = [self._files[number] for number in numbers]
        if not any(file.is_stored for file in files):
            return dict(zip(numbers, map(_content_of, files), strict=True))
        with ThreadPoolExecutor(_STORED_AT_A_TIME, "streamx-read") as threads:
            return dict(zip(numbers, threads.map(_content_of, files), strict=True))

    def _small_from(self, first: int) -> Iterator[int]:
        size_bytes = 0
        following = range(first, len(self._files))
        for number in islice(filter(self._has, following), _AHEAD_FILES):
            yield number
            size_bytes += self._files[number].size_bytes
            if size_bytes >= _AHEAD_BYTES:
                return


class MemorySource:
    """A source of bytes that have been read."""

    is_slow: bool = False
    is_live: bool = False
    retries: int = 0

    def __init__(self, content: bytes, name: str) -> None:
        self.name = name
        self.total_bytes: int | None = len(content)
        self.bytes_read = 0
        self._content = memoryview(content)

    def read_now(self, view: memoryview) -> int | None:
        block = self._content[self.bytes_read : self.bytes_read + len(view)]
        view[: len(block)] = block
        self.bytes_read += len(block)
        return len(block)

    async def read_into(self, view: memoryview) -> int:
        return self.read_now(view) or 0

    async def close(self) -> None:
        pass


def _content_of(file: InputFile) -> bytes | InputError:
    """Return all that is in a file, of one that has grown a byte too much, or what is wrong."""
    if file.is_stored:
        return _stored_content_of(file)
    try:
        descriptor = os.open(file.path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with open(descriptor, "rb") as opened:
            return opened.read(SMALL_BYTES + 1)
    except OSError as error:
        return InputError(cannot("open", file.name, error))


def _stored_content_of(file: InputFile) -> bytes | InputError:
    stored = StoredFile(file.path)
    try:
        with stored.open_reading(file.version) as opened:
            content: bytes = opened.read(SMALL_BYTES + 1)
            return content
    except Exception as error:  # every storage has its own
        return InputError(f"cannot read {file.name}: {stored.said(error)}")
