"""streamx transform: convert a file or a stream."""

from __future__ import annotations

from typing import Any

import click
from click.core import ParameterSource

import streamx
from streamx.cli.http import http_options, with_http
from streamx.cli.options import (
    Duration,
    File,
    files_options,
    input_options,
    refuse_to_wait_on_terminal,
)
from streamx.cli.ordered_command import OPERATIONS, WORDS, OrderedCommand, run_values
from streamx.cli.record_options import (
    call_options,
    division_options,
    error_options,
    output_options,
    record_options,
)
from streamx.cli.run import print_data, run, warn
from streamx.cli.run_options import (
    cluster_options,
    ending_options,
    flow_options,
    lock_options,
)


@click.command("transform", cls=OrderedCommand)
@click.argument("input", required=False, type=File())
@click.argument("output", default="-", type=File())
@files_options
@input_options
@http_options
@output_options
@division_options
@record_options
@call_options
@error_options
@click.option(
    "--checkpoint",
    type=File(),
    metavar="FILE",
    help="Write down in FILE how far the run has come, to be resumed.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on where an earlier run ended; means --checkpoint OUTPUT.checkpoint.",
)
@click.option(
    "--allow-growth",
    is_flag=True,
    help="With --resume: go on behind what earlier runs read of a file to which records are added.",
)
@click.option(
    "--checkpoint-interval",
    "checkpoint_interval_seconds",
    type=Duration(),
    metavar="TIME",
    help="How often to write the checkpoint.  [default: 5s]",
)
@lock_options
@cluster_options
@flow_options
@click.option(
    "--on-full",
    type=click.Choice(["block", "drop-oldest", "drop-newest", "error"]),
    help="What a live standard input does that comes faster than it is taken: wait, lose chunks "
    "(exit code 3), or end the run.  [default: block]",
)
@click.option("--line-buffered", is_flag=True, help="Pass each record of a live input on at once.")
@ending_options
@click.option(
    "--save-job",
    type=File(),
    metavar="FILE.toml",
    help="Write all that is said here to a job file for streamx run, and do nothing else.",
)
@click.pass_context
def command(
    ctx: click.Context,
    /,
    input: str | None,
    inputs: tuple[str, ...],
    output: str,
    quiet: bool,
    explain: bool,
    save_job: str | None,
    **values: Any,
) -> None:
    """Convert INPUT to OUTPUT: CSV, TSV, JSONL, JSON, Parquet and Arrow in any direction.

    The format comes from the extension (.csv, .tsv, .tab, .jsonl, .ndjson, .json, each also with
    .gz, .bz2, .xz or .zst; .parquet, .arrow, .arrows; INPUT also .xlsx, .xlsb, .xls, .ods) or from
    --from and --to. Without OUTPUT, or with -, standard output is written; without INPUT, or with
    -, standard input is read. INPUT may be a directory or a pattern (in quotes), of which all files
    are read as one input, or a URL that begins with http:// or https://; INPUT and OUTPUT may be in
    remote storage, such as s3://BUCKET/KEY. With --input there is no INPUT, and the first argument
    is OUTPUT. With --engine dask, --partition-by and --split-records OUTPUT is a directory.

    \b
    Examples:
      streamx transform flights.csv flights.jsonl --null NA
      streamx transform flights.csv.gz flights.tsv --select carrier,flight
      streamx transform 'flights-*.csv' flights.jsonl --headers union --add-source file
      streamx transform flights.csv late.csv --null NA --where 'delay > 60' --set 'hours=delay / 60'
      streamx transform flights.csv carriers/ --to csv --partition-by carrier
      streamx transform orders.csv out.jsonl --fn clean.py:clean --on-error reject --resume
      streamx transform https://example.org/api/items items.csv --paginate page --page-size 100
      streamx transform s3://in/flights.csv.gz s3://out/flights.jsonl
      tail -f log.jsonl | streamx transform --from jsonl --to csv --columns time,level
    """
    if save_job is not None:
        _save_job(ctx, save_job)
        return
    if inputs:
        input, output = None, output_of(ctx, input)
    else:
        refuse_to_wait_on_terminal(ctx, input)
    values = run_values(ctx, output, values, is_quiet=quiet)
    source: str | tuple[str, ...] = inputs or ("-" if input is None else input)
    if explain:
        print_data(run(lambda: streamx.explain_async(source, output, **with_http(values))))
        return
    report = run(
        lambda: streamx.transform_async(
            source, output, on_warning=None if quiet else warn, **with_http(values)
        )
    )
    ctx.exit(report.exit_code)


def output_of(ctx: click.Context, first: str | None) -> str:
    """Return OUTPUT where inputs are named by options, so that it is the first argument.

    Raises:
        UsageError: there is a second one.
    """
    if ctx.get_parameter_source("output") is not ParameterSource.DEFAULT:
        raise click.UsageError(
            f"there is --input, and INPUT {first!r} as well; name all inputs with --input", ctx
        )
    return "-" if first is None else first


def _save_job(ctx: click.Context, path: str) -> None:
    """Write a job file; what it says has been checked as far as single options go."""
    from streamx.cli.job_file import Schema, text_of  # for this alone

    job = Schema(command, OPERATIONS).of_words(ctx.meta[WORDS])
    try:
        content = text_of(job).encode()  # first, so that what fails leaves an old file as it is
        with open(path, "wb") as file:
            file.write(content)
    except (OSError, UnicodeEncodeError) as error:
        raise click.UsageError(f"cannot write {path}: {error}", ctx) from error
    if "header" in job.values:
        warn(f"{path} holds the headers as they are; put ${{NAME}} in the place of secrets")
