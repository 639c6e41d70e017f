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
from streamx.write.publish import Target, Unpublished
from streamx.write.sinks import FileSink, GzipSink, Sink

# A compressed output is made of members of so many bytes, so that it can be cut between them, and
# has the same bytes wherever a run was interrupted.
MEMBER_BYTES = 1024 * 1024
_GZIP = zlib.MAX_WBITS | 16
_READ_BYTES = 256 * 1024


class Partial(Sink, Protocol):
    """A sink of which a later run can keep the beginning.

    Attributes:
        settled_bytes: how many of the bytes written, before compression, could be kept now.
    """

    @property
    def settled_bytes(self) -> int: ...

    def place_of(self, size_bytes: int) -> int:
        """Return where in the file writing would begin again, to keep so many settled bytes."""
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
        self._is_empty = True  # behind the place where it goes on, or what is there is still needed
        self._descriptor = unpublished.descriptor

    @property
    def settled_bytes(self) -> int:
        return os.lseek(self._descriptor, 0, os.SEEK_CUR)

    def place_of(self, size_bytes: int) -> int:
        return size_bytes

    async def sync(self) -> None:
        # Not on the file's own thread, where it would keep writes waiting.
        await uninterrupted(asyncio.to_thread(os.fsync, self._descriptor))

    async def suspend(self) -> None:
        await self._file.close()

    async def cut(self) -> None:
        """Remove what stands behind the last byte that was written."""
        try:
            await self._file.call(lambda: os.ftruncate(self._descriptor, self.settled_bytes))
        except OSError as error:
            raise output_error(self.name, error) from error


class PartialGzip(GzipSink):
    """Compresses into members of MEMBER_BYTES, so that it can be continued at the start of one.

    What the checkpoint counts on may end within a member. That stays in the file until it is there
    again as a whole, so that this run can be killed at any time, too.

    Args:
        inner: where the compressed bytes go.
        start_bytes: how many bytes are in the members that are there.
        replaces: there is a member behind those that is to be written again.
    """

    def __init__(self, inner: PartialFile, start_bytes: int, *, replaces: bool) -> None:
        super().__init__(inner)
        self._file = inner
        self._taken_bytes = start_bytes
        self._file_bytes = inner.settled_bytes
        # Where each member starts: in what was written, and in the file.
        self._members: deque[tuple[int, int]] = deque([(start_bytes, self._file_bytes)])
        self._is_finished = False
        self._settled_bytes = start_bytes
        self._held: list[bytes] | None = [] if replaces else None
        self._held_until_bytes = start_bytes + MEMBER_BYTES

    @property
    def settled_bytes(self) -> int:
        return self._settled_bytes

    def place_of(self, size_bytes: int) -> int:
        while len(self._members) > 1 and self._members[1][0] <= size_bytes:
            self._members.popleft()
        return self._members[0][1]

    async def write(self, parts: Sequence[bytes | memoryview]) -> None:
        await self._put(await asyncio.to_thread(self._compress, parts))
        self._settled_bytes = self._members[-1][0]

    async def prepare(self) -> None:
        start_bytes = self._members[-1][0]
        if not self._is_finished and (self._taken_bytes > start_bytes or self._file_bytes == 0):
            self._is_finished = True
            await self._put([self._ended()])
        self._is_finished = True
        self._settled_bytes = self._taken_bytes
        await self._inner.prepare()

    async def sync(self) -> None:
        await self._file.sync()

    async def suspend(self) -> None:
        await self._file.suspend()

    async def _put(self, compressed: list[bytes]) -> None:
        if self._held is None:
            await self._inner.write(compressed)
            return
        self._held += compressed
        if self._taken_bytes >= self._held_until_bytes or self._is_finished:
            await self._inner.write(self._held)
            await self._file.cut()
            self._held = None

    def _compress(self, parts: Sequence[bytes | memoryview]) -> list[bytes]:
        compressed = []
        for part in parts:
            rest = memoryview(part)
            while rest:
                room_bytes = self._members[-1][0] + MEMBER_BYTES - self._taken_bytes
                piece, rest = rest[:room_bytes], rest[room_bytes:]
                compressed.append(self._counted(self._compressor.compress(piece)))
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


async def open_partial(target: Target, size_bytes: int, place: int, *, is_gzip: bool) -> Partial:
    """Open a partial output to be continued, or with 0 and 0 a new one.

    Args:
        target: where the output goes when it is whole.
        size_bytes: how much of it to keep, before compression.
        place: `place_of` it.
        is_gzip: it is compressed.

    Raises:
        OutputError: it cannot be opened.
        LockedError: another run is writing it.
        CheckpointError: what is to be kept is not there.
    """
    path = partial_path(target)
    descriptor = _open_locked(path)
    try:
        start = await asyncio.to_thread(_prepare, descriptor, path, size_bytes, place, is_gzip)
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
    sink = PartialGzip(inner, size_bytes - len(start), replaces=bool(start))
    if start:
        await sink.write([start])
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


def _prepare(descriptor: int, path: str, size_bytes: int, place: int, is_gzip: bool) -> bytes:
    """Go to the place, and cut off what is behind it, but for a member that has to be continued:
    return what of that is to be kept.
    """
    start = b""
    held_bytes = os.fstat(descriptor).st_size
    if is_gzip and size_bytes % MEMBER_BYTES and held_bytes > place:
        start = _member_at(descriptor, place, size_bytes % MEMBER_BYTES)
    is_short = len(start) < size_bytes % MEMBER_BYTES if is_gzip else False
    if held_bytes < place or is_short:
        raise CheckpointError(
            f"{path} holds less than the checkpoint says (it has {held_bytes:,} bytes); "
            "without it there is nothing to resume: remove the checkpoint to begin anew"
        )
    if not start:
        os.ftruncate(descriptor, place)
    os.lseek(descriptor, place, os.SEEK_SET)
    return start


def _member_at(descriptor: int, place: int, size_bytes: int) -> bytes:
    """Return the first bytes of the member at a place, as many as there are."""
    member = zlib.decompressobj(_GZIP)
    start = bytearray()
    with contextlib.suppress(zlib.error):  # then there are fewer
        while len(start) < size_bytes and not member.eof:
            block = os.pread(descriptor, _READ_BYTES, place)
            if not block:
                break
            place += len(block)
            start += member.decompress(block, size_bytes - len(start))
    return bytes(start[:size_bytes])
