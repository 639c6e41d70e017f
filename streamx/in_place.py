"""In place: an output that takes the place of its input, unless that has changed meanwhile."""

from __future__ import annotations

import os
from typing import NamedTuple

from streamx.errors import InputError, OutputError, cannot


class Version(NamedTuple):
    """What tells whether a file has been written to since."""

    device: int
    inode: int
    size_bytes: int
    mtime_ns: int


def version_of(path: str) -> Version:
    """Return what a file is now.

    Raises:
        InputError: it cannot be looked at.
    """
    try:
        status = os.stat(path)
    except OSError as error:
        raise InputError(cannot("open", path, error)) from error
    return Version(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def refuse_changed(path: str, before: Version) -> None:
    """Refuse to replace a file in which something may stand that was not read.

    Raises:
        OutputError: it is not what it was.
    """
    if version_of(path) != before:
        raise OutputError(
            f"{path} was written to while it was read, so it is not replaced; run again when "
            "nobody writes it"
        )
