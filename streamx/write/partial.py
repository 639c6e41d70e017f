"""Partial outputs: kept when a run ends early, so that another can go on behind what is in them."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections import deque
from typing import Protocol

from streamx.compression import Compressing
from streamx.descriptors import ThreadedFile, uninterrupted
from streamx.errors import CheckpointError, LockedError, OutputError, cannot, output_error
from streamx.write.checkpoint import Kept
from streamx.write.compress import CompressedSink
from streamx.write.publish import Target, Unpublished
from streamx.write.sinks import FileSink, Sink

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


class PartialCompressed(CompressedSink):
    """A compressed output that can be continued at the start of each block.

    What stands between that and the place where a run is to go on goes to the checkpoint: blocks
    that are not written yet, and the start of one that is to be written again.

    Args:
        inner: where the compressed bytes go.
        compressing: how.
        start_bytes: how many bytes are in the blocks that are there.
    """

    def __init__(self, inner: PartialFile, compressing: Compressing, start_bytes: int) -> None:
        super().__init__(inner, compressing)
        self._file = inner
        self._in_file_bytes = start_bytes
        self._is_begun = start_bytes > 0
        # Where each block starts that is in the file, and the next: in the output, and there.
        self._starts: deque[tuple[int, int]] = deque([(start_bytes, inner.settled_bytes)])

    @property
    def settled_bytes(self) -> int:
        return self._in_file_bytes + sum(map(len, self._waiting))

    @property
    def _waiting(self) -> list[bytearray]:
        """The blocks that are not in the file."""
        return [*(block for block, _ in self._pending), self._open]

    async def kept(self, size_bytes: int) -> Kept:
        while len(self._starts) > 1 and self._starts[1][0] <= size_bytes:
            self._starts.popleft()
        start_bytes, place = self._starts[0]
        if size_bytes <= self._in_file_bytes:
            tail = await self._read_block(place, size_bytes - start_bytes)
        else:
            tail = b"".join(self._waiting)[: size_bytes - start_bytes]
        return Kept(size_bytes, place, tail)

    async def sync(self) -> None:
        await self._file.sync()

    async def suspend(self) -> None:
        await self._file.suspend()

    async def _write_oldest(self) -> None:
        block_bytes = len(self._pending[0][0])
        await super()._write_oldest()
        self._in_file_bytes += block_bytes
        if block_bytes == self._block_bytes:
            self._starts.append((self._in_file_bytes, self._file.settled_bytes))

    async def _read_block(self, place: int, size_bytes: int) -> bytes:
        """Return the first bytes of a block that is in the file."""
        block, start = self._coder.decompressor(), bytearray()
        while len(start) < size_bytes:
            compressed = b""
            if block.needs_input:
                compressed = await self._file.read(place, _READ_BYTES)
                place += len(compressed)
            start += block.decompress(compressed, size_bytes - len(start))
        return bytes(start)


async def open_partial(target: Target, kept: Kept, compressing: Compressing | None) -> Partial:
    """Open a partial output to be continued, or with nothing kept a new one.

    Args:
        target: where the output goes when it is whole.
        kept: how much of it.
        compressing: how to compress it, if it is compressed.

    Raises:
        OutputError: it cannot be opened, or the kept tail cannot be written.
        LockedError: another run is writing it.
        CheckpointError: what is to be kept is not there.
    """
    path = partial_path(target)
    descriptor = _open_locked(path)
    try:
        await asyncio.to_thread(_cut, descriptor, path, kept, compressing)
        unpublished = target.unpublished(descriptor, path)
        unpublished.adopt_mode()
    except BaseException as error:
        os.close(descriptor)
        if isinstance(error, OSError):
            raise OutputError(cannot("write", path, error)) from error
        raise
    file = ThreadedFile(descriptor, "wb", "streamx-write", closes=True)
    inner = PartialFile(file, unpublished, target.name)
    if compressing is None:
        return inner
    sink = PartialCompressed(inner, compressing, kept.size_bytes - len(kept.tail))
    try:
        await sink.write([kept.tail])
    except BaseException:
        with contextlib.suppress(OSError):
            await sink.suspend()
        raise
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


def _cut(descriptor: int, path: str, kept: Kept, compressing: Compressing | None) -> None:
    """Go to the end of what is kept in the file, and cut off what is behind it."""
    held_bytes, place = os.fstat(descriptor).st_size, kept.file_bytes
    if compressing is None:
        fits = kept.size_bytes == place
    else:
        block_bytes = compressing.compression.block_bytes
        fits = (kept.size_bytes - len(kept.tail)) % block_bytes == 0
    if not fits:
        raise CheckpointError(
            f"the checkpoint is not of {path}, but of an output that was compressed otherwise; "
            "name that, or remove the checkpoint to begin anew"
        )
    if held_bytes < place:
        raise CheckpointError(
            f"{path} holds less than the checkpoint says (it has {held_bytes:,} bytes); "
            "without it there is nothing to resume: remove the checkpoint to begin anew"
        )
    os.ftruncate(descriptor, place)
    os.lseek(descriptor, place, os.SEEK_SET)
