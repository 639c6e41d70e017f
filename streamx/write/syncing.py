"""Brings what was written to the disk, where that is more than one file."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterable


def sync_all(paths: Iterable[str]) -> None:
    """Bring files or directories to the disk, one by one.

    Raises:
        OSError: that failed.
    """
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # of directories, to some systems
                raise
        finally:
            os.close(descriptor)


def sync_file_system(path: str) -> bool:
    """Bring all of a path's file system to the disk in one call; False where there is none.

    It takes as long as what others have written there, too, needs. See syncfs(2) of Linux.

    Raises:
        OSError: that failed.
    """
    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:
        return False
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), path)
    finally:
        os.close(descriptor)
    return True
