"""Compares streamx with its peers, and prints a Markdown table for each job.

The extra `bench` installs the peers that are Python packages; others are looked for in the path.

    python -m benchmarks.compare                              all but the job that takes very long
    python -m benchmarks.compare --scale 0.01 --rounds 1      a quick try
    python -m benchmarks.compare --jobs jsonl --tools streamx,duckdb
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from benchmarks import results
from benchmarks.inputs import BLOCK_BYTES, DEFAULT_DIRECTORY, Inputs
from benchmarks.jobs import JOBS, NOWHERE, Entry, Job
from benchmarks.measure import CommandFailedError, measure
from benchmarks.table import Row, table
from benchmarks.tools import TOOLS


def _chosen(_: click.Context, option: click.Parameter, value: str) -> tuple[str, ...]:
    known = list(JOBS if option.name == "jobs" else TOOLS)
    names = tuple(value.split(","))
    for name in names:
        if name not in known:
            raise click.BadParameter(f"no {name!r}; there are {', '.join(known)}")
    return names


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
@click.option(
    "--jobs",
    metavar="NAME,...",
    callback=_chosen,
    default=",".join(name for name, job in JOBS.items() if not job.is_extra),
    show_default=True,
    help="'stream' takes long and has to be asked for.",
)
@click.option(
    "--tools", metavar="NAME,...", callback=_chosen, default=",".join(TOOLS), show_default=True
)
@click.option("--scale", type=float, default=1.0, show_default=True, help="Size of the inputs.")
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_DIRECTORY,
    show_default=True,
    help="Where inputs are kept and outputs go.",
)
@click.option("--write", is_flag=True, help="Put the tables into RESULTS.md.")
def main(
    rounds: int,
    jobs: tuple[str, ...],
    tools: tuple[str, ...],
    scale: float,
    directory: Path,
    write: bool,
) -> None:
    """Measure streamx and its peers in turn, as whole processes."""
    if write and scale != 1:
        raise click.UsageError("--write: RESULTS.md is for inputs of full size; omit --scale")
    versions = {name: TOOLS[name].version() for name in tools}
    installed = [name for name in tools if versions[name]]
    inputs = Inputs(directory.resolve(), scale)
    for job in (JOBS[name] for name in jobs):
        section = f"{_section(job, inputs, installed, rounds)}\n{_footer(rounds, scale, versions)}"
        click.echo(f"## {job.title}\n\n{section}\n")
        if write:
            results.update({job.title: section}, [job.title for job in JOBS.values()])
    click.echo(results.machine())


def _footer(rounds: int, scale: float, versions: dict[str, str | None]) -> str:
    missing = [name for name, version in versions.items() if not version]
    said = [f"Rounds: {rounds}"]
    said += [f"Inputs: {scale:g} of their size"] if scale != 1 else []
    said += [f"Versions: {'; '.join(version for version in versions.values() if version)}"]
    said += [f"Not installed: {', '.join(missing)}"] if missing else []
    return ". ".join(said) + "."


def _section(job: Job, inputs: Inputs, tools: Sequence[str], rounds: int) -> str:
    note = f"{job.note}\n\n" if job.note else ""
    scratch = inputs.directory / "output"
    target = str(scratch) if job.keeps_output else NOWHERE
    try:
        checked = [entry for entry in job.entries(inputs, str(scratch)) if entry.tool in tools]
        entries = [entry for entry in job.entries(inputs, target) if entry.tool in tools]
    except OSError as error:
        return f"{note}Left out: {error}.\n"
    if not entries:
        return f"{note}Left out: it needs other tools.\n"
    rows = [Row(entry.label, entry.input_bytes) for entry in entries]
    for entry, row in zip(checked, rows, strict=True):
        row.failure = _failure(entry, scratch)
    for number in range(1, rounds + 1):
        for entry, row in zip(entries, rows, strict=True):
            if not row.failure:
                _run(entry, row, scratch)
                click.echo(f"round {number}: {row}", err=True)
    return note + table(rows, job.base)


def _failure(entry: Entry, scratch: Path) -> str:
    """Run once without counting the time; say what is wrong with the output, if anything is."""
    try:
        measure(entry.command)
        lines = None if entry.output_lines is None else _count_lines(scratch)
    except (CommandFailedError, OSError) as error:
        return str(error)
    finally:
        _clear(scratch)
    is_right = lines == entry.output_lines
    return "" if is_right else f"wrote {lines} lines instead of {entry.output_lines}"


def _run(entry: Entry, row: Row, scratch: Path) -> None:
    try:
        row.runs.append(measure(entry.command))
    except CommandFailedError as error:
        row.failure = str(error)
    finally:
        _clear(scratch)


def _clear(scratch: Path) -> None:
    """Leave nothing for the disk to do while the next one runs."""
    scratch.unlink(missing_ok=True)
    os.sync()


def _count_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(BLOCK_BYTES), b""))


if __name__ == "__main__":
    main()
