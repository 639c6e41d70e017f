"""streamx retry: run the records of a rejects file again."""

from __future__ import annotations

from typing import Any

import click

import streamx
from streamx.cli.options import File, dialect_options, refuse_to_wait_on_terminal, type_options
from streamx.cli.ordered_command import OrderedCommand, run_values
from streamx.cli.record_options import (
    call_options,
    error_options,
    output_options,
    record_options,
)
from streamx.cli.run import print_data, run, warn
from streamx.cli.run_options import ending_options, flow_options, lock_options


@click.command("retry", cls=OrderedCommand)
@click.argument("input", metavar="[REJECTS]", required=False, type=File())
@click.argument("output", default="-", type=File())
@dialect_options
@click.option(
    "--encoding",
    default="utf-8",
    show_default=True,
    help="Encoding of the records that were rejected since they are not UTF-8.",
)
@type_options
@output_options
@click.option(
    "--no-header",
    "has_header",
    is_flag=True,
    flag_value=False,
    default=True,
    help="A CSV output gets no header, to be appended to another.",
)
@record_options
@call_options
@error_options
@lock_options
@flow_options
@ending_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    input: str | None,
    output: str,
    quiet: bool,
    explain: bool,
    **values: Any,
) -> None:
    """Run the records of REJECTS again, and write those that are good now to OUTPUT, a new file.

    REJECTS is what an earlier run wrote for --on-error reject, of transform or of retry; several of
    the same columns may be joined. It knows the format, columns and types of its records; all else
    that was said to the first run, such as --fn or --null, has to be said again. Without REJECTS,
    or with -, standard input is read; without OUTPUT, or with -, standard output is written.

    \b
    Examples:
      streamx retry out.jsonl.rejects.jsonl more.jsonl --null n/a && cat more.jsonl >> out.jsonl
      streamx retry out.csv.rejects.jsonl more.csv --no-header --fn repair.py:repair
    """
    refuse_to_wait_on_terminal(ctx, input)
    values = run_values(ctx, output, values, is_quiet=quiet)
    source = "-" if input is None else input
    if explain:
        print_data(run(lambda: streamx.explain_retry_async(source, output, **values)))
        return
    report = run(
        lambda: streamx.retry_async(source, output, on_warning=None if quiet else warn, **values)
    )
    ctx.exit(report.exit_code)
