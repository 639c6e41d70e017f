"""Options of commands that run something, and what they make of them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar, get_args

import click

from streamx.cli.grouped_help import GroupedCommand
from streamx.cli.options import (
    FORMATS,
    Column,
    Concurrency,
    Duration,
    File,
    Names,
    Pair,
    Rate,
    Size,
    add_options,
    in_order_written,
)
from streamx.cli.variables import variable, without_idle
from streamx.compression import OutputCompression
from streamx.transform.functions import Apply
from streamx.transform.operations import Drop, Limit, Operation, Rename, Select, Set, Where

F = TypeVar("F", bound=Callable[..., Any])

_ORDER = "streamx.option_order"
WORDS = "streamx.words"
OPERATIONS = ("select", "drop", "rename", "where", "set", "fn", "limit")


class OrderedCommand(GroupedCommand):
    """A command that remembers in which order its options were written."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        _, rest, order = self.make_parser(ctx).parse_args(args=list(args))
        if rest and not ctx.resilient_parsing and self._takes_inputs:
            raise click.UsageError(
                f"{rest[0]!r} is one argument too many; put a pattern in quotes, or name several "
                "inputs with --input",
                ctx,
            )
        ctx.meta[WORDS] = list(args)
        ctx.meta[_ORDER] = [parameter.name for parameter in order]
        return super().parse_args(ctx, args)

    @property
    def _takes_inputs(self) -> bool:
        return any(parameter.name == "inputs" for parameter in self.params)


def output_options(command: F) -> F:
    """Add the options that say how to write the output's records."""
    return add_options(
        command,
        click.option("--to", "target_format", type=FORMATS, help="Format of the output."),
        click.option(
            "-D",
            "--output-delimiter",
            metavar="CHAR",
            help="Delimiter of the output; `tab` works too.",
        ),
        click.option("--crlf", is_flag=True, help="End CSV records with CR LF instead of LF."),
        click.option(
            "--compress",
            type=click.Choice(get_args(OutputCompression)),
            help="Compress the output so, whatever its name says; Parquet and Arrow compress their "
            "columns (snappy, zstd, gzip, lz4).  [default: by extension]",
        ),
        click.option(
            "--compression-level",
            type=int,
            metavar="N",
            help="How hard to compress: 1 to 9 (gzip, bzip2), 0 to 9 (xz) or 1 to 19 (zstd).",
        ),
        click.option(
            "--row-group-size",
            "row_group_bytes",
            type=Size(),
            metavar="SIZE",
            help="How many bytes of records, as JSONL, make a row group of Parquet.  "
            "[default: 64M]",
        ),
        click.option(
            "--add-bom", is_flag=True, help="Start the CSV with a byte order mark, for Excel."
        ),
        click.option(
            "--escape-formulas",
            is_flag=True,
            help="Put ' before cells of a CSV output that a spreadsheet would take for formulas.",
        ),
    )


def division_options(command: F) -> F:
    """Add the options that divide the output among many files."""
    return add_options(
        command,
        click.option(
            "--partition-by",
            type=Column(),
            multiple=True,
            metavar="COLUMN",
            help="Write a file COLUMN=VALUE to the directory OUTPUT for each value of this column "
            "of the output. Repeatable: all but the last are directories.",
        ),
        click.option(
            "--split-records",
            type=int,
            metavar="N",
            help="Write files part-00000, part-00001 and so on of N records each to the directory "
            "OUTPUT.",
        ),
    )


def record_options(command: F) -> F:
    """Add the options that say what records are and what is done with each."""
    return add_options(
        command,
        click.option(
            "--strict-types",
            is_flag=True,
            help="A cell that does not fit its column's type is an error.",
        ),
        click.option(
            "--columns",
            type=Names(),
            metavar="A,B,...",
            help="Columns of a JSONL input, instead of the keys in its first records.",
        ),
        click.option(
            "--extra-keys",
            type=click.Choice(["error", "drop"]),
            help="What a key beyond the columns means in JSONL to CSV.  [default: error]",
        ),
        click.option(
            "--nested",
            type=click.Choice(["json", "flatten"]),
            help="Nested JSON in CSV: as JSON in its cell, or as columns a.b and a.0.  "
            "[default: json]",
        ),
        click.option(
            "--select",
            type=Names(),
            multiple=True,
            metavar="A,B,...",
            help="Keep these columns, in this order. Operations apply in the order written.",
        ),
        click.option(
            "--drop",
            type=Names(),
            multiple=True,
            metavar="A,B,...",
            help="Leave these columns out.",
        ),
        click.option(
            "--rename",
            type=Pair("OLD=NEW", splits_at_last=False),
            multiple=True,
            metavar="OLD=NEW",
            help="Rename a column. Repeatable.",
        ),
        click.option(
            "--where",
            multiple=True,
            metavar="EXPR",
            help="Keep records for which this is true, such as 'delay > 60'. Repeatable.",
        ),
        click.option(
            "--set",
            type=Pair("NAME=EXPR", splits_at_last=False),
            multiple=True,
            metavar="NAME=EXPR",
            help="Give a column a value, such as gain='dep_delay - arr_delay'. Repeatable.",
        ),
        click.option(
            "--fn",
            type=File(),
            multiple=True,
            metavar="WHERE:NAME",
            help="Call a function with each record: clean.py:clean or package.module:clean. "
            "Repeatable.",
        ),
    )


def call_options(command: F) -> F:
    """Add the options that say how functions are called."""
    return add_options(
        command,
        click.option(
            "--batch-size",
            "batch_records",
            type=int,
            metavar="N",
            help="Call functions with lists of N records.",
        ),
        click.option(
            "--batch-wait",
            "batch_wait_seconds",
            type=Duration(),
            metavar="TIME",
            help="How long a record waits for its batch, with async functions.  [default: 100ms]",
        ),
        click.option(
            "--concurrency",
            type=Concurrency(),
            metavar="N",
            help="Records on their way at a time, with async functions, or auto.  "
            "[default: 64, or two batches]",
        ),
        click.option(
            "--retries", type=int, metavar="N", help="Call again where a function raised."
        ),
        click.option(
            "--retry-on",
            multiple=True,
            metavar="NAME",
            help="Only for exceptions of this class, such as TimeoutError. Repeatable.",
        ),
        click.option(
            "--rate-limit",
            "rate",
            type=Rate(),
            metavar="N/s",
            help="Calls in a second or a minute, such as 100/s or 90/m, by all workers together; "
            "on a cluster each has its share.",
        ),
        click.option(
            "--timeout",
            "timeout_seconds",
            type=Duration(),
            metavar="TIME",
            help="How long a call of a function may take, such as 30s.",
        ),
    )


def error_options(command: F) -> F:
    """Add the options that say what bad records do."""
    return add_options(
        command,
        click.option(
            "--on-error",
            type=click.Choice(["fail", "skip", "reject"]),
            help="What a bad record does: end the run, be left out, or go to the rejects file.  "
            "[default: fail]",
        ),
        click.option(
            "--rejects",
            type=File(),
            metavar="FILE",
            help="Rejects file, JSONL; means --on-error reject.  [default: OUTPUT.rejects.jsonl]",
        ),
        click.option(
            "--max-errors",
            metavar="N|P%",
            help="Fail when more than N records, or P% of those read, are bad.",
        ),
    )


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


def run_values(
    ctx: click.Context, output: str, values: dict[str, Any], *, is_quiet: bool
) -> dict[str, Any]:
    """Return a command's values as the options that the library takes."""
    values = without_idle(ctx, values)
    if is_quiet or (output == "-" and _shares_terminal(values["progress"])):
        values["progress"] = "off"
    values["operations"] = _operations(ctx.meta[_ORDER], values)
    if any(isinstance(operation, Apply) for operation in values["operations"]):
        sys.stdout = sys.stderr  # what functions print must not come between the data
    values["pinned_types"] = dict(values["pinned_types"])
    return values


def _operations(order: list[str], values: dict[str, Any]) -> list[Operation]:
    written = {name: values.pop(name) for name in OPERATIONS}
    operations: list[Operation] = []
    for name, value in in_order_written(order, written):
        if name == "select":
            operations.append(Select(value))
        elif name == "drop":
            operations.append(Drop(value))
        elif name == "rename":
            operations.append(Rename(*value))
        elif name == "where":
            operations.append(Where(value))
        elif name == "set":
            operations.append(Set(*value))
        elif name == "fn":
            operations.append(Apply(value))
        else:
            operations.append(Limit(value))
    return operations


def _shares_terminal(progress: str) -> bool:
    """Tell whether a bar would be drawn over the data on the same terminal."""
    return progress == "auto" and sys.stdout is not None and sys.stdout.isatty()
