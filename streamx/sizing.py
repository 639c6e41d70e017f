"""Sizing: how much a run holds at a time, and so how much memory it needs."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from streamx.codec.layout import MAX_RECORD_BYTES
from streamx.errors import UsageError

MIB = 1024 * 1024
DEFAULT_CHUNK_SIZE_BYTES = MIB
SMALLEST_CHUNK_BYTES = 16 * 1024
# Beyond some thousands a system starts no more threads, and Python may wait for one for ever.
MOST_WORKERS = 1024

# Measured (see ARCHITECTURE.md): the interpreter with all that a run imports, and the objects
# that one worker makes of a slice.
_BASE_BYTES = 34 * MIB
WORKER_THREAD_BYTES = 4 * MIB
WORKER_PROCESS_BYTES = 24 * MIB
# What s3fs is by itself, and what each input and output holds beside the blocks that wait in it.
STORAGE_BYTES = 48 * MIB
STORED_INPUT_BYTES = 16 * MIB
STORED_OUTPUT_BYTES = 80 * MIB
# Of an output that is divided among files: what waits for them, what is known of as many as there
# may be (streamx.write.divided.MOST_NAMES), and what each worker holds to group output for them.
DIVISION_BUFFER_BYTES = 64 * MIB
DIVISION_NAMES_BYTES = 64 * MIB
DIVIDING_WORKER_BYTES = 4 * MIB
# A record longer than its chunk is held in its buffer and, while that grows, in the one before, as
# cells and as output; cells of one byte, or JSON that is nothing but brackets, become objects of 30
# times their size.
_COPIES_OF_A_LONG_RECORD = 40


@dataclass(frozen=True, slots=True)
class Sizing:
    """How much of everything may be held at a time.

    Attributes:
        workers: chunks worked on at a time.
        chunk_size_bytes: what a chunk should hold.
        buffer_chunks: chunks that may wait for a worker.
        max_record_bytes: how long a record may become.
        worker_bytes: what a worker needs besides what it works on.
        most_waiting_bytes: what the chunks that wait may hold, if that is less than they could; one
            that holds more waits alone.
        has_reserve: the reader never waits for credit, since it has some of its own.
        ends_bytes: what inputs and outputs hold that are not on disk.
    """

    workers: int
    chunk_size_bytes: int
    buffer_chunks: int
    max_record_bytes: int
    worker_bytes: int = WORKER_THREAD_BYTES
    most_waiting_bytes: int | None = None
    has_reserve: bool = False
    ends_bytes: int = 0

    @property
    def buffer_bytes(self) -> int:
        """What the chunks that wait for a worker may hold."""
        could_bytes = self.buffer_chunks * self.chunk_size_bytes
        return min(self.most_waiting_bytes or could_bytes, could_bytes)

    @property
    def credits(self) -> int:
        """Chunks in flight at most: one being read, the waiting, the worked on, one written."""
        return self.buffer_chunks + 2 * self.workers + 2

    @property
    def credit_bytes(self) -> int:
        """Input bytes in flight at most, but for a single longer record."""
        others = self.credits - self.buffer_chunks
        return max(self.buffer_bytes, self.chunk_size_bytes) + others * self.chunk_size_bytes

    @property
    def reserve_credits(self) -> int:
        """Chunks of the reader's own: one being read, the waiting, one about to leave them."""
        return self.buffer_chunks + 2 if self.has_reserve else 0

    @property
    def window_bytes(self) -> int:
        """Output that may wait for an older chunk's."""
        return max(3 * self.workers * self.chunk_size_bytes, MIB)

    @property
    def output_bytes(self) -> int:
        """High-water mark of the writer."""
        return max(2 * self.chunk_size_bytes, min(8 * self.chunk_size_bytes, 4 * MIB))

    @property
    def peak_bytes(self) -> int:
        """Memory that the whole process needs at most, for records no longer than a chunk."""
        return (
            _BASE_BYTES
            + self.ends_bytes
            + 2 * self.credit_bytes
            + self.reserve_credits * self.chunk_size_bytes
            + 2 * self.window_bytes
            + 2 * self.output_bytes
            + self.workers * (self.worker_bytes + 8 * self.chunk_size_bytes)
        )


def choose_sizing(
    *,
    workers: int | None,
    chunk_size_bytes: int | None,
    default_chunk_size_bytes: int = DEFAULT_CHUNK_SIZE_BYTES,
    buffer_chunks: int | None,
    max_memory_bytes: int | None,
    max_record_bytes: int | None,
    worker_bytes: int = WORKER_THREAD_BYTES,
    most_waiting_bytes: int | None = None,
    has_reserve: bool = False,
    ends_bytes: int = 0,
) -> Sizing:
    """Fill in what the user left open, within `max_memory_bytes` if that is given.

    Raises:
        UsageError: the memory is too little, or does not go with what the user fixed.
    """
    record_bytes = max_record_bytes or MAX_RECORD_BYTES
    fixed = record_bytes, worker_bytes, most_waiting_bytes, has_reserve, ends_bytes
    count = workers or available_cpus()
    if max_memory_bytes is None:
        size_bytes = chunk_size_bytes or default_chunk_size_bytes
        depth = buffer_chunks or max(4, 2 * count)
        return Sizing(count, size_bytes, depth, *fixed)
    size_bytes = chunk_size_bytes or default_chunk_size_bytes
    depth = buffer_chunks or max(8, 4 * count)
    sizing = Sizing(count, size_bytes, depth, *fixed)
    while sizing.peak_bytes > max_memory_bytes:
        if buffer_chunks is None and depth > max(2, count // 2):
            depth //= 2
        elif chunk_size_bytes is None and size_bytes > SMALLEST_CHUNK_BYTES:
            size_bytes //= 2
        elif workers is None and count > 1:
            count -= 1
        else:
            raise _too_little(max_memory_bytes, sizing)
        sizing = Sizing(count, size_bytes, depth, *fixed)
    if max_record_bytes is None:
        spare_bytes = max_memory_bytes - sizing.peak_bytes
        affordable = max(spare_bytes // _COPIES_OF_A_LONG_RECORD, size_bytes)
        sizing = replace(sizing, max_record_bytes=min(affordable, record_bytes))
    return sizing


def available_cpus() -> int:
    """Return how many CPUs this process may use, which can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _too_little(max_memory_bytes: int, sizing: Sizing) -> UsageError:
    needed_mib = -(-sizing.peak_bytes // MIB)
    return UsageError(
        f"--max-memory {max_memory_bytes} bytes is too little: with {sizing.workers} at work, "
        f"{sizing.buffer_chunks} waiting and {sizing.chunk_size_bytes} bytes in each chunk a run "
        f"needs {needed_mib}M; give that, or a smaller --workers, --chunk-size or --buffer"
    )
