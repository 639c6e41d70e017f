"""Every console block in docs does what it shows, and each section of README is in a page."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, SAMPLE_DATA
from console_blocks import blocks, check_page, make_workspace

DOCS = ROOT / "docs"
TEXTS = {
    str(path.relative_to(DOCS)): path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md")
}
IN_STORAGE = "recipes/storage.md"
PAGES = sorted(
    page for page, text in TEXTS.items() if blocks(text, "console") and page != IN_STORAGE
)


@pytest.mark.parametrize("page", PAGES)
def test_console_blocks_of_a_page_show_what_happens(page: str, tmp_path: Path) -> None:
    check_page(TEXTS[page], make_workspace(tmp_path))


def test_console_blocks_over_storage_show_what_happens(s3_server: Any, tmp_path: Path) -> None:
    from storage.s3_server import environment  # takes long to import

    s3_server.put("flights.csv.gz", gzip.compress((SAMPLE_DATA / "flights.csv").read_bytes()))
    check_page(TEXTS[IN_STORAGE], make_workspace(tmp_path), environment(s3_server.url))
    s3_server.clear()


def test_no_page_shows_python_that_nobody_runs() -> None:
    """It is a program of examples/flow, or has a title and is called by the commands behind it."""
    assert [page for page, text in TEXTS.items() if blocks(text, "python")] == []


def test_each_section_of_readme_is_included_by_a_page() -> None:
    readme = re.sub(r"^```.*?^```$", "", (ROOT / "README.md").read_text(), flags=re.M | re.S)
    recipes = readme.partition("\n## Recipes\n")[2].partition("\n## ")[0]
    headings = {*re.findall(r"^## (.*)$", readme, re.M), *re.findall(r"^### (.*)$", recipes, re.M)}
    expected = {heading.lower().replace(" ", "-") for heading in headings - {"Recipes"}}
    included = set(re.findall(r"README\.md#([\w-]+)\)$", "\n".join(TEXTS.values()), re.M))
    assert expected <= included
