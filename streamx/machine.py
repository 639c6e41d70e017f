"""The machine: what it allows a process, as far as that decides how a run goes."""

from __future__ import annotations

import os
import resource
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUP = Path("/proc/self/cgroup")
_PIPE_LIMIT = Path("/proc/sys/fs/pipe-max-size")
_MEMORY = Path("/proc/meminfo")


def total_memory_bytes() -> int:
    """Return how much memory there is, whoever uses it."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def available_memory_bytes() -> int | None:
    """Return how much memory could be had without taking it from others, where that is known."""
    for line in _text(_MEMORY).splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def cgroup_memory_bytes(root: Path = _CGROUPS, own: Path = _OWN_CGROUP) -> int | None:
    """Return the memory that the control groups of this process allow it, or None for all.

    Args:
        root: where control groups are mounted (cgroups(7)), version 2 or 1.
        own: tells the group of this process.
    """
    texts = [*_texts_of(root, own, "memory.max"), _text(root / "memory/memory.limit_in_bytes")]
    limits = [int(text) for text in texts if text.strip().isdecimal()]
    return min((each for each in limits if each < total_memory_bytes()), default=None)


def cgroup_cpus(root: Path = _CGROUPS, own: Path = _OWN_CGROUP) -> float | None:
    """Return the share of CPUs that the control groups of this process allow it, or None."""
    texts = [
        *_texts_of(root, own, "cpu.max"),
        f"{_text(root / 'cpu/cpu.cfs_quota_us')} {_text(root / 'cpu/cpu.cfs_period_us')}",
    ]
    pairs = [text.split() for text in texts]
    shares = [
        int(pair[0]) / int(pair[1])
        for pair in pairs
        if len(pair) == 2 and pair[0].isdecimal() and pair[1].isdecimal()
    ]
    return min(shares, default=None)


def most_open_files() -> tuple[int | None, int | None]:
    """Return how many files may be open, and how many may be allowed; None for any number."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _finite(soft), _finite(hard)


def most_address_space_bytes() -> int | None:
    """Return what `ulimit -v` allows, or None."""
    return _finite(resource.getrlimit(resource.RLIMIT_AS)[0])


def most_pipe_bytes() -> int | None:
    """Return how much a pipe can be made to hold, where that can be changed at all."""
    text = _text(_PIPE_LIMIT).strip()
    return int(text) if text.isdecimal() else None


def temporary_directory() -> tuple[str, int]:
    """Return where temporary files go, and how many bytes are free there.

    Raises:
        OSError: there is no such place that can be written.
    """
    import tempfile  # which looks for it by writing

    directory = tempfile.gettempdir()
    return directory, shutil.disk_usage(directory).free


def terminal() -> str | None:
    """Return size and kind of the terminal on standard error, or None if it is none."""
    if sys.stderr is None or not sys.stderr.isatty():
        return None
    columns, lines = os.get_terminal_size(sys.stderr.fileno())
    return f"{columns} x {lines}, TERM={os.environ.get('TERM', '')}"


def _texts_of(root: Path, own: Path, name: str) -> Iterator[str]:
    """Give a file of the group of this process and of each above it, which limit it as well."""
    for line in _text(own).splitlines():
        number, _, path = line.split(":", 2)
        if number == "0":
            group = root / path.lstrip("/")
            for each in (group, *group.parents):
                if each.is_relative_to(root):
                    yield _text(each / name)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""


def _finite(limit: int) -> int | None:
    return None if limit in (resource.RLIM_INFINITY, -1) else limit
