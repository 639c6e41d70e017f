"""Writes lines to standard error, which may be closed, full or gone: that never ends a run."""

from __future__ import annotations

import contextlib
import os
import sys

_DESCRIPTOR = 2


class Note(str):
    """A text among warnings that is only to be known: nothing is amiss."""

    __slots__ = ()


def takes_escape_codes() -> bool:
    """Tell whether standard error is a terminal whose cursor can be moved."""
    return os.isatty(_DESCRIPTOR) and os.environ.get("TERM") != "dumb"


def write_line(text: str) -> None:
    """Write a line, in place of a progress bar's if there is one."""
    if sys.stderr is None:
        return
    with contextlib.suppress(OSError):
        clear = "\r\x1b[K" if takes_escape_codes() else ""
        # Past Python's buffer, which would be flushed at exit, fail and change the exit code.
        os.write(_DESCRIPTOR, f"{clear}{text}\n".encode(errors="surrogateescape"))
