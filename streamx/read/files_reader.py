"""FilesReader: reads several files into chunks, none of which spans two of them."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import TypeVar

from streamx.chunk import Chunk, FileOfInput, Place
from streamx.codec import head as heads
from streamx.codec import record_start
from streamx.codec.head import Header
from streamx.codec.layout import BYTE_ORDER_MARK, Column, CsvFormat, Format
from streamx.errors import InputError
from streamx.flow import Credits
from streamx.read.chunker import Chunker
from streamx.read.decode import plain_file
from streamx.read.files_source import FilesSource
from streamx.read.pace import ChunkPace
from streamx.read.reader import ChunkReader
from streamx.read.sources import FileSource
from streamx.transform.column_types import ColumnTypes
from streamx.transform.opening import OPENING_RECORDS
from streamx.transform.plan import Recipe
from streamx.transform.resolve import Ending, Resolution, body_in, resolve
from streamx.transform.resolve_files import resolve_table
from streamx.transform.table import Table

R = TypeVar("R")

# What is read at a time where a header is looked for.
_HEAD_BYTES = 64 * 1024
# A head that is longer is looked at in a thread, since signals must be heard.
_QUICK_BYTES = 256 * 1024
_NO_HEADER = 0xFFFFFFFF


class FilesReader(ChunkReader):
    """Looks at the heads of all files until a plan can be made, then reads one after the other.

    Each is closed before the next one is opened. Of a file that has been looked at no more is kept
    than which header it has.

    Args:
        files: the files.
        pace, max_record_bytes: see ChunkReader.
    """

    def __init__(self, files: FilesSource, pace: ChunkPace, max_record_bytes: int) -> None:
        super().__init__(files, pace, max_record_bytes)
        self._files = files
        self._recipe: Recipe  # once there is a resolution
        self._table: Table | None = None
        self._kinds = array("I")  # of the files' headers, where they have some
        self._is_open = False  # the plan; the first chunk decides its header
        self._start: Place | None = None
        self._known: tuple[bytes, Header] | None = None  # the last head, up to its records
        self._room = memoryview(bytearray(_HEAD_BYTES))

    async def resolution(self, recipe: Recipe) -> Resolution:
        """Look at all headers, and at as many records as decide what a recipe comes to.

        Raises:
            InputError: a file cannot be read, or has other columns than the first and must not.
            StreamxError: see `streamx.transform.resolve.resolve`.
        """
        self._recipe = recipe
        if isinstance(recipe.source, CsvFormat) and recipe.has_header:
            resolution = await self._resolution_of_table(recipe, recipe.source)
        else:
            resolution = await self._resolution_of_records(recipe)
        self._is_open = resolution.plan.is_open
        return resolution

    def sample(self, resolution: Resolution, format: Format) -> bytes:
        """Return nothing, since records of several files need not be alike."""
        return b""

    async def move_to(self, place: Place, size_bytes: int) -> bytes:
        self._start = place
        self._files.pass_over(place.file)
        await self._open(place.file)
        return await super().move_to(place, size_bytes)

    async def chunks(
        self, resolution: Resolution, format: Format, credits: Credits
    ) -> AsyncIterator[Chunk]:
        """Yield the chunks of all files, taking a credit before the bytes of each are read."""
        chunker = self._chunker = self._new_chunker(resolution, format)
        first = 0 if self._start is None else self._start.file
        for number in range(first, len(self._files.files)):
            place, opening_bytes = self._start, None
            if place is None or number > first:
                place, opening_bytes = await self._begin(number, format, chunker)
            kind = self._kinds[number] if self._kinds else 0
            if kind != _NO_HEADER:
                file = FileOfInput(number, self._files.files[number].name, kind)
                chunker.begin(file, offset=place.offset, line=place.line)
                async for chunk in self._cut(chunker, opening_bytes, credits):
                    yield chunk
            await self._files.leave(is_read=True)

    async def _begin(
        self, number: int, format: Format, chunker: Chunker
    ) -> tuple[Place, int | None]:
        """Open a file where its records start; return the place, and how long the opening is."""
        await self._open(number)
        decides_header = self._is_open and chunker.sequence == 0
        name = self._files.files[number].name
        if not decides_header:
            header, head = await self._look(partial(self._header_in, name=name))
            records = None
        else:
            header, head, records = await self._look(partial(self._records_in, name=name))
        self._refuse_changed(number, header)
        del self._head[: header.end]
        place = Place(head.count(b"\n", 0, header.end) + 1, header.end, number)
        if records is None:
            return place, None
        end = record_start(records, format, OPENING_RECORDS)
        return place, len(records) if end is None else end

    def _refuse_changed(self, number: int, header: Header) -> None:
        if self._table is None:
            return
        kind = self._kinds[number]
        known = () if kind == _NO_HEADER else self._table.kinds[kind].header.names
        if header.names != known:
            name = self._files.files[number].name
            raise InputError(f"{name} has another header than when the run began; run again")

    async def _resolution_of_table(self, recipe: Recipe, format: CsvFormat) -> Resolution:
        table = self._table = Table(recipe, format)
        for number, file in enumerate(self._files.files):
            header, head = await self._looked_at(number, self._header_in)
            kind = table.add(header, head, file.name) if header.names else _NO_HEADER
            self._kinds.append(kind)
        types = ColumnTypes(table)
        for number, kind in enumerate(self._kinds):
            if kind != _NO_HEADER and types.wants(kind):
                _, _, sample = await self._looked_at(number, self._records_in)
                if len(sample) < _QUICK_BYTES:
                    types.add(kind, sample)
                else:
                    await asyncio.to_thread(types.add, kind, sample)
        return await asyncio.to_thread(resolve_table, table, types)

    async def _resolution_of_records(self, recipe: Recipe) -> Resolution:
        """Take the records of all files for those of one; what comes before them is no part."""
        joint = replace(recipe, skip_lines=0, known_columns=self._columns_of(recipe))
        # With a mark in front no record can be taken for one, nor for other data than text.
        head = bytearray(BYTE_ORDER_MARK)
        resolution = resolve(joint, bytes(head), "open", self._files.name)
        look_at_bytes = 0
        async with aclosing(self._bodies()) as bodies:
            while resolution is None:
                block = await anext(bodies, b"")
                head += block
                if not block or len(head) >= look_at_bytes:
                    ending: Ending = "open" if block else "end"
                    known = joint, bytes(head), ending, self._files.name
                    resolution = await asyncio.to_thread(resolve, *known)
                    look_at_bytes = len(head) * 3 // 2
        return resolution

    def _columns_of(self, recipe: Recipe) -> tuple[Column, ...] | None:
        """Return the columns that the files say they have, if those are the ones of the records."""
        if not self._files.types or recipe.nested == "flatten":
            return recipe.known_columns
        return tuple(map(Column, self._files.types))

    async def _bodies(self) -> AsyncGenerator[bytes, None]:
        """Yield the blocks of all records, each file's last with a line end."""
        for number, file in enumerate(self._files.files):
            await self._open(number)
            try:
                header, head = await self._look(partial(self._header_in, name=file.name))
                block = head[header.end :]
                while block:
                    last = block[-1:]
                    yield block
                    block = await self._block()
                    if not block and last != b"\n":
                        yield b"\n"
            finally:
                await self._files.leave(is_read=False)

    async def _looked_at(self, number: int, decide: Callable[..., R | None]) -> R:
        """Open a file, read until `decide` finds its head long enough, and close it again."""
        await self._open(number)
        try:
            return await self._look(partial(decide, name=self._files.files[number].name))
        finally:
            await self._files.leave(is_read=False)

    async def _look(self, decide: Callable[[bytes, Ending], R | None]) -> R:
        """Read the head of the file that is open until `decide` finds it long enough."""
        look_at_bytes = 0
        while True:
            block = await self._block()
            if block and len(self._head) < look_at_bytes:
                continue
            head, ending = bytes(self._head), "open" if block else "end"
            if len(head) < _QUICK_BYTES:
                found = decide(head, ending)  # type: ignore[arg-type]  # one of the endings
            else:
                found = await asyncio.to_thread(decide, head, ending)  # type: ignore[arg-type]  # likewise
            if found is not None:
                return found
            look_at_bytes = len(head) * 3 // 2

    async def _block(self) -> bytes:
        """Add a block of the file that is open to the head; return it, or nothing at the end."""
        block = await self._read(self._room, None)
        assert block is not None, "without a limit a wait does not end"
        self._is_at_end = not block
        self._head += block
        return bytes(block)

    async def _open(self, number: int) -> None:
        await self._files.open(number)
        self._head.clear()
        self._head_offset, self._is_at_end = 0, False

    def _plain_file(self) -> FileSource | None:
        return None if self._files.current is None else plain_file(self._files.current)

    def _header_in(self, head: bytes, ending: Ending, *, name: str) -> tuple[Header, bytes] | None:
        """Return the header in a head, and that head; None if it is too short to tell."""
        header = self._body_in(head, ending, name)
        return None if header is None else (header, head)

    def _body_in(self, head: bytes, ending: Ending, name: str) -> Header | None:
        """Return what `body_in` does, at once for a head that begins like the one before."""
        if self._known is not None and head.startswith(self._known[0]):
            return self._known[1]
        header = body_in(self._recipe, head, ending, name)
        if header is not None and head[: header.end].endswith(b"\n"):
            self._known = head[: header.end], header
        return header

    def _records_in(
        self, head: bytes, ending: Ending, *, name: str
    ) -> tuple[Header, bytes, bytes] | None:
        """Return the header in a head, that head, and the sample behind it."""
        header = self._body_in(head, ending, name)
        if header is None:
            return None
        most_bytes = self._recipe.max_record_bytes
        known = self._recipe.source, ending == "end", most_bytes
        end = heads.sample_end(head, header.end, *known)
        return None if end is None else (header, head, head[header.end : end])
