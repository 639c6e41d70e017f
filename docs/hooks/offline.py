"""Ends the build where a page would load something from elsewhere: the site is read in private."""

from __future__ import annotations

import re

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.pages import Page

_LOADED = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"?((?:https?:)?//[^\s\">]+)"
    r"|<link\b(?![^>]*\brel=\"?(?:canonical|prev|next)\b)[^>]*\bhref=\"?((?:https?:)?//[^\s\">]+)"
)


def on_post_page(output: str, *, page: Page, config: MkDocsConfig) -> None:
    """Look at one page as it is written."""
    found = _LOADED.search(output)
    if found:
        raise PluginError(f"{page.file.src_uri} loads {found[1] or found[2]}; put it into docs/")
