"""The table of faults names tests that are there, so that it cannot rot."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import ROOT

TESTS = ROOT / "tests"
TABLE = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TABLE.splitlines()
    if line.startswith("| ")
][1:]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_fault_is_shown_by_tests_that_exist(row: list[str]) -> None:
    _, outcome, shown_by = row
    places = re.findall(r"`([^`]+)`", shown_by)
    assert outcome
    assert places, "a fault that nothing shows belongs to what is to come"
    for place in places:
        file, _, name = place.partition("::")
        if name:
            assert re.search(rf"^(async )?def {name}\(", (TESTS / file).read_text(), re.MULTILINE)
        else:
            assert (TESTS / file / "cmd").is_file()


def test_the_table_has_rows() -> None:
    assert len(ROWS) > 30
