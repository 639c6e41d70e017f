"""Temporary paths: what is written there takes the place of something else, or is removed."""

from __future__ import annotations

import contextlib
import os

# A name may have 255 bytes; the rest is for what makes it unique.
_LONGEST_STEM_BYTES = 200
_paths: set[str] = set()


def temporary_beside(path: str) -> str:
    """Return a hidden path beside another, for what is to take its place.

    It is removed by `discard_all` until it is released; so this comes first, since a signal may
    come as soon as there is something.
    """
    directory, base = os.path.split(path)
    stem = os.fsdecode(os.fsencode(base)[:_LONGEST_STEM_BYTES])
    temporary = os.path.join(directory, f".{stem}.{os.urandom(6).hex()}.tmp")
    _paths.add(temporary)
    return temporary


def release_temporary(path: str) -> None:
    """Say that nothing is to be removed there any more."""
    _paths.discard(path)


def discard_all() -> None:
    """Remove all that is temporary of this process, which is about to end without cleaning up."""
    for path in tuple(_paths):
        if os.path.isdir(path):
            import shutil  # which other runs do without

            shutil.rmtree(path, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.unlink(path)
