"""Joins files to one: for --concat, and for the rejects of parts."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Iterable
from itertools import chain

from streamx.errors import OutputError, cannot
from streamx.read.sources import open_source
from streamx.storage import is_storage_url
from streamx.write.publish import Target
from streamx.write.sinks import open_sink

_STEP_BYTES = 64 * 1024 * 1024
_BLOCK_BYTES = 1024 * 1024
# What says that the kernel copies nothing between these two files.
_NOT_COPIED = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}


async def join(paths: Iterable[str], target: Target) -> None:
    """Write the contents of files to a target, one behind the other, and put it in its place.

    Between disks that is left to the kernel. What comes from a storage, or goes to one, passes
    through this process block by block.

    Args:
        paths: where they are, all on disk or all in a storage.
        target: what is to hold all of them.

    Raises:
        InputError, OutputError: one cannot be read, or the target not written; it is as it was.
    """
    rest = iter(paths)
    first = next(rest, None)
    paths = rest if first is None else chain([first], rest)
    if target.is_stored or (first is not None and is_storage_url(first)):
        await _stream(paths, target)
    else:
        await asyncio.to_thread(_copy, paths, target)


async def _stream(paths: Iterable[str], target: Target) -> None:
    sink = await open_sink(target)
    block = memoryview(bytearray(_BLOCK_BYTES))
    try:
        for path in paths:
            source = await open_source(path)
            try:
                while count := await source.read_into(block):
                    await sink.write([block[:count]])
            finally:
                await source.close()
        await sink.commit()
    except BaseException:
        await sink.abort()
        raise


def _copy(paths: Iterable[str], target: Target) -> None:
    unpublished = target.create()
    try:
        try:
            for path in paths:
                _append(unpublished.descriptor, path)
            if target.is_durable:
                os.fsync(unpublished.descriptor)
            unpublished.publish()
        except OSError as error:
            raise OutputError(cannot("write", target.name, error)) from error
    except BaseException:
        unpublished.discard()
        raise
    finally:
        os.close(unpublished.descriptor)


def _append(descriptor: int, path: str) -> None:
    with open(path, "rb", buffering=0) as file:
        try:
            while os.copy_file_range(file.fileno(), descriptor, _STEP_BYTES):
                pass
        except (AttributeError, OSError) as error:
            if isinstance(error, OSError) and error.errno not in _NOT_COPIED:
                raise
            while block := file.read(_BLOCK_BYTES):
                rest = memoryview(block)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
