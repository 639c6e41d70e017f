"""Resident memory of processes, as the system tells it where there is a /proc."""

from __future__ import annotations

import os
from collections.abc import Iterable


def resident_bytes(pids: Iterable[int]) -> int | None:
    """Return what this process and some others hold in memory; None where nobody tells.

    >>> (resident_bytes([]) or 1) > 0
    True
    """
    own_bytes = _resident_bytes("self")
    if own_bytes is None:
        return None
    return own_bytes + sum(_resident_bytes(str(pid)) or 0 for pid in pids)


def _resident_bytes(process: str) -> int | None:
    try:
        with open(f"/proc/{process}/statm", "rb", buffering=0) as file:
            return int(file.read(128).split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):  # it has ended, or this system is another
        return None
