"""Writes the man pages: what --help says of each command, in groff's macros (man(7)).

python man/write.py [DIRECTORY] writes them there, or beside this file.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from streamx import __version__
from streamx.cli import cli
from streamx.cli.grouped_help import grouped, records_of

HERE = Path(__file__).resolve().parent
README = (HERE.parent / "README.md").read_text(encoding="utf-8")
ROOT = click.Context(cli, info_name="streamx", help_option_names=["-h", "--help"])


def pages() -> Iterator[tuple[str, str]]:
    """Give the name and the text of each page."""
    commands = {name: cli.get_command(ROOT, name) for name in cli.list_commands(ROOT)}
    found = {name: command for name, command in commands.items() if command is not None}
    others = [f"streamx-{name}" for name in found]
    yield "streamx", _page("streamx", cli, ROOT, [*_commands(found), *_tables(), *_see(others)])
    for name, command in found.items():
        ctx = click.Context(command, ROOT, name)
        page = f"streamx-{name}"
        rest = _see(["streamx", *(each for each in others if each != page)])
        yield page, _page(page, command, ctx, rest)


def _page(page: str, command: click.Command, ctx: click.Context, rest: list[str]) -> str:
    described, examples = _described(command.help or "")
    groups = list(grouped(command, ctx))
    summary = command.get_short_help_str(200)
    name = ctx.command_path
    lines = [
        f'.TH "{_escaped(page.upper())}" "1" "" "streamx {__version__}" "streamx"',
        ".SH NAME",
        rf"{_escaped(page)} \- {_escaped(summary[0].lower() + summary[1:].rstrip('.'))}",
        ".SH SYNOPSIS",
        rf"\fB{_escaped(name)}\fR {_escaped(' '.join(command.collect_usage_pieces(ctx)))}",
        ".SH DESCRIPTION",
        *described,
        ".SH OPTIONS",
    ]
    for title, options in groups:
        lines += [f'.SS "{title}"'] if len(groups) > 1 else []
        for written, help in records_of(options, ctx):
            lines += [".TP", _option(written), _escaped(re.sub(r"\s+", " ", help))]
    if examples:
        lines += [".SH EXAMPLES", ".nf", *examples, ".fi"]
    return "\n".join([*lines, *rest]) + "\n"


def _commands(commands: dict[str, click.Command]) -> Iterator[str]:
    yield ".SH COMMANDS"
    for name, command in commands.items():
        yield from (".TP", rf"\fB{_escaped(f'streamx-{name}')}\fR(1)")
        yield _escaped(command.get_short_help_str(200))


def _tables() -> Iterator[str]:
    """Give what README has in tables, for all commands."""
    for title, head in (
        ("EXIT STATUS", "code | meaning"),
        ("ENVIRONMENT", "variable | stands for"),
    ):
        yield f".SH {title}"
        table = README.split(f"| {head} |\n|---|---|\n")[1].split("\n\n")[0]
        for row in table.splitlines():
            left, right = row.strip("| ").split(" | ", 1)
            yield from (".TP", _markdown(left), _markdown(right))


def _see(names: list[str]) -> list[str]:
    return [".SH SEE ALSO", ", ".join(rf"\fB{_escaped(name)}\fR(1)" for name in names)]


def _described(help: str) -> tuple[list[str], list[str]]:
    """Return a help text as lines of a page, and apart from them those of its examples."""
    described: list[str] = []
    examples: list[str] = []
    for paragraph in inspect.cleandoc(help).split("\n\n"):
        if not paragraph.startswith("\b"):
            described += [".PP", _escaped(" ".join(paragraph.split()))]
            continue
        lines = paragraph.splitlines()[1:]
        title = lines.pop(0) if lines[0].endswith(":") else ""
        set_apart = [_escaped(line.removeprefix("  ")) for line in lines]
        if not title or title.startswith("Example"):
            examples += ["", *set_apart] if examples else set_apart
        else:
            described += [".PP", _escaped(title), ".RS 4", ".nf", *set_apart, ".fi", ".RE"]
    return described, examples


def _option(written: str) -> str:
    """Set what is typed as it stands in bold, and what stands for something else in italics."""
    words = []
    for word in written.split(" "):
        font = "B" if word.startswith("-") else "R" if word[:1] in "[/" else "I"
        words.append(rf"\f{font}{_escaped(word)}\fR")
    return " ".join(words)


def _markdown(text: str) -> str:
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text)
    return re.sub(r"`([^`]*)`", r"\\fB\1\\fR", _escaped(text))


def _escaped(text: str) -> str:
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{text}" if text.startswith((".", "'")) else text


def main() -> None:
    """Write the pages, in place of all that were there."""
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    for old in directory.glob("*.1"):
        old.unlink()
    for name, text in pages():
        (directory / f"{name}.1").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
