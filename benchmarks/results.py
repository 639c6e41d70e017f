"""Keeps RESULTS.md: the machine, and the newest table of each job."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from streamx.sizing import available_cpus

RESULTS = Path(__file__).with_name("RESULTS.md")

_INTRODUCTION = """\
# Results

`python -m benchmarks.compare --write` wrote this file: each tool does the same work as a whole
process, its start included, in turn with the others. Times are medians; input files are in memory
(the page cache), and output goes to /dev/null where nothing else is said. `CPU` is user and system
time, `CPUs busy` its share of what all CPUs could have given, `peak` the most memory that was
resident. Before it is measured, each tool runs once, and the lines that it wrote are counted.

"""


def machine() -> str:
    """Describe the machine, in one line."""
    memory_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return (
        f"Machine: {_processor()}, {available_cpus()} CPUs, {memory_bytes / 2**30:.0f} GiB of "
        f"memory, {platform.system()} {platform.release()}, Python {platform.python_version()}."
    )


def update(sections: Mapping[str, str], titles: Sequence[str]) -> None:
    """Replace sections of RESULTS.md by title; those in `titles` come first, in that order."""
    old = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
    parts = [part.partition("\n") for part in re.split(r"^## ", old, flags=re.MULTILINE)[1:]]
    kept = {title: text.strip("\n") for title, _, text in parts} | dict(sections)
    order = [title for title in titles if title in kept]
    order += [title for title in kept if title not in titles]
    body = "".join(f"\n## {title}\n\n{kept[title]}\n" for title in order)
    RESULTS.write_text(_INTRODUCTION + machine() + "\n" + body, encoding="utf-8")


def _processor() -> str:
    try:
        described = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    found = re.search(r"^model name\s*:\s*(.+)$", described, flags=re.MULTILINE)
    return found[1] if found else platform.machine()
