"""Every console block of README does what it shows, and CI runs the set-up commands as written."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, TIMEOUT_SECONDS
from console_blocks import blocks, check_console_blocks, make_workspace, sections

README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTIONS = sections(README)


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the sample data and a `streamx` on its path."""
    return make_workspace(tmp_path_factory.mktemp("readme"))


@pytest.mark.parametrize("heading", SECTIONS)
def test_console_blocks_show_what_happens(heading: str, workspace: Path) -> None:
    check_console_blocks(SECTIONS[heading], workspace)


def test_the_set_up_is_two_commands_of_one_line_each() -> None:
    assert [len(block.splitlines()) for block in blocks(README, "sh")] == [1, 1]


def test_every_option_is_documented_by_the_help(workspace: Path) -> None:
    command, text = workspace / "bin" / "streamx", ""
    for arguments in (
        ["--help"],
        ["transform", "--help"],
        ["schema", "--help"],
        ["retry", "--help"],
    ):
        text += subprocess.check_output([command, *arguments], text=True)
    for option in set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README)) - {"--help", "--quiet"}:
        assert option in text or option == "--upgrade", f"README names {option}"


@pytest.mark.parametrize(
    ("example", "printed"),
    list(zip(blocks(README, "python"), (b"4000 ", b"3972 caller\n"), strict=True)),
)
def test_a_python_example_runs(example: str, printed: bytes, workspace: Path) -> None:
    shutil.copy(workspace / "sample_data" / "flights.csv", workspace / "in.csv")
    result = subprocess.run(
        [sys.executable, "-c", example],
        cwd=workspace,
        capture_output=True,
        timeout=TIMEOUT_SECONDS,
        check=True,
    )
    assert result.stdout.startswith(printed)
