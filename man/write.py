"""Writes the man pages: what --help says of each command, in groff's macros (man(7)).

python man/write.py [DIRECTORY] writes them there, or beside this file.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from streamx import __version__
from streamx.cli.help_pages import HelpPage, Paragraph, help_pages

HERE = Path(__file__).resolve().parent
README = (HERE.parent / "README.md").read_text(encoding="utf-8")


def pages() -> Iterator[tuple[str, str]]:
    """Give the name and the text of each page."""
    root, *commands = help_pages()
    others = [command.name for command in commands]
    yield root.name, _page(root, [*_commands(commands), *_tables(), *_see(others)])
    for command in commands:
        rest = _see([root.name, *(each for each in others if each != command.name)])
        yield command.name, _page(command, rest)


def _page(page: HelpPage, rest: list[str]) -> str:
    lines = [
        f'.TH "{_escaped(page.name.upper())}" "1" "" "streamx {__version__}" "streamx"',
        ".SH NAME",
        rf"{_escaped(page.name)} \- {_escaped(_continued(page.summary))}",
        ".SH SYNOPSIS",
        rf"\fB{_escaped(page.path)}\fR {_escaped(page.usage)}",
        ".SH DESCRIPTION",
        *(line for paragraph in page.description for line in _paragraph(paragraph)),
        ".SH OPTIONS",
    ]
    for title, options in page.groups:
        lines += [f'.SS "{title}"'] if len(page.groups) > 1 else []
        for written, help in options:
            lines += [".TP", _option(written), _escaped(help)]
    if page.examples:
        lines += [".SH EXAMPLES", ".nf", *map(_escaped, page.examples), ".fi"]
    return "\n".join([*lines, *rest]) + "\n"


def _paragraph(paragraph: Paragraph) -> Iterator[str]:
    yield from (".PP", _escaped(paragraph.text))
    if paragraph.set_apart:
        yield from (".RS 4", ".nf", *map(_escaped, paragraph.set_apart), ".fi", ".RE")


def _continued(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:].rstrip(".")


def _commands(commands: list[HelpPage]) -> Iterator[str]:
    yield ".SH COMMANDS"
    for command in commands:
        yield from (".TP", rf"\fB{_escaped(command.name)}\fR(1)")
        yield _escaped(command.summary)


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
