"""Chunker: cuts blocks of bytes into chunks of whole records, without doing any input itself."""

from __future__ import annotations

from collections.abc import Callable

from streamx.chunk import Chunk


class Chunker:
    """Collects blocks and cuts them at the ends of records.

    A record longer than a chunk makes its chunk longer. One longer than `max_record_bytes`
    is cut off there and `is_finished` set: converting the stub will say what is wrong with it.

    Args:
        last_boundary: finds the end of the last whole record in data that starts at one.
        chunk_size_bytes: how much a chunk should hold.
        max_record_bytes: how long a record may become.
        offset, line: where in the input the first block stands.

    >>> chunker = Chunker(lambda data: data.rfind(b"\\n") + 1, 1024, 4096)
    >>> chunker.feed(b"one\\ntw")
    >>> chunker.cut().data
    b'one\\n'
    >>> chunker.feed(b"o")
    >>> chunker.finish().data
    b'two'
    """

    def __init__(
        self,
        last_boundary: Callable[[bytes], int],
        chunk_size_bytes: int,
        max_record_bytes: int,
        *,
        offset: int = 0,
        line: int = 1,
    ) -> None:
        self.chunk_size_bytes = chunk_size_bytes
        self.sequence = 0
        self.pending_bytes = 0
        self.is_finished = False
        self._last_boundary = last_boundary
        self._max_record_bytes = max_record_bytes
        self._offset = offset
        self._line = line
        self._blocks: list[bytes] = []
        self._wanted_bytes = chunk_size_bytes

    @property
    def wanted_bytes(self) -> int:
        """How many bytes should be fed before the next cut; 0 if a cut is due."""
        return max(self._wanted_bytes - self.pending_bytes, 0)

    @property
    def expected_bytes(self) -> int:
        """How large the next chunk is going to be, as far as is known."""
        return max(self._wanted_bytes, self.pending_bytes)

    def feed(self, block: bytes) -> None:
        """Take in the next block."""
        self._blocks.append(block)
        self.pending_bytes += len(block)

    def cut(self) -> Chunk | None:
        """Return all whole records fed so far as a chunk, or None if there is none.

        After None, twice as much is wanted, so that a long record is not searched again and
        again.
        """
        data = b"".join(self._blocks)
        boundary = self._last_boundary(data)
        if boundary == 0:
            if len(data) > self._max_record_bytes:
                self.is_finished = True
                return self._take(data, len(data))
            self._blocks = [data]
            if len(data) >= self._wanted_bytes:
                self._wanted_bytes = min(2 * len(data), max(self._max_record_bytes, len(data)) + 1)
            return None
        return self._take(data, boundary)

    def finish(self) -> Chunk | None:
        """Return what is left at the end of the input: the last record may lack its line end."""
        self.is_finished = True
        data = b"".join(self._blocks)
        return self._take(data, len(data)) if data else None

    def _take(self, data: bytes, end: int) -> Chunk:
        chunk = Chunk(self.sequence, self._offset, self._line, data[:end])
        self.sequence += 1
        self._offset += end
        self._line += chunk.data.count(b"\n")
        self._blocks = [data[end:]] if end < len(data) else []
        self.pending_bytes = len(data) - end
        self._wanted_bytes = self.chunk_size_bytes
        return chunk
