"""Man pages say what --help says, and groff takes them without a warning."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from conftest import ROOT

from streamx.cli.grouped_help import GROUPS

MAN = ROOT / "man"


def test_the_man_pages_are_those_that_are_written_now(tmp_path: Path) -> None:
    subprocess.run([sys.executable, MAN / "write.py", tmp_path], check=True, cwd=tmp_path)
    written = {path.name: path.read_text() for path in tmp_path.glob("*.1")}
    kept = {path.name: path.read_text() for path in MAN.glob("*.1")}
    assert kept == written, "run python man/write.py"


def test_the_page_of_transform_shows_the_groups_of_its_options() -> None:
    page = (MAN / "streamx-transform.1").read_text()
    titles = [line[5:-1] for line in page.splitlines() if line.startswith(".SS ")]
    assert titles[: len(GROUPS)] == list(GROUPS)


def test_groff_takes_each_page_without_a_warning() -> None:
    if shutil.which("groff") is None:
        return
    command = ["groff", "-man", "-Tutf8", "-ww", "-z", *sorted(MAN.glob("*.1"))]
    result = subprocess.run(command, capture_output=True, check=True)
    assert result.stderr == b""
