"""The threads that runs have started and that have not ended, for tests of what is left behind."""

from __future__ import annotations

import threading

# What a process that runs splits of a cluster keeps for good: another test's, if it is there.
_KEPT = "streamx-splits"


def threads_of_runs() -> list[str]:
    """Return the names of these threads."""
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name.startswith("streamx") and name != _KEPT]
