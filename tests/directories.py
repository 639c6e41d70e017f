"""Looks at directories that a run has written."""

from __future__ import annotations

from pathlib import Path


def files_in(directory: Path) -> dict[str, bytes]:
    """Return what all files below a directory hold, by their paths in it."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }
