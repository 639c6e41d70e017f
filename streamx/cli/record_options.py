"""Options that say what becomes of records: functions, bad ones, and what is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, get_args

import click

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
)
from streamx.compression import OutputCompression

F = TypeVar("F", bound=Callable[..., Any])


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
