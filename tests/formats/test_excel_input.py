"""A sheet's rows are records, with the values that its cells show."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Run
from formats.spreadsheets import Cell, write_xlsx

ROWS: list[list[Cell]] = [
    ["id", "when", "x", "x", None],
    [1, (45000, "date"), 1.5, True, "#DIV/0!"],
    [None, None, None, None, None],
    [2**53, (45000.5, "moment"), (0.25, "time"), (1.5, "duration"), None],
    ["007", None, 1e20, False, "a\nb"],
]


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.xlsx"
    write_xlsx(path, {"First": ROWS, "Über & co": [["a"], [1]], "3": [["b"], [2]]})
    return path


def test_cells_have_the_values_of_their_types(streamx: Run, book: Path) -> None:
    result = streamx("transform", book, "-", "--to", "jsonl")
    assert result.returncode == 0
    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        {"id": 1, "when": "2023-03-15", "x": 1.5, "x_2": True, "column_5": None},
        {
            "id": 2**53,
            "when": "2023-03-15T12:00:00",
            "x": "06:00:00",
            "x_2": "PT129600S",
            "column_5": None,
        },
        {"id": "007", "when": None, "x": 1e20, "x_2": False, "column_5": "a\nb"},
    ]
    assert b'"id":1,' in result.stdout
    assert result.stderr.decode().splitlines() == [
        f"streamx: warning: {book}: columns 3 and 4 are both named 'x'; column 4 is called 'x_2'",
        f"streamx: warning: {book}: column 5 has no name in the header and is called 'column_5'",
    ]


@pytest.mark.parametrize(
    ("sheet", "output"),
    [("Über & co", b"a\n1\n"), ("2", b"a\n1\n"), ("3", b"b\n2\n")],
)
def test_a_sheet_is_chosen_by_name_or_else_by_number(
    streamx: Run, book: Path, sheet: str, output: bytes
) -> None:
    result = streamx("transform", book, "-", "--to", "csv", "--sheet", sheet)
    assert (result.returncode, result.stdout) == (0, output)


def test_a_sheet_that_there_is_not_is_answered_with_those_there_are(
    streamx: Run, book: Path
) -> None:
    result = streamx("transform", book, "-", "--to", "csv", "--sheet", "Frist")
    assert result.returncode == 2
    assert result.stderr.decode() == (
        f"streamx: error: --sheet Frist: {book} has no such sheet; did you mean 'First'? "
        "It has 'First', 'Über & co', '3'\n"
    )
    result = streamx("transform", book, "-", "--to", "csv", "--sheet", "9")
    assert b"has no such sheet. It has 'First'" in result.stderr


def test_rows_can_be_passed_over_and_need_no_header(streamx: Run, book: Path) -> None:
    options = ("--skip-lines", "3", "--no-header", "--select", "column_1,column_5")
    result = streamx("transform", book, "-", "--to", "csv", *options)
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout == b'9007199254740992,\n007,"a\nb"\n'


def test_a_sheet_without_rows_has_no_records(streamx: Run, tmp_path: Path) -> None:
    write_xlsx(tmp_path / "in.xlsx", {"Empty": []})
    result = streamx("transform", "in.xlsx", "-", "--to", "jsonl")
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")


def test_many_rows_come_in_their_order(streamx: Run, tmp_path: Path) -> None:
    rows: list[list[Cell]] = [["n"], *[[each] for each in range(1, 2501)]]
    write_xlsx(tmp_path / "in.xlsx", {"One": rows})
    result = streamx("transform", "in.xlsx", "-", "--to", "csv")
    assert result.stdout.split() == [b"n", *(b"%d" % each for each in range(1, 2501))]


def test_a_sheet_that_would_not_fit_is_refused(streamx: Run, tmp_path: Path) -> None:
    write_xlsx(tmp_path / "in.xlsx", {"One": [["a"], ["x" * 90_000_000]]})
    result = streamx("transform", "in.xlsx", "-", "--to", "csv", "--max-memory", "80M")
    assert result.returncode == 2
    assert result.stderr == (
        b"streamx: error: in.xlsx holds 85 MiB, and a sheet is held as a whole; "
        b"--max-memory 80M is too little\n"
    )


def test_what_is_no_spreadsheet_is_refused(streamx: Run, tmp_path: Path) -> None:
    (tmp_path / "in.xlsx").write_bytes(b"a,b\n1,2\n")
    result = streamx("transform", "in.xlsx", "-", "--to", "csv")
    assert result.returncode == 1
    assert result.stderr.startswith(b"streamx: error: cannot read in.xlsx: ")
    assert result.stderr.endswith(b"; expected .xlsx, .xlsb, .xls or .ods\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("in.csv", "out.xlsx"), "Excel is only read, not written; name another output or --to"),
        (("in.csv", "out.jsonl", "--sheet", "1"), "--sheet needs Excel input"),
        (("in.xlsx", "out.jsonl", "--encoding", "latin-1"), "--encoding needs CSV, TSV or JSONL"),
    ],
)
def test_what_cannot_be_done_with_excel_is_refused(
    streamx: Run, arguments: tuple[str, ...], message: str
) -> None:
    result = streamx("transform", *arguments)
    assert result.returncode == 2
    assert message in result.stderr.decode()
