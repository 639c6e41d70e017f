"""streamx run: do what a job file says."""

from __future__ import annotations

import click

from streamx.cli.job_file import Schema
from streamx.cli.options import File
from streamx.cli.ordered_command import OPERATIONS
from streamx.cli.transform import command as transform


@click.command(
    "run",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("job", metavar="JOB.toml", type=File())
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[INPUT [OUTPUT]] [OPTIONS]")
@click.pass_context
def command(ctx: click.Context, /, job: str, options: tuple[str, ...]) -> None:
    """Run what JOB.toml says: the options of transform, with their long names as keys.

    ${NAME} in a text stands for a variable of the environment, $${NAME} for itself. What is written
    behind JOB.toml takes the place of what stands in it, and operations that of all its steps.
    `streamx transform ... --save-job JOB.toml` writes such a file.

    \b
    Example:
      input = "/data/${DAY}.csv.gz"
      output = "/data/out.jsonl"
      null = ["NA"]
      lock = true
      on-error = "reject"

    \b
      [[step]]
      where = "dep_delay > 60"

    \b
      [[step]]
      select = ["carrier", "flight", "dep_delay"]
    """
    if any(each in ctx.help_option_names for each in options):
        click.echo(ctx.get_help())
        return
    schema = Schema(transform, OPERATIONS)
    said = schema.read(job)
    try:
        transform.make_context("transform", schema.words(said), parent=ctx.parent).close()
    except click.UsageError as error:
        raise click.UsageError(f"{job}: {error.format_message()}", ctx) from error
    words = schema.words(said.overridden_by(schema.of_words(options)))
    with transform.make_context("transform", words, parent=ctx.parent) as inner:
        transform.invoke(inner)
