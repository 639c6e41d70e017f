"""The command line: parses options and calls the library; each command has a file of its own."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

import click

_COMMANDS = {
    "completion": "streamx.cli.completion",
    "doctor": "streamx.cli.doctor",
    "retry": "streamx.cli.retry",
    "run": "streamx.cli.run_job",
    "schema": "streamx.cli.schema",
    "transform": "streamx.cli.transform",
}
# What a shell sets that asks how a command line goes on.
COMPLETE_VARIABLE = "_STREAMX_COMPLETE"


class _LazyGroup(click.Group):
    """A group that imports a command's file only when the command is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(_COMMANDS[cmd_name]).command
        return command

    def main(self, *args: Any, **options: Any) -> Any:
        if COMPLETE_VARIABLE in os.environ:
            from streamx.cli.shells import register

            register()
        options.setdefault("complete_var", COMPLETE_VARIABLE)
        return super().main(*args, **options)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in _COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            from streamx.nearest import did_you_mean

            ctx.fail(f"No such command {name!r}{did_you_mean(name, _COMMANDS) or '.'}")
        return super().resolve_command(ctx, args)


def _show_version(ctx: click.Context, _: click.Parameter, is_wanted: bool) -> None:
    if is_wanted and not ctx.resilient_parsing:
        from streamx import __version__
        from streamx.codec import CODEC_NAME

        click.echo(f"streamx {__version__} (codec: {CODEC_NAME})")
        ctx.exit()


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-V",
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_show_version,
    help="Print the version and the codec in use, then exit.",
)
def cli() -> None:
    """Transform large CSV, TSV and JSONL files and pipes in constant memory."""
