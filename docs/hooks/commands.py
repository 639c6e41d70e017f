"""Writes a page for each command, of the text that --help and the man pages have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from streamx.cli.help_pages import HelpPage, Paragraph, help_pages

DIRECTORY = "reference/commands"
# The entry of mkdocs.yml's nav below which the pages stand.
ENTRY = "Commands"
_CODE = re.compile(r"`([^`]+)`|(?<![\w-])(--?[a-z][\w-]*)")


def on_config(config: MkDocsConfig) -> None:
    """Name the pages in the navigation."""
    for entries in _named(ENTRY, config.nav):
        entries.extend({page.path: _uri(page)} for page in help_pages())


def on_files(files: Files, *, config: MkDocsConfig) -> None:
    """Add the pages."""
    root, *commands = help_pages()
    contents = {root: [*_page(root), *_commands(commands)]}
    contents |= {command: [*_page(command)] for command in commands}
    for page, lines in contents.items():
        files.append(File.generated(config, _uri(page), content="\n".join(lines)))


def _named(title: str, nav: Any) -> Iterator[list[Any]]:
    """Give what stands below a title, wherever that is in a navigation."""
    if isinstance(nav, dict):
        for name, entries in nav.items():
            if name == title:
                yield entries
            else:
                yield from _named(title, entries)
    elif isinstance(nav, list):
        for entry in nav:
            yield from _named(title, entry)


def _uri(page: HelpPage) -> str:
    return f"{DIRECTORY}/{page.name}.md"


def _page(page: HelpPage) -> Iterator[str]:
    yield from (f"# {page.path}", "")
    yield from ("```text", f"{page.path} {page.usage}", "```", "")
    for paragraph in page.description:
        yield from _paragraph(paragraph)
    if page.examples:
        yield from ("## Examples", "", "```sh", *page.examples, "```", "")
    for title, options in page.groups:
        yield from (f"## {title if len(page.groups) > 1 else 'Options'}", "")
        yield '<dl class="options">'
        for written, help in options:
            yield f'<dt id="{_name(written)}"><code>{escape(written)}</code></dt>'
            yield f"<dd>{_html(help)}</dd>"
        yield from ("</dl>", "")


def _commands(commands: list[HelpPage]) -> Iterator[str]:
    yield from ("## Commands", "", "| command | what it does |", "|---|---|")
    for command in commands:
        yield f"| [`{command.path}`]({command.name}.md) | {command.summary} |"
    yield from ("", "[Exit codes](../exit-codes.md) and the variables of the environment, which")
    yield "[Shell and environment](../../guide/comfort.md) has, are the same for all of them."


def _name(written: str) -> str:
    """Return the long name of an option, for links to lead to: `--where`."""
    names = [word.rstrip(",") for word in written.split() if word.startswith("-")]
    return next((name for name in names if name.startswith("--")), names[0])


def _html(text: str) -> str:
    """Return running text, in which options and what stands in backticks are code."""
    escaped = escape(text, quote=False)
    return _CODE.sub(lambda match: f"<code>{match[1] or match[2]}</code>", escaped)


def _paragraph(paragraph: Paragraph) -> Iterator[str]:
    yield from (f"<p>{_html(paragraph.text)}</p>", "")
    if paragraph.set_apart:
        yield from ("```text", *paragraph.set_apart, "```", "")
