"""Help of a command whose options are listed by what they are for."""

from __future__ import annotations

from collections.abc import Iterator

import click

# By one of the names of each option; one that is not in here is listed at the end.
GROUPS = {
    "Input": "--input --headers --add-source --from --delimiter --quote --no-header --skip-lines "
    "--sheet --encoding --ragged --sniff --lenient",
    "Input from the web": "--paginate --page-size --records-at --next-at --page-param --size-param "
    "--header --http-timeout --http-retries",
    "Output": "--to --output-delimiter --crlf --add-bom --escape-formulas --compress "
    "--compression-level --row-group-size --partition-by --split-records --in-place --backup "
    "--direct --no-fsync",
    "Records and columns": "--select --drop --rename --where --set --limit --columns --extra-keys "
    "--nested --type --types --strict-types --null",
    "Your functions": "--fn --batch-size --batch-wait --concurrency --priority --timeout --retries "
    "--retry-on --rate-limit",
    "Bad records": "--on-error --rejects --max-errors",
    "Resuming and locks": "--resume --checkpoint --checkpoint-interval --allow-growth --lock "
    "--lock-file",
    "Several machines": "--engine --scheduler --split-size --split-retries --concat",
    "Flow and memory": "--workers --ordered --chunk-size --buffer --buffer-bytes --max-memory "
    "--max-record-bytes --on-full --line-buffered",
    "What a run tells": "--explain --save-job --progress --quiet --summary --metrics --report",
}
OTHERS = "Other options"
# Beyond that, what an option does stands below its name, as click has it.
_WIDEST_NAME = 30


class GroupedCommand(click.Command):
    """A command that lists its options in groups."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, options in grouped(self, ctx):
            with formatter.section(title):
                formatter.write_dl(
                    # All groups get columns of the same width.
                    [(name.ljust(_WIDEST_NAME), help) for name, help in records_of(options, ctx)]
                )


def grouped(command: click.Command, ctx: click.Context) -> Iterator[tuple[str, list[click.Option]]]:
    """Give the options of a command below the title of each group, without groups of none."""
    options = [each for each in command.get_params(ctx) if isinstance(each, click.Option)]
    by_name = {name: option for option in options for name in option.opts}
    for title, names in GROUPS.items():
        members = [by_name[name] for name in names.split() if name in by_name]
        options = [each for each in options if each not in members]
        if members:
            yield title, members
    if options:
        yield OTHERS, options


def records_of(options: list[click.Option], ctx: click.Context) -> Iterator[tuple[str, str]]:
    """Give how each option is written, and what it does."""
    for option in options:
        record = option.get_help_record(ctx)
        if record is not None:
            yield record
