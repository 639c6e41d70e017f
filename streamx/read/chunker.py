"""Chunker: cuts what is read into chunks of whole records, without doing any input itself."""

from __future__ import annotations

import sys
from collections.abc import Callable

from streamx.chunk import Chunk, FileOfInput, Place
from streamx.codec import count_lines
from streamx.codec.skipping import RecordSkip

_MOST_KEPT_BUFFERS = 16
# What holds a kept buffer when no chunk does: the list, a local name and the call that counts.
_HOLDERS_WITHOUT_CHUNK = 3


class Chunker:
    """Owns the buffer of the chunk that is being read, and cuts it at the end of a record.

    Blocks are read straight into `room()`, and a chunk's data is a view of the buffer. Only the
    rest, a part of a record, is copied: to the front of the buffer for the next chunk.

    A record longer than a chunk makes its chunk longer. One longer than `max_record_bytes` is cut
    off there: converting the stub will say what is wrong with it. The rest of it is passed over, or
    without a `skip` `is_finished` set.

    Args:
        last_boundary: finds the end of the last whole record in data that starts at one.
        chunk_size_bytes: how much a chunk should hold.
        max_record_bytes: how long a record may become.
        offset, line: where in the input the first block stands.
        skip: makes what finds the end of a record that was cut off.

    >>> chunker = Chunker(lambda data: bytes(data).rfind(b"\\n") + 1, 1024, 4096)
    >>> chunker.feed(b"one\\ntw")
    >>> bytes(chunker.cut().data)
    b'one\\n'
    >>> chunker.room()[:1] = b"o"
    >>> chunker.fill(1)
    >>> bytes(chunker.finish().data)
    b'two'
    """

    def __init__(
        self,
        last_boundary: Callable[[memoryview], int],
        chunk_size_bytes: int,
        max_record_bytes: int,
        *,
        offset: int = 0,
        line: int = 1,
        skip: Callable[[], RecordSkip] | None = None,
    ) -> None:
        self.chunk_size_bytes = chunk_size_bytes
        self.sequence = 0
        self.pending_bytes = 0
        self.is_finished = False
        self._last_boundary = last_boundary
        self._max_record_bytes = max_record_bytes
        self._offset = offset
        self._line = line
        self._file: FileOfInput | None = None
        self._new_skip = skip
        self._skip: RecordSkip | None = None
        # What is pending stands at the front.
        self._buffer = memoryview(bytearray())
        self._kept_buffers: list[bytearray] = []
        self._wanted_bytes = chunk_size_bytes

    @property
    def next_place(self) -> Place | None:
        """Where the next record starts, behind all chunks so far; None within one that was cut."""
        if self._skip is not None:
            return None
        return Place(self._line, self._offset, 0 if self._file is None else self._file.number)

    def begin(self, file: FileOfInput, *, offset: int, line: int) -> None:
        """Go on with the records of a file, which start at a place of it, behind all of another."""
        self._file, self._offset, self._line = file, offset, line
        self._skip, self.is_finished = None, False

    @property
    def wanted_bytes(self) -> int:
        """How many bytes should be fed before the next cut; 0 if a cut is due."""
        return max(self._wanted_bytes - self.pending_bytes, 0)

    @property
    def expected_bytes(self) -> int:
        """How large the next chunk is going to be, as far as is known."""
        return max(self._wanted_bytes, self.pending_bytes)

    def aim_at(self, chunk_size_bytes: int) -> None:
        """Change how much a chunk should hold, between one chunk and the next."""
        if chunk_size_bytes != self.chunk_size_bytes:
            self.chunk_size_bytes = self._wanted_bytes = chunk_size_bytes
            self._kept_buffers.clear()

    def room(self) -> memoryview:
        """Return where the next block shall be read to: `wanted_bytes` behind what is pending."""
        self._reserve(self._wanted_bytes)
        return self._buffer[self.pending_bytes : self._wanted_bytes]

    def fill(self, size_bytes: int) -> None:
        """Take in a block that now stands at the front of `room()`."""
        self.pending_bytes += size_bytes

    def feed(self, block: bytes | bytearray | memoryview) -> None:
        """Take in a block that stands elsewhere."""
        end = self.pending_bytes + len(block)
        self._reserve(max(end, self._wanted_bytes))
        self._buffer[self.pending_bytes : end] = block
        self.pending_bytes = end

    def cut(self) -> Chunk | None:
        """Return all whole records fed so far as a chunk, or None if there is none.

        After None, twice as much is wanted, so that a long record is not searched again and
        again.
        """
        self._pass_over()
        size_bytes = self.pending_bytes
        boundary = self._last_boundary(self._buffer[:size_bytes])
        if boundary == 0:
            if size_bytes > self._max_record_bytes:
                return self._take_stub()
            if size_bytes >= self._wanted_bytes:
                most_bytes = max(self._max_record_bytes, size_bytes) + 1
                self._wanted_bytes = min(2 * size_bytes, most_bytes)
            return None
        return self._take(boundary)

    def finish(self) -> Chunk | None:
        """Return what is left at the end of the input: the last record may lack its line end."""
        self._pass_over()
        self.is_finished = True
        return self._take(self.pending_bytes) if self.pending_bytes else None

    def _take_stub(self) -> Chunk:
        chunk = self._take(self.pending_bytes)
        if self._new_skip is None:
            self.is_finished = True
        else:
            self._skip = self._new_skip()
            self._skip.end_in(chunk.data)
        return chunk

    def _pass_over(self) -> None:
        """Drop what is pending of a record that was cut off."""
        if self._skip is None:
            return
        pending = self._buffer[: self.pending_bytes]
        end = self._skip.end_in(pending)
        if end is None:
            end = self.pending_bytes
        else:
            self._skip = None
        self._move_on(pending[:end])

    def _take(self, end: int) -> Chunk:
        data = self._buffer[:end].toreadonly()
        chunk = Chunk(self.sequence, self._offset, self._line, data, file=self._file)
        self.sequence += 1
        self._move_on(chunk.data)
        return chunk

    def _move_on(self, data: bytes | memoryview) -> None:
        """Go on behind what stands at the front of the buffer."""
        end = len(data)
        self._offset += end
        self._line += count_lines(data, end)
        # The buffer is the chunk's from now on. The rest is copied when the next one has a credit.
        self._buffer = self._buffer[end : self.pending_bytes]
        self.pending_bytes -= end
        self._wanted_bytes = self.chunk_size_bytes

    def _reserve(self, size_bytes: int) -> None:
        if len(self._buffer) < size_bytes:
            buffer = memoryview(self._free_buffer(size_bytes))
            buffer[: self.pending_bytes] = self._buffer[: self.pending_bytes]
            self._buffer = buffer

    def _free_buffer(self, size_bytes: int) -> bytearray:
        """Return memory that no chunk holds; fresh memory has to be cleared and mapped first."""
        if size_bytes != self.chunk_size_bytes:
            return bytearray(size_bytes)
        for buffer in self._kept_buffers:
            if sys.getrefcount(buffer) == _HOLDERS_WITHOUT_CHUNK:
                return buffer
        buffer = bytearray(size_bytes)
        if len(self._kept_buffers) < _MOST_KEPT_BUFFERS:
            self._kept_buffers.append(buffer)
        return buffer
