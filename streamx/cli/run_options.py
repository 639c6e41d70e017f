"""Options that say how a run is run, and what it tells of itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from streamx.cli.options import (
    File,
    Size,
    add_options,
)
from streamx.cli.variables import variable

F = TypeVar("F", bound=Callable[..., Any])


def cluster_options(command: F) -> F:
    """Add the options that say where a run takes place."""
    return add_options(
        command,
        click.option(
            "--engine",
            type=click.Choice(["local", "dask"]),
            default="local",
            show_default=True,
            help="Run on this machine, or on workers of Dask, which write a directory of parts.",
        ),
        click.option(
            "--scheduler",
            type=File(),
            metavar="ADDRESS|FILE",
            help="Dask's scheduler, such as tcp://host:8786.  [default: processes started here]",
            **variable("SCHEDULER"),
        ),
        click.option(
            "--split-size",
            "split_size_bytes",
            type=Size(),
            metavar="SIZE",
            help="About how much of INPUT a worker of Dask reads at a time.  [default: 64M]",
        ),
        click.option(
            "--split-retries",
            type=int,
            metavar="N",
            help="Run a split again whose worker died, or failed to read or write.  [default: 3]",
        ),
        click.option(
            "--concat",
            is_flag=True,
            help="With Dask, join the parts to one OUTPUT, as a local run writes it.",
        ),
    )


def lock_options(command: F) -> F:
    """Add the options that keep a second run away."""
    return add_options(
        command,
        click.option(
            "--lock",
            is_flag=True,
            help="Exit with 75 if another run holds the lock OUTPUT.lock.",
        ),
        click.option(
            "--lock-file", type=File(), metavar="FILE", help="Lock FILE instead; means --lock."
        ),
    )


def flow_options(command: F) -> F:
    """Add the options that say how much is worked on at a time, and how long."""
    return add_options(
        command,
        click.option(
            "-n", "--limit", type=int, multiple=True, metavar="N", help="Stop after N records."
        ),
        click.option(
            "-j",
            "--workers",
            type=int,
            metavar="N",
            help="Chunks worked on at a time.  [default: CPUs]",
            **variable("WORKERS"),
        ),
        click.option(
            "--ordered/--unordered",
            " /-u",
            "is_ordered",
            default=True,
            help="Keep the order of the input (default), or write what is finished first.",
        ),
        click.option(
            "--priority",
            metavar="EXPR",
            help="Of the records that wait for async functions start the one with the lowest value "
            "next; with -u.",
        ),
        click.option(
            "--chunk-size",
            "chunk_size_bytes",
            type=Size(),
            metavar="SIZE",
            help="Bytes per chunk.  [default: 1M]",
            **variable("CHUNK_SIZE"),
        ),
        click.option(
            "--buffer",
            "buffer_chunks",
            type=int,
            metavar="CHUNKS",
            help="Chunks that may wait for a worker.  [default: 2 per worker, at least 4]",
            **variable("BUFFER"),
        ),
        click.option(
            "--buffer-bytes",
            type=Size(),
            metavar="SIZE",
            help="Bytes that may wait for a worker, beside --buffer; a larger chunk waits alone.",
            **variable("BUFFER_BYTES"),
        ),
        click.option(
            "--max-memory",
            "max_memory_bytes",
            type=Size(),
            metavar="SIZE",
            help="Choose chunk size and buffer so that the process stays below SIZE.",
            **variable("MAX_MEMORY"),
        ),
        click.option(
            "--max-record-bytes",
            type=Size(),
            metavar="SIZE",
            help="A longer record is an error; bounds what an unclosed quote can swallow.  "
            "[default: 16M]",
        ),
    )


def ending_options(command: F) -> F:
    """Add the options that say how outputs are put in their places, and what tells of the run."""
    return add_options(
        command,
        click.option(
            "--direct",
            "is_direct",
            is_flag=True,
            help="Write OUTPUT in place, where its directory takes no new file. Not atomic.",
        ),
        click.option(
            "--in-place",
            is_flag=True,
            help="Put the output in the place of INPUT once it is whole.",
        ),
        click.option(
            "--backup",
            metavar="SUFFIX",
            help="With --in-place, keep what INPUT was, under its name and SUFFIX, such as .bak.",
        ),
        click.option(
            "--no-fsync",
            "fsync",
            is_flag=True,
            flag_value=False,
            default=True,
            help="Do not wait until output and rejects are on disk: a loss of power may take them.",
        ),
        click.option(
            "--summary",
            type=File(),
            metavar="FILE",
            help="Write what the run amounted to as JSON, also if it fails.",
        ),
        click.option(
            "--metrics",
            type=File(),
            metavar="FILE",
            help="Write Prometheus metrics every 5 seconds and at the end, for node_exporter.",
        ),
        click.option(
            "--report",
            type=File(),
            metavar="FILE.html",
            help="Write a page with charts of the run, to be looked at in a browser.",
        ),
        click.option(
            "--progress",
            type=click.Choice(["auto", "bar", "plain", "json", "off"]),
            default="auto",
            show_default=True,
            help="Progress on standard error; auto is a bar on a terminal.",
            **variable("PROGRESS"),
        ),
        click.option("--explain", is_flag=True, help="Print what would be done, and do nothing."),
        click.option("-q", "--quiet", is_flag=True, help="No warnings and no progress."),
    )
