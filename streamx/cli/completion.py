"""streamx completion: print what makes a shell complete command lines."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from streamx.cli import COMPLETE_VARIABLE
from streamx.cli.run import print_data
from streamx.cli.shells import register


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, /, shell: str) -> None:
    """Print the script with which SHELL completes commands, options, values, files and columns.

    The columns are those of an INPUT that stands before them and is a file on this machine, of
    which the start is read.

    \b
    To have it in each new shell, add one line to a file:
      ~/.bashrc                   eval "$(streamx completion bash)"
      ~/.zshrc, behind compinit   eval "$(streamx completion zsh)"
      ~/.config/fish/config.fish  streamx completion fish | source
    """
    register()
    shell_class = get_completion_class(shell)
    assert shell_class is not None, "register() has added it"
    root = ctx.find_root()
    print_data(shell_class(root.command, {}, "streamx", COMPLETE_VARIABLE).source())
