"""Partial outputs: kept when a run ends early, so that another can go on behind what is in them."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import zlib
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from streamx.descriptors import ThreadedFile, uninterrupted
from streamx.errors import CheckpointError, LockedError, OutputError, cannot, output_error
from streamx.write.checkpoint import Kept
from streamx.write.publish import Target, Unpublished
from streamx.write.sinks import FileSink, GzipSink, Sink

# A compressed output is made of members of so many bytes, so that it can be cut between them, and
# has the same bytes wherever a run was interrupted. What is in the last one goes to the checkpoint.
MEMBER_BYTES = 256 * 1024
_GZIP = zlib.MAX_WBITS | 16
_READ_BYTES = 64 * 1024


class Partial(Sink, Protocol):
    """A sink of which a later run can keep the beginning.

    Attributes:
        settled_bytes: how many of the bytes written, before compression, could be kept now.
    """

    @property
    def settled_bytes(self) -> int: ...

    async def kept(self, size_bytes: int) -> Kept:
        """Return what it takes to keep so many of the settled bytes, no fewer than before."""
        ...

    async def sync(self) -> None:
        """Bring what was written to the disk, while more is being written."""
        ...

    async def suspend(self) -> None:
        """Close the file and leave it as it is."""
        ...


class PartialFile(FileSink):
    """A file beside its target that has a name of its own and outlives the run.

    It is locked, so that no two runs write to it.

    Args:
        file: open for writing at its end.
        unpublished: the same file.
        name: what to call the output in messages.
    """

    def __init__(self, file: ThreadedFile, unpublished: Unpublished, name: str) -> None:
        size_bytes = os.lseek(unpublished.descriptor, 0, os.SEEK_CUR)
        super().__init__(file, name, unpublished, holds_bytes=size_bytes)
        self._descriptor = unpublished.descriptor

    @property
    def settled_bytes(self) -> int:
        return os.lseek(self._descriptor, 0, os.SEEK_CUR)

    async def kept(self, size_bytes: int) -> Kept:
        return Kept(size_bytes, size_bytes)

    async def sync(self) -> None:
        # Not on the file's own thread, where it would keep writes waiting.
        await uninterrupted(asyncio.to_thread(os.fsync, self._descriptor))

    async def suspend(self) -> None:
        await self._file.close()

    async def read(self, place: int, size_bytes: int) -> bytes:
        """Read some of what was written.

        Raises:
            OutputError: it cannot be read, or is not there any more.
        """
        try:
            block = await asyncio.to_thread(os.pread, self._descriptor, size_bytes, place)
        except OSError as error:
            raise output_error(self.name, error) from error
        if not block:
            raise OutputError(f"{self.name}: its partial file was cut off by somebody else")
        return block


class PartialGzip(GzipSink):
    """Compresses into members of MEMBER_BYTES, so that it can be continued at the start of one.

    Args:
        inner: where the compressed bytes go.
        start_bytes: how many bytes are in the members that are there.
    """

    def __init__(self, inner: PartialFile, start_bytes: int) -> None:
        super().__init__(inner)
        self._file = inner
        self._taken_bytes = self._settled_bytes = start_bytes
        self._file_bytes = inner.settled_bytes
        # Where each member starts: in what was written, and in the file.
        self._members: deque[tuple[int, int]] = deque([(start_bytes, self._file_bytes)])
        # What is in the members that may not be in the file yet, and where that starts.
        self._tail = bytearray()
        self._tail_start_bytes = start_bytes

    @property
    def settled_bytes(self) -> int:
        return self._settled_bytes

    async def kept(self, size_bytes: int) -> Kept:
        while len(self._members) > 1 and self._members[1][0] <= size_bytes:
            self._members.popleft()
        start_bytes, place = self._members[0]
        if start_bytes < self._tail_start_bytes:
            tail = await self._read_member(place, size_bytes - start_bytes)
        else:
            skipped_bytes = start_bytes - self._tail_start_bytes
            tail = bytes(self._tail[skipped_bytes : size_bytes - self._tail_start_bytes])
        return Kept(size_bytes, place, tail)

    async def write(self, parts: Sequence[bytes | memoryview]) -> None:
        await self._inner.write(await asyncio.to_thread(self._compress, parts))
        self._settled_bytes = self._taken_bytes
        del self._tail[: self._members[-1][0] - self._tail_start_bytes]
        self._tail_start_bytes = self._members[-1][0]

    async def prepare(self) -> None:
        start_bytes = self._members[-1][0]
        if not self._is_ended and (self._taken_bytes > start_bytes or self._file_bytes == 0):
            await self._inner.write([self._ended()])
        self._is_ended = True
        await self._inner.prepare()

    async def sync(self) -> None:
        await self._file.sync()

    async def suspend(self) -> None:
        await self._file.suspend()

    async def _read_member(self, place: int, size_bytes: int) -> bytes:
        """Return the first bytes of a member that is in the file."""
        member, start = zlib.decompressobj(_GZIP), bytearray()
        while len(start) < size_bytes:
            block = await self._file.read(place, _READ_BYTES)
            start += member.decompress(block, size_bytes - len(start))
            place += len(block)
        return bytes(start)

    def _compress(self, parts: Sequence[bytes | memoryview]) -> list[bytes]:
        compressed = []
        for part in parts:
            rest = memoryview(part)
            while rest:
                room_bytes = self._members[-1][0] + MEMBER_BYTES - self._taken_bytes
                piece, rest = rest[:room_bytes], rest[room_bytes:]
                compressed.append(self._counted(self._compressor.compress(piece)))
                self._tail += piece
                self._taken_bytes += len(piece)
                if len(piece) == room_bytes:
                    compressed.append(self._ended())
                    self._members.append((self._taken_bytes, self._file_bytes))
        return compressed

    def _ended(self) -> bytes:
        ending = self._counted(self._compressor.flush())
        self._compressor = zlib.compressobj(wbits=_GZIP)
        return ending

    def _counted(self, block: bytes) -> bytes:
        self._file_bytes += len(block)
        return block


async def open_partial(target: Target, kept: Kept, *, is_gzip: bool) -> Partial:
    """Open a partial output to be continued, or with nothing kept a new one.

    Args:
        target: where the output goes when it is whole.
        kept: how much of it.
        is_gzip: it is compressed.

    Raises:
        OutputError: it cannot be opened.
        LockedError: another run is writing it.
        CheckpointError: what is to be kept is not there.
    """
    path = partial_path(target)
    descriptor = _open_locked(path)
    try:
        await asyncio.to_thread(_cut, descriptor, path, kept, is_gzip)
        unpublished = Unpublished(descriptor, path, target.path, is_durable=target.is_durable)
        unpublished.adopt_mode()
    except BaseException as error:
        os.close(descriptor)
        if isinstance(error, OSError):
            raise OutputError(cannot("write", path, error)) from error
        raise
    file = ThreadedFile(descriptor, "wb", "streamx-write", closes=True)
    inner = PartialFile(file, unpublished, target.name)
    if not is_gzip:
        return inner
    sink = PartialGzip(inner, kept.size_bytes - len(kept.tail))
    await sink.write([kept.tail])
    return sink


def partial_path(target: Target) -> str:
    """Return the name of the file that is written until the output is whole."""
    return target.path + ".partial"


def restore_partial(target: Target) -> None:
    """Make a published output partial again: a copy, so that it stays until that is whole.

    Raises:
        OutputError: it cannot be copied.
    """
    import shutil  # which other runs do without

    path = partial_path(target)
    try:
        shutil.copyfile(target.path, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise OutputError(cannot(f"copy {target.name} to", path, error)) from error


def _open_locked(path: str) -> int:
    try:
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_at(path, descriptor):
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)  # another run had it, and has just put it in its place
    except BlockingIOError:
        raise LockedError(f"{path} is being written by another run; wait until it ends") from None
    except OSError as error:
        raise OutputError(cannot("write", path, error)) from error


def _is_at(path: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _cut(descriptor: int, path: str, kept: Kept, is_gzip: bool) -> None:
    """Go to the end of what is kept in the file, and cut off what is behind it."""
    held_bytes, place = os.fstat(descriptor).st_size, kept.file_bytes
    members_bytes = kept.size_bytes - len(kept.tail)
    if members_bytes % MEMBER_BYTES if is_gzip else kept.size_bytes != place:
        raise CheckpointError(
            f"the checkpoint is not of {path}, but of an output that was "
            f"{'not ' if is_gzip else ''}compressed; name that, or remove the checkpoint to "
            "begin anew"
        )
    if held_bytes < place:
        raise CheckpointError(
            f"{path} holds less than the checkpoint says (it has {held_bytes:,} bytes); "
            "without it there is nothing to resume: remove the checkpoint to begin anew"
        )
    os.ftruncate(descriptor, place)
    os.lseek(descriptor, place, os.SEEK_SET)
