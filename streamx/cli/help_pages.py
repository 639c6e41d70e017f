"""What --help says of each command, taken apart for pages that set it in their own way."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass

import click

from streamx.cli import cli
from streamx.cli.grouped_help import grouped, records_of


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph of a help text.

    Attributes:
        text: running text, or the line above what is set apart.
        set_apart: lines to be shown as they stand.
    """

    text: str
    set_apart: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HelpPage:
    """A command, as its help shows it.

    Attributes:
        path: what is typed to call it, such as `streamx transform`.
        summary: one sentence.
        usage: what may follow the path.
        description: without the examples.
        groups: options by the title of their group; for each how it is written, and what it does.
        examples: command lines, with an empty line between two paragraphs of them.
    """

    path: str
    summary: str
    usage: str
    description: tuple[Paragraph, ...]
    groups: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    examples: tuple[str, ...]

    @property
    def name(self) -> str:
        """What the page itself is called, such as `streamx-transform`."""
        return self.path.replace(" ", "-")


def help_pages() -> Iterator[HelpPage]:
    """Give the page of `streamx` itself, and then those of its commands in their order."""
    root = click.Context(cli, info_name="streamx", help_option_names=["-h", "--help"])
    yield _page(cli, root)
    for name in cli.list_commands(root):
        command = cli.get_command(root, name)
        if command is not None:
            yield _page(command, click.Context(command, root, name))


def _page(command: click.Command, ctx: click.Context) -> HelpPage:
    description, examples = _described(command.help or "")
    return HelpPage(
        path=ctx.command_path,
        summary=command.get_short_help_str(200),
        usage=" ".join(command.collect_usage_pieces(ctx)),
        description=tuple(description),
        groups=tuple(
            (title, tuple(_without_breaks(options, ctx)))
            for title, options in grouped(command, ctx)
        ),
        examples=tuple(examples),
    )


def _without_breaks(options: list[click.Option], ctx: click.Context) -> Iterator[tuple[str, str]]:
    for written, help in records_of(options, ctx):
        yield written, re.sub(r"\s+", " ", help)


def _described(help: str) -> tuple[list[Paragraph], list[str]]:
    """Return the paragraphs of a help text, and apart from them the lines of its examples."""
    described: list[Paragraph] = []
    examples: list[str] = []
    for paragraph in inspect.cleandoc(help).split("\n\n"):
        if not paragraph.startswith("\b"):
            described.append(Paragraph(" ".join(paragraph.split())))
            continue
        lines = paragraph.splitlines()[1:]
        title = lines.pop(0) if lines[0].endswith(":") else ""
        set_apart = [line.removeprefix("  ") for line in lines]
        if not title or title.startswith("Example"):
            examples += ["", *set_apart] if examples else set_apart
        else:
            described.append(Paragraph(title, tuple(set_apart)))
    return described, examples
