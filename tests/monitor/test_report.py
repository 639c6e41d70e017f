"""Totals add up chunks in any order, and a line for the user never ends a run."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys

import pytest
from codec.conversions import CSV, JSONL, layout_of

from streamx.chunk import ChunkResult, Failure, Notice, Place
from streamx.codec.layout import MOST_NAMED_KEYS, ColumnType
from streamx.flow import FlowSnapshot
from streamx.monitor.report import Totals
from streamx.transform.plan import Plan

PLAN = Plan(layout_of(CSV, JSONL, ["a", "b c"], ColumnType.INTEGER, ColumnType.NUMBER))


def notice(line: int, count: int = 1) -> Notice:
    return Notice(count, Place(line, 10 * line), f"'in line {line}'")


def totals_of(*results: ChunkResult) -> Totals:
    totals = Totals("in.csv", PLAN)
    for result in results:
        assert totals.add(result) is None
    return totals


def test_counts_add_up() -> None:
    totals = totals_of(
        ChunkResult(0, records_in=3, records_out=2, blank_lines=1), ChunkResult(1, records_in=4)
    )
    assert (totals.records_in, totals.records_out, totals.blank_lines) == (7, 2, 1)
    assert totals.warnings() == []


def test_dropped_records_are_read_ones_that_are_missing_from_the_output() -> None:
    totals = totals_of(ChunkResult(0, records_in=3, records_out=2, retries=4))
    totals.drop(1_000, Place(90, 900))
    totals.drop(0, Place(1, 10))
    totals.drop(5, Place(40, 400))
    totals.add(ChunkResult(1, retries=1))
    counts = totals.counts()
    assert (counts.records_in, counts.records_out, counts.records_dropped) == (1_008, 2, 1_005)
    assert counts.retries == 5
    (warning,) = totals.warnings()
    assert warning.startswith("in.csv: 1,005 records dropped, first in line 40: they came faster")
    report = totals.report(FlowSnapshot(), ())
    assert (report.records_in, report.records_dropped, report.exit_code) == (1_008, 1_005, 3)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_first_place_of_a_notice_wins_in_whatever_order_chunks_come(order: tuple[int, ...]) -> None:
    results = [
        ChunkResult(
            0, misfits={"a": notice(5, 2)}, dropped_values=1, dropped_keys={"k": Place(9, 90)}
        ),
        ChunkResult(1, misfits={"a": notice(50)}, dropped_values=1_000),
        ChunkResult(2, misfits={"a": notice(500, 3)}),
    ]
    totals = totals_of(*(results[index] for index in order))
    assert totals.misfits == {"a": Notice(6, Place(5, 50), "'in line 5'")}
    misfit, dropped = totals.warnings()
    assert misfit.startswith(
        "in.csv: 6 cells in column a did not fit its type integer and became strings, "
        "first 'in line 5' in line 5; "
    )
    assert "1,001 values left out" in dropped
    assert "'k' (first in line 9)" in dropped


def test_warning_quotes_the_option_for_the_shell() -> None:
    (warning,) = totals_of(ChunkResult(0, misfits={"b c": notice(2)})).warnings()
    assert "1 cell in column b c did not fit its type number" in warning
    assert "pin the type with --type 'b c=string'" in warning


def test_no_more_dropped_keys_than_a_few_are_named_and_every_value_is_counted() -> None:
    results = [
        ChunkResult(
            index,
            dropped_values=27,
            dropped_keys={f"{letter}{n}": Place(n + 1, n) for n in range(MOST_NAMED_KEYS + 1)},
        )
        for index, letter in enumerate("xyz")
    ]
    (warning,) = totals_of(*results).warnings()
    assert "81 values left out" in warning
    assert warning.count("first in line") == MOST_NAMED_KEYS
    assert "'x19' (first in line 20) and others; " in warning


def test_failure_becomes_the_error_of_its_place() -> None:
    failure = Failure(Place(3, 8), "1 cell", "2 cells")
    error = Totals("in.csv", PLAN).add(ChunkResult(0, records_in=1, failure=failure))
    assert str(error) == "in.csv, line 3 (byte 8): 1 cell; expected 2 cells"


WRITE_LINE = """
import sys
from streamx.monitor.stderr import write_line
write_line("a line")
write_line("not UTF-8: \\udcff")
"""


@pytest.mark.parametrize("before", ["", "sys.stderr = None", "import os; os.closerange(2, 3)"])
@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-", "2>/dev/null", "2</dev/null"])
def test_line_never_fails_whatever_standard_error_is(before: str, redirection: str) -> None:
    script = WRITE_LINE.replace("import sys", f"import sys\n{before}")
    result = subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, "-c", script],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stdout) == (0, b"")


def test_line_never_fails_when_the_reader_of_standard_error_has_gone() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    command = [sys.executable, "-c", WRITE_LINE]
    assert subprocess.run(command, stderr=write_end, timeout=60, check=False).returncode == 0
    os.close(write_end)


def test_line_comes_out_with_the_bytes_that_it_was_made_of() -> None:
    command = [sys.executable, "-c", WRITE_LINE]
    result = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert result.stderr == b"a line\nnot UTF-8: \xff\n"
