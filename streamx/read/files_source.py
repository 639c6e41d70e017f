"""FilesSource: several files, opened one after the other and counted together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from streamx.read.files import InputFile
from streamx.read.ranges import open_file
from streamx.read.small_files import SmallFiles
from streamx.read.sources import Source, TypedSource


class FilesSource:
    """A source that gives the bytes of the file that is open, up to that file's end.

    Args:
        files: all of them, in order.
        name: what to call them together, in messages.
        records_of: opens the records of a file, by what opens its bytes as they are.

    Attributes:
        current: the file that is open, if one is.
        types: of the columns of all files together, see TypedSource; none before `learn_types`.
    """

    is_live: bool = False
    retries: int = 0

    def __init__(
        self,
        files: Sequence[InputFile],
        name: str,
        records_of: Callable[[InputFile, Callable[[], Awaitable[Source]]], Awaitable[Source]],
    ) -> None:
        self.files = files
        self.name = name
        self.total_bytes: int | None = sum(file.size_bytes for file in files)
        self.current: Source | None = None
        self.types: Mapping[str, Any] = {}
        self.is_slow = False
        self._records_of = records_of
        self._small = SmallFiles(files)
        self._bytes_before = 0

    @property
    def bytes_read(self) -> int:
        """How many bytes of all files have been read."""
        return self._bytes_before + (0 if self.current is None else self.current.bytes_read)

    async def open(self, number: int) -> None:
        """Open a file by its number; nothing of another must be open.

        Raises:
            InputError: it cannot be opened, or is another one in its storage than was found.
        """
        assert self.current is None, "one file is open at a time"
        self.current = await self._records_of(self.files[number], partial(self._bytes_of, number))
        self.is_slow = self.current.is_slow

    async def _bytes_of(self, number: int) -> Source:
        source: Source | None = await self._small.source(number)
        if source is None:
            source = await open_file(self.files[number])
            source.name = self.files[number].name
        return source

    async def learn_types(self) -> None:
        """Look at the columns of all files, unless those of one have no types.

        Raises:
            InputError: a file cannot be read.
        """
        types: dict[str, Any] = {}
        for number in range(len(self.files)):
            await self.open(number)
            try:
                if not isinstance(self._open, TypedSource):
                    return
                from streamx.read.columnar import joined_types  # which such a source has imported

                types = joined_types(types, self._open.types)
            finally:
                await self.leave(is_read=False)
        self.types = types

    async def leave(self, *, is_read: bool) -> None:
        """Close the file that is open; what was read of it counts only if it was read for good."""
        current, self.current = self._open, None
        if is_read:
            self._bytes_before += current.bytes_read
        await current.close()

    def pass_over(self, number: int) -> None:
        """Count the files before a number as read."""
        self._bytes_before = sum(file.size_bytes for file in self.files[:number])

    def read_now(self, view: memoryview) -> int | None:
        return self._open.read_now(view)

    async def read_into(self, view: memoryview) -> int:
        return await self._open.read_into(view)

    async def close(self) -> None:
        if self.current is not None:
            await self.leave(is_read=True)

    @property
    def _open(self) -> Source:
        assert self.current is not None, "a file is open whenever something is read"
        return self.current
