"""Tables: what the runs of a job amounted to, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.measure import Measurement
from streamx.sizing import available_cpus


@dataclass(slots=True)
class Row:
    """A row before it is written.

    Attributes:
        label: what the row is called.
        input_bytes: how much each run reads, 0 if that does not matter.
        runs: what was measured.
        failure: why nothing could be.
    """

    label: str
    input_bytes: int
    runs: list[Measurement] = field(default_factory=list)
    failure: str = ""

    def __str__(self) -> str:
        return f"{self.label}: {self.failure or _seconds(self.runs[-1].wall_seconds) + ' s'}"

    @property
    def wall_seconds(self) -> float:
        return median(run.wall_seconds for run in self.runs)

    @property
    def cpu_seconds(self) -> float:
        return median(run.cpu_seconds for run in self.runs)


def table(rows: Sequence[Row], base: str) -> str:
    """Return a Markdown table; ratios are those to the row called `base`, if it is there."""
    compared = next((row for row in rows if row.label == base and not row.failure), None)
    head: tuple[str, ...] = (
        *("", "wall, s", "fastest to slowest", f"wall ÷ {base}", "input, MB/s"),
        *("CPU, s", f"CPU ÷ {base}", "CPUs busy", "peak, MB"),
    )
    lines = [head, ("---", *["---:"] * (len(head) - 1))]
    lines += [(row.label, *_cells(row, compared)) for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cells(row: Row, base: Row | None) -> Iterator[str]:
    if row.failure:
        yield f"failed: {row.failure}".replace("|", "\\|")
        return
    walls = [run.wall_seconds for run in row.runs]
    yield _seconds(row.wall_seconds)
    yield f"{_seconds(min(walls))} to {_seconds(max(walls))}"
    yield f"{row.wall_seconds / base.wall_seconds:.2f}" if base else ""
    yield f"{row.input_bytes / 1e6 / row.wall_seconds:,.0f}" if row.input_bytes else ""
    yield _seconds(row.cpu_seconds)
    yield f"{row.cpu_seconds / base.cpu_seconds:.2f}" if base else ""
    yield f"{row.cpu_seconds / (available_cpus() * row.wall_seconds):.0%}"
    peak_bytes = median(run.peak_bytes for run in row.runs)
    is_hidden = peak_bytes <= 1.05 * max(run.least_peak_bytes for run in row.runs)
    yield ("below " if is_hidden else "") + f"{peak_bytes / 1e6:,.0f}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}" if seconds < 1 else f"{seconds:.2f}"
