"""Each example prints what its first lines say, and README's table leads to every one of them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from conftest import ROOT, TIMEOUT_SECONDS

EXAMPLES = sorted((ROOT / "examples" / "flow").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_prints_what_it_says(path: Path) -> None:
    documentation = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert documentation is not None
    shown = textwrap.dedent(documentation.partition("It prints:\n\n")[2])
    result = subprocess.run(
        [sys.executable, path], capture_output=True, timeout=TIMEOUT_SECONDS, check=False
    )
    assert result.stderr.decode() == ""
    assert result.stdout.decode() == f"{shown}\n"


def test_the_table_of_patterns_links_to_every_example() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    linked = re.findall(r"\]\((examples/flow/\w+\.py)\)", readme)
    assert sorted(linked) == [str(path.relative_to(ROOT)) for path in EXAMPLES]
