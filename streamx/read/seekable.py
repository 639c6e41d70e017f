"""Opens files that are read from any place: those that say at their end where things stand."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from typing import Any

from streamx.errors import InputError, UsageError, cannot
from streamx.read.http_options import is_url, plain_url
from streamx.read.sources import STDIN_NAME
from streamx.storage import StoredFile, is_storage_url, shown_url


def _opened(path: str) -> Any:
    return open(path, "rb")


def open_seekable(path: str, title: str, opened: Callable[[str], Any] = _opened) -> Any:
    """Open a file on disk, or in a storage by its URL, in which one can seek.

    Args:
        path: where it is; `-` is standard input, if that is a file.
        title: what is read so, for messages.
        opened: opens a file on disk.

    Returns:
        A binary file.

    Raises:
        InputError: it cannot be opened.
        UsageError: it is a pipe or the like, or nothing is known of its storage.
    """
    if is_storage_url(path):
        return _open_stored(path)
    name = input_name(path)
    place = "/dev/stdin" if path == "-" else path
    try:
        mode = stat.S_IFIFO if is_url(path) else os.stat(place).st_mode
        if stat.S_ISDIR(mode):
            raise InputError(f"{name} is a directory; name a file in it")
        if not stat.S_ISREG(mode):
            raise UsageError(
                f"{title} is read from its end, so it has to be a file, and {name} is none; "
                "write it to one first"
            )
        return opened(place)
    except OSError as error:
        raise InputError(cannot("open", name, error)) from error


def file_size_bytes(file: Any) -> int:
    """Return how long a file is, and stand at its start."""
    size_bytes: int = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size_bytes


def input_name(path: str) -> str:
    """Return what to call a file in messages."""
    if path == "-":
        return STDIN_NAME
    if is_url(path):
        return plain_url(path)
    return shown_url(path) if is_storage_url(path) else path


def _open_stored(url: str) -> Any:
    stored = StoredFile(url)
    try:
        return stored.open_reading()
    except UsageError:
        raise
    except Exception as error:  # every storage has its own
        raise InputError(f"cannot read {stored.name}: {stored.said(error)}") from error
