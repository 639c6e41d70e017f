"""Joins files to one, in the kernel where that can: for --concat, and for the rejects of parts."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable

from streamx.errors import OutputError, cannot
from streamx.write.publish import Target

_STEP_BYTES = 64 * 1024 * 1024
# What says that the kernel copies nothing between these two files.
_NOT_COPIED = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}


def join(paths: Iterable[str], target: Target) -> None:
    """Write the contents of files to a target, one behind the other, and put it in its place.

    Raises:
        OutputError: one cannot be read, or the target cannot be written; it is as it was.
    """
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
            while block := file.read(1024 * 1024):
                rest = memoryview(block)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
