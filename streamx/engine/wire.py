"""What the two ends of a worker process agree on: messages, frames, and slots for the bytes.

Chunks and parts of output lie in two anonymous files, which only the two processes have. What
crosses the socket is pickled and small:

    to the worker      the plan, once; then for each chunk an Order
                       an empty frame for each slot that has been read
    from the worker    a Step when the plan is loaded, when a slot is full, when the chunk has ended
"""

from __future__ import annotations

import mmap
import os
import pickle
import signal
import struct
from typing import NamedTuple

from streamx.chunk import ChunkResult, Death, FileOfInput
from streamx.errors import WorkerError, cannot

# Two would do for one process to fill while the other reads; the others are for a busy event loop.
SLOTS = 4
SLOT_BYTES = 512 * 1024
SLOT_READ = b""
# What a terminal or a supervisor sends to all processes of a run is for the parent to answer.
PARENTS_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_SLOTS_END = mmap.PAGESIZE + SLOTS * SLOT_BYTES
_LENGTH = struct.Struct("=I")
_CELLS = struct.Struct("=qqqq")


class Order(NamedTuple):
    """A chunk to run, whose `size_bytes` of data stand in the file for input."""

    sequence: int
    offset: int
    line: int
    size_bytes: int
    limits: tuple[int, ...]
    deaths: tuple[Death, ...] = ()
    file: FileOfInput | None = None


class Failed(NamedTuple):
    """What ended a run: the exception, pickled where that was possible, and how it reads."""

    pickled: bytes | None
    text: str
    traceback: str

    def error(self) -> Exception:
        """Return the exception, or a WorkerError in its place; its last note is the traceback."""
        error = self._unpickled() or WorkerError(self.text)
        error.add_note(self.traceback)
        return error

    def _unpickled(self) -> Exception | None:
        if self.pickled is None:
            return None
        try:
            error = pickle.loads(self.pickled)
        except Exception:  # such as one whose __init__ takes other arguments than it passes on
            return None
        return error if isinstance(error, Exception) else None


class Step(NamedTuple):
    """That `filled_bytes` stand in the next slot, if any, and the outcome if the run has ended."""

    filled_bytes: int
    outcome: ChunkResult | Failed | None
    is_rejects: bool = False


class Frames:
    """Cuts a stream of bytes into the frames that `frame` made.

    >>> frames = Frames()
    >>> frames.feed(frame(b"one") + frame(b"two")[:2])
    >>> frames.next(), frames.next()
    (b'one', None)
    """

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> None:
        """Take in what was received."""
        self._pending += data

    def next(self) -> bytes | None:
        """Return the content of the next frame, or None if it has not been received whole."""
        if len(self._pending) < _LENGTH.size:
            return None
        end = _LENGTH.size + _LENGTH.unpack_from(self._pending)[0]
        if len(self._pending) < end:
            return None
        content = bytes(self._pending[_LENGTH.size : end])
        del self._pending[:end]
        return content


def frame(content: bytes) -> bytes:
    """Return what to send for `content`, at most 4 GiB."""
    return _LENGTH.pack(len(content)) + content


class Slots:
    """The slots for output in an anonymous file, used in turn, and the cells in front of them.

    The file is mapped: to read and write it takes the system three times as long. All of it is
    reserved at the start, since memory that is missing later would kill whoever touches it.

    Attributes:
        position, last: cells that hold where in the chunk the worker is, see streamx.position.
        beats: cell that changes with every sign of life that is not a position.
        waits: cell that holds 1 while the worker waits for a slot to be read.
    """

    def __init__(self, descriptor: int) -> None:
        self._next = 0
        _reserve(descriptor, _SLOTS_END)
        self._map = mmap.mmap(descriptor, _SLOTS_END)
        cells = memoryview(self._map)[: _CELLS.size].cast("q")
        self.position, self.last, self.beats, self.waits = (cells[at : at + 1] for at in range(4))

    def write(self, data: memoryview, at_bytes: int) -> None:
        """Write into the next slot."""
        start = self._start + at_bytes
        self._map[start : start + len(data)] = data

    def read(self, size_bytes: int) -> bytes:
        """Copy what stands in the next slot."""
        return self._map[self._start : self._start + size_bytes]

    def turn(self) -> None:
        """Go on to the slot after the next."""
        self._next = (self._next + 1) % SLOTS

    def close(self) -> None:
        """Give the mapping back; the descriptor is its owner's."""
        for cell in (self.position, self.last, self.beats, self.waits):
            cell.release()
        self._map.close()

    @property
    def _start(self) -> int:
        return mmap.PAGESIZE + self._next * SLOT_BYTES


def _reserve(descriptor: int, size_bytes: int) -> None:
    """Make a file at least so long, with memory of its own where the system can promise that."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size_bytes)
    elif os.fstat(descriptor).st_size < size_bytes:
        os.ftruncate(descriptor, size_bytes)


def anonymous_file() -> int:
    """Return a descriptor of a file in memory without a name: it is gone with its last user.

    Where the system has no such files, one on disk that has been deleted serves as well.
    """
    if hasattr(os, "memfd_create"):
        return os.memfd_create("streamx")
    import tempfile  # imports much, and a worker needs none of it

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def write_at(descriptor: int, data: bytes | memoryview, offset: int) -> None:
    """Write all of the data: the system may take it in pieces.

    Raises:
        WorkerError: there is no more memory for it, or the process may write no larger files.
    """
    rest = memoryview(data)
    while rest:
        try:
            written_bytes = os.pwrite(descriptor, rest, offset)
        except OSError as error:
            raise WorkerError(cannot("pass data between", "processes", error)) from error
        rest = rest[written_bytes:]
        offset += written_bytes


def read_at(descriptor: int, size_bytes: int, offset: int) -> bytes:
    """Read exactly so many bytes: the system gives at most 2 GiB at a time."""
    data = os.pread(descriptor, size_bytes, offset)
    if len(data) == size_bytes:
        return data
    pieces = [data]
    while size_bytes := size_bytes - len(pieces[-1]):
        offset += len(pieces[-1])
        pieces.append(os.pread(descriptor, size_bytes, offset))
        if not pieces[-1]:
            raise EOFError("the file ends before the data does")
    return b"".join(pieces)
