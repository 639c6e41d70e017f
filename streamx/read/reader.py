"""ChunkReader: reads a source into chunks, no faster than credits allow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import TypeVar

from streamx.chunk import Chunk, Place
from streamx.codec import last_boundary
from streamx.codec.head import sample_of
from streamx.codec.layout import Format
from streamx.codec.skipping import RecordSkip
from streamx.flow import Credits
from streamx.read.begun import BegunSource
from streamx.read.chunker import Chunker
from streamx.read.decode import plain_file
from streamx.read.pace import ChunkPace, Run
from streamx.read.sources import FileSource, Source
from streamx.transform.plan import Recipe
from streamx.transform.resolve import Ending, Resolution, resolve

# A record on a live input is passed on when it has waited this long; 100 ms are promised.
LINGER_SECONDS = 0.05
# A live input that gives nothing for this long is idle: types are decided from what there is.
IDLE_SECONDS = 1.0
# How long to wait for more of the head, by what is known of its ending.
_WAIT_SECONDS: dict[Ending, float | None] = {
    "open": LINGER_SECONDS,
    "pause": IDLE_SECONDS - LINGER_SECONDS,
    "idle": None,
}


R = TypeVar("R")


class ChunkReader:
    """Reads the head of a source until a plan can be made, then everything as chunks.

    Args:
        source: where the blocks come from.
        pace: decides how much a chunk should hold, if records allow.
        max_record_bytes: how long a record may become.
        linger_seconds: how long a whole record on a slow input may wait for company.

    Attributes:
        pace: as given.
    """

    def __init__(
        self,
        source: Source,
        pace: ChunkPace,
        max_record_bytes: int,
        *,
        linger_seconds: float = LINGER_SECONDS,
    ) -> None:
        self._source = source
        self.pace = pace
        self._max_record_bytes = max_record_bytes
        self._linger_seconds = linger_seconds
        self._head = bytearray()
        self._head_offset = 0  # where in the input it starts
        self._reading: asyncio.Task[memoryview] | None = None
        self._is_at_end = False
        self._chunker: Chunker | None = None

    @property
    def next_place(self) -> Place | None:
        """Where the next chunk starts; None within a record that was cut off, or before all."""
        return None if self._chunker is None else self._chunker.next_place

    async def move_to(self, place: Place, size_bytes: int) -> bytes:
        """Stand at a place of the input instead of its start; return so many bytes before it.

        Of a file as it is, what comes before is not read; else it is read and passed over. There
        are fewer bytes if the input ends before.
        """
        offset = place.offset
        start = offset - size_bytes
        file = self._plain_file()
        if start > len(self._head) and file is not None:
            await file.seek(start)
            self._head.clear()
            self._head_offset, self._is_at_end = start, False
        room = memoryview(bytearray(self.pace.most_bytes))
        while self._head_offset + len(self._head) < offset and not self._is_at_end:
            block = await self._read(room, None)
            assert block is not None, "without a limit a wait does not end"
            self._is_at_end = not block
            self._head += block
            self._forget_before(min(start, self._head_offset + len(self._head)))
        self._forget_before(start)
        before = bytes(self._head[:size_bytes])
        self._forget_before(offset)
        return before

    def _plain_file(self) -> FileSource | None:
        return plain_file(self._source)

    def _forget_before(self, offset: int) -> None:
        count = min(max(offset - self._head_offset, 0), len(self._head))
        del self._head[:count]
        self._head_offset += count

    def sample(self, resolution: Resolution, format: Format) -> bytes:
        """Return the records that `resolve` has read, as many as make a sample."""
        return sample_of(bytes(self._head), resolution.start, format, self._is_at_end)

    async def resolution(self, recipe: Recipe) -> Resolution:
        """Read as much as decides what a recipe comes to, and return that.

        Raises:
            StreamxError: see `streamx.transform.resolve.resolve`.
        """
        name = self._source.name
        return await self.resolve(lambda head, ending: resolve(recipe, head, ending, name))

    async def resolve(self, decide: Callable[[bytes, Ending], R | None]) -> R:
        """Read until `decide` finds the head long enough; the head is kept for `chunks`."""
        loop = asyncio.get_running_loop()
        ending: Ending = "open"
        look_at_bytes = 0
        overdue_at: float | None = None  # when the first record has waited long enough
        room = memoryview(bytearray(self.pace.most_bytes))
        while True:
            if ending != "open" or len(self._head) >= look_at_bytes:
                is_overdue = overdue_at is not None and loop.time() >= overdue_at
                known: Ending = "pause" if ending == "open" and is_overdue else ending
                # In a thread: an odd head can take a while, and signals must be heard.
                resolution = await asyncio.to_thread(decide, bytes(self._head), known)
                if resolution is not None:
                    return resolution
                # A longer head is looked at again when it has grown by half, or at a pause.
                look_at_bytes = len(self._head) * 3 // 2 + 1
            block = await self._read(room, self._wait_seconds(ending))
            if block is None:
                ending = "idle" if ending == "pause" else "pause"
            else:
                ending = "open" if block else "end"
                self._head += block
                self._is_at_end = not block
                if overdue_at is None and self._source.is_slow:
                    overdue_at = loop.time() + LINGER_SECONDS

    def begin_again(self, wrapped: Callable[[Source], Source]) -> Source:
        """Give back what was read of the head, and read on through what is put around the source.

        Returns:
            What is read from now on.
        """
        self._source = wrapped(BegunSource(self._source, bytes(self._head), self._reading))
        self._head.clear()
        self._reading, self._is_at_end = None, False
        return self._source

    def _wait_seconds(self, ending: Ending) -> float | None:
        """Return how long to wait for more of the head; what is not live does not go idle."""
        return None if ending == "pause" and not self._source.is_live else _WAIT_SECONDS[ending]

    async def chunks(
        self, resolution: Resolution, format: Format, credits: Credits
    ) -> AsyncIterator[Chunk]:
        """Yield chunks, taking a credit before the bytes of each are read."""
        chunker = self._chunker = self._new_chunker(resolution, format)
        del self._head[: resolution.start - self._head_offset]
        async for chunk in self._cut(chunker, resolution.opening_bytes, credits):
            yield chunk

    def _new_chunker(self, resolution: Resolution, format: Format) -> Chunker:
        return Chunker(
            lambda data: last_boundary(data, format),
            self.pace.chunk_size_bytes,
            self._max_record_bytes,
            offset=resolution.start,
            line=resolution.line,
            skip=None if resolution.plan.lenience is None else partial(RecordSkip, format),
        )

    async def _cut(
        self, chunker: Chunker, opening_bytes: int | None, credits: Credits
    ) -> AsyncIterator[Chunk]:
        """Yield the chunks of what is left of the head and of the source, up to its end."""
        while not chunker.is_finished:
            chunker.aim_at(self._aim(chunker.sequence, opening_bytes))
            sequence = chunker.sequence
            await credits.acquire(sequence, chunker.expected_bytes)
            chunk = await self._next_chunk(chunker, credits)
            if chunk is None:
                credits.release(sequence)
            else:
                yield chunk

    def _aim(self, sequence: int, opening_bytes: int | None) -> int:
        """Return how much the next chunk shall hold."""
        if sequence != 0 or opening_bytes is None:
            return self.pace.chunk_size_bytes
        # A last record without a line end is whole only if nothing more can come.
        is_all = self._is_at_end and opening_bytes == len(self._head)
        return opening_bytes + is_all

    def around(self, run: Run) -> Run:
        """Return what runs the chunks of this reader by `run`, and lets the pace know of it."""
        return self.pace.timed(run)

    async def close(self) -> None:
        """Stop reading and close the source."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await self._source.close()

    async def _next_chunk(self, chunker: Chunker, credits: Credits) -> Chunk | None:
        """Return the next chunk: a full one, or on a slow input what has waited long enough."""
        loop = asyncio.get_running_loop()
        deadline: float | None = None
        while True:
            if chunker.wanted_bytes == 0:
                chunk = chunker.cut()
                if chunk is not None:
                    return chunk
                await credits.grow(chunker.sequence, chunker.expected_bytes)
                continue
            wait_seconds = None if deadline is None else max(deadline - loop.time(), 0)
            count = await self._fill(chunker, wait_seconds)
            if count is None:
                deadline = None
                chunk = chunker.cut()
                if chunk is not None:
                    return chunk
            elif count == 0:
                return chunker.finish()
            elif self._source.is_slow and deadline is None:
                deadline = loop.time() + self._linger_seconds

    async def _fill(self, chunker: Chunker, wait_seconds: float | None) -> int | None:
        """Feed what is left of the head, then what the source gives; return how many bytes.

        0 at the end, None if the wait ends.
        """
        if self._head:
            block = self._head[: chunker.wanted_bytes]
            del self._head[: len(block)]
            chunker.feed(block)
            return len(block)
        if self._is_at_end:
            return 0
        room = chunker.room()
        read = await self._read(room, wait_seconds)
        if read is None:
            return None
        if read.obj is room.obj:
            chunker.fill(len(read))
        else:
            chunker.feed(read)
        return len(read)

    async def _read(self, room: memoryview, wait_seconds: float | None) -> memoryview | None:
        """Return what was read, nothing at the end, None if the wait ends.

        It stands at the front of `room`, or where a read that outlived its wait had its own.
        """
        if self._reading is None:
            if wait_seconds == 0:
                return None
            await asyncio.sleep(0)  # there may always be something to read, and others must run
            if not self._source.is_slow:
                return await self._read_into(room)
            count = self._source.read_now(room)
            if count is not None:
                return room[:count]
            # The read goes on when the wait ends, so that nothing it reads is lost.
            self._reading = asyncio.ensure_future(self._read_into(room))
        done, _ = await asyncio.wait({self._reading}, timeout=wait_seconds)
        if not done:
            return None
        reading, self._reading = self._reading, None
        return reading.result()

    async def _read_into(self, room: memoryview) -> memoryview:
        return room[: await self._source.read_into(room)]
