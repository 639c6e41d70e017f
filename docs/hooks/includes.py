"""Lets a page include what stands elsewhere in the repository, so that nothing is said twice.

A line of its own that begins with `include` and a link is replaced:

    include [Bad records](../../README.md#bad-records)     what stands below that heading
    include [Changelog](../CHANGELOG.md)                   a whole file
    include [An example](../../examples/flow/stage.py)     a program, and what it says it prints

Where the sources are looked at, the line is a link that works. Links in what is included lead to
the pages that include what they mean; one that leads nowhere in the site ends the build.
"""

from __future__ import annotations

import ast
import os
import posixpath
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.livereload import LiveReloadServer
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
DOCS = "docs"

_INCLUDE = re.compile(r"^include \[[^\]]*\]\(([^)#]+)(?:#([^)]+))?\)$", re.MULTILINE)
# Code is passed over, so that what looks like a link in it stays.
_CODE_OR_LINK = re.compile(r"`[^`]*`|(?<=\]\()([^)\s]+)(?=\))")
_FENCE = re.compile(r"^ *```")
_HEADING = re.compile(r"^(#+) (.*)$")

# Where in the site stands what has this place in the repository: README.md#types, for one.
_places: dict[str, str] = {}


def on_files(files: Files, *, config: MkDocsConfig) -> None:
    """Learn which page includes what."""
    _places.clear()
    for file in files.documentation_pages():
        page = file.src_uri
        _places[posixpath.join(DOCS, page)] = page
        for match in _INCLUDE.finditer(file.content_string):
            path, anchor = _source(match, page)
            _places[f"{path}#{anchor}" if anchor else path] = page
            if path.endswith(".md"):
                for slug in _slugs(_section(path, anchor)):
                    _places.setdefault(f"{path}#{slug}", f"{page}#{slug}")


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put what is included in the place of the lines that say so."""

    def included(match: re.Match[str]) -> str:
        path, anchor = _source(match, page.file.src_uri)
        if path.endswith(".py"):
            return _program(path)
        return _with_links(_section(path, anchor), path, page.file.src_uri)

    return _INCLUDE.sub(included, markdown)


def on_serve(
    server: LiveReloadServer, *, config: MkDocsConfig, builder: Callable[..., None]
) -> None:
    """Build again when something changes that may be included."""
    for path in ("README.md", "ARCHITECTURE.md", "CHANGELOG.md", "benchmarks", "examples"):
        server.watch(os.fspath(ROOT / path))


def _source(match: re.Match[str], page: str) -> tuple[str, str]:
    """Return the path, from the root of the repository, and the anchor that are included."""
    path = posixpath.normpath(posixpath.join(DOCS, posixpath.dirname(page), match[1]))
    if not (ROOT / path).is_file():
        raise PluginError(f"{page} includes {path}, and there is no such file")
    return path, match[2] or ""


def _section(path: str, anchor: str) -> list[str]:
    """Return the lines below a heading, as if it were a page's title; without one all of a file."""
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    if not anchor:
        return lines
    found: list[str] = []
    level = 0
    for line, heading in _headings(lines):
        if level and heading and len(heading[1]) <= level:
            break
        if level:
            found.append(line[level - 1 :] if heading else line)
        elif heading and _slug(heading[2]) == anchor:
            level = len(heading[1])
    if not level:
        raise PluginError(f"{path} has no heading #{anchor}, which is included")
    return found


def _headings(lines: list[str]) -> Iterator[tuple[str, re.Match[str] | None]]:
    """Give each line, and with it whether it is a heading; lines of code are none."""
    is_code = False
    for line in lines:
        is_code ^= bool(_FENCE.match(line))
        yield line, None if is_code else _HEADING.match(line)


def _slugs(lines: list[str]) -> Iterator[str]:
    for _, heading in _headings(lines):
        if heading:
            yield _slug(heading[2])


def _slug(heading: str) -> str:
    """Return the anchor that a heading gets, here and where repositories are shown."""
    return re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())


def _with_links(lines: list[str], path: str, page: str) -> str:
    """Return lines of a file for a page, with links that lead to where the site has it."""

    def link(match: re.Match[str]) -> str:
        target = match[1]
        if target is None or re.match(r"[a-z]+:", target):
            return match[0]
        return _relative(_place(target, path), page)

    is_code = False
    written = []
    for line in lines:
        is_code ^= bool(_FENCE.match(line))
        written.append(line if is_code else _CODE_OR_LINK.sub(link, line))
    return "\n".join(written)


def _place(target: str, path: str) -> str:
    """Return where the site has what a link in a file of the repository means."""
    name, hash, anchor = target.partition("#")
    meant = posixpath.normpath(posixpath.join(posixpath.dirname(path), name)) if name else path
    place = _places.get(meant + hash + anchor)
    if place is None and meant.startswith(f"{DOCS}/"):
        place = target.removeprefix(f"{DOCS}/")
    if place is None:
        raise PluginError(f"{path} links to {target}, which no page includes")
    return place


def _relative(place: str, page: str) -> str:
    name, hash, anchor = place.partition("#")
    if name == page and anchor:
        return f"#{anchor}"
    return posixpath.relpath(name, posixpath.dirname(page) or ".") + hash + anchor


def _program(path: str) -> str:
    """Return a program without its first lines, and below it what they say that it prints."""
    text = (ROOT / path).read_text(encoding="utf-8")
    documentation = ast.get_docstring(ast.parse(text)) or ""
    code = text.split('"""', 2)[2].strip()
    printed = textwrap.dedent(documentation.partition("It prints:\n\n")[2])
    return f"```python\n{code}\n```\n\nIt prints:\n\n```text\n{printed}\n```"
