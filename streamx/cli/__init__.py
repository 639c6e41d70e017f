"""The command line: parses options and calls the library; each command has a file of its own."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# What each command does, told without importing it, and its file where that has another name.
_COMMANDS = {
    "completion": "Print what makes a shell complete command lines.",
    "doctor": "Print what is installed, what is allowed, what is broken.",
    "retry": "Run rejected records again.",
    "run": "Do what a job file says.",
    "schema": "Print the columns of a file and their types.",
    "transform": "Convert a file or a stream.",
}
_FILES = {"run": "run_job"}
# What a shell sets that asks how a command line goes on.
COMPLETE_VARIABLE = "_STREAMX_COMPLETE"


class _LazyGroup(click.Group):
    """A group that imports a command's file only when the command is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        file = _FILES.get(cmd_name, cmd_name)
        command: click.Command = import_module(f"streamx.cli.{file}").command
        command.short_help = _COMMANDS[cmd_name]
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([*_COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        from click.shell_completion import CompletionItem

        return [
            *(
                CompletionItem(name, help=help)
                for name, help in _COMMANDS.items()
                if name.startswith(incomplete)
            ),
            *click.Command.shell_complete(self, ctx, incomplete),
        ]

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
