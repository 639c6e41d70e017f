"""Cells that a spreadsheet would compute get an apostrophe on request, whatever way they came."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamx import Apply, Rename, Set, transform
from streamx.codec.layout import CsvFormat
from streamx.codec.reference.emit import CsvWriter
from streamx.errors import UsageError

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]

FORMULAS = ["=1+1", "+1-1", "-a1", "@SUM(a1)", "\tx", "\rx", "=", "+", "-", "-5+1", "+1.5.2", "-1e"]
HARMLESS = ["", "x", "'=1", " =1", "-5", "+1.5", "-.5", "-5.", "-1e-7", "+2E+10", "0", "a=b"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def texts_in(path: str) -> list[list[str]]:
    with open(path, newline="") as file:
        return list(csv.reader(file))


def escaped(source: str, **options: Any) -> list[list[str]]:
    transform(source, "out.csv", escape_formulas=True, **options)
    return texts_in("out.csv")


EXPECTED = [["a", "b"], *(["'" + text, "1"] for text in FORMULAS), *([t, "1"] for t in HARMLESS)]


@pytest.fixture
def table() -> str:
    with open("in.csv", "w", newline="") as file:
        csv.writer(file).writerows([("a", "b"), *((text, 1) for text in FORMULAS + HARMLESS)])
    return "in.csv"


@pytest.fixture
def lines() -> str:
    lines = (json.dumps({"a": text, "b": 1}) + "\n" for text in FORMULAS + HARMLESS)
    Path("in.jsonl").write_text("".join(lines))
    return "in.jsonl"


def test_formulas_are_unchanged_by_default(table: str) -> None:
    transform(table, "out.csv")
    assert texts_in("out.csv") == texts_in(table)


def test_cells_of_csv_are_escaped_and_numbers_are_not(table: str) -> None:
    assert escaped(table) == EXPECTED


def test_values_of_jsonl_are_escaped_and_numbers_are_not(lines: str) -> None:
    assert escaped(lines) == EXPECTED


def passed_on(record: dict[str, Any]) -> dict[str, Any]:
    return record


def made_anew(record: dict[str, Any]) -> dict[str, Any]:
    return {"a": record["a"], "b": record["b"]}


@pytest.mark.parametrize("function", [passed_on, made_anew])
@pytest.mark.parametrize("source", ["table", "lines"])
def test_results_of_functions_are_escaped(
    source: str, function: Callable[..., Any], request: pytest.FixtureRequest
) -> None:
    assert escaped(request.getfixturevalue(source), operations=[Apply(function)]) == EXPECTED


def test_computed_cells_are_escaped_and_numbers_are_not(table: str) -> None:
    rows = escaped(table, operations=[Set("c", "'=' + str(b)"), Set("d", "-b")])
    assert rows[1][2:] == ["'=1", "-1"]


@pytest.mark.parametrize("operations", [[], [Rename("b", "@b")], [Set("=c", "1")]])
def test_names_in_the_header_are_escaped(operations: list[Any]) -> None:
    Path("in.csv").write_text("=a,@b\n1,2\n" if not operations else "=a,b\n1,2\n")
    header = escaped("in.csv", operations=operations)[0]
    assert header[0] == "'=a"
    assert all(name == "b" or name.startswith("'") for name in header)


def test_a_column_that_a_function_adds_has_an_escaped_name(table: str) -> None:
    def add(record: dict[str, Any]) -> dict[str, Any]:
        return {**record, "=new": 1}

    assert escaped(table, operations=[add])[0] == ["a", "b", "'=new"]


@settings(max_examples=100, deadline=None)
@given(
    text=st.text(st.sampled_from("=+-@\t\r\n1.eE5,\"|' x")),
    delimiter=st.sampled_from([b",", b"\t", b"-", b"="]),
    quote=st.sampled_from([b'"', b"|", b"@"]),
)
def test_an_escaped_cell_reads_back_as_the_text_or_with_an_apostrophe(
    text: str, delimiter: bytes, quote: bytes
) -> None:
    format = CsvFormat(delimiter, quote, escapes_formulas=True)
    written = CsvWriter(format).cells([text.encode()])[0].decode()
    record = io.StringIO(f"{written}{delimiter.decode()}\n", newline="")
    (cells,) = csv.reader(record, delimiter=delimiter.decode(), quotechar=quote.decode())
    try:
        float(text)
        is_number = text == text.strip()
    except ValueError:
        is_number = False
    expected = "'" + text if text[:1] in tuple("=+-@\t\r") and not is_number else text
    assert cells == [expected, ""]


def test_a_dialect_that_uses_apostrophes_is_refused() -> None:
    with pytest.raises(UsageError, match="choose another --output-delimiter and another --quote"):
        transform("in.csv", "out.csv", escape_formulas=True, quote="'")


def test_escaping_needs_csv_output() -> None:
    with pytest.raises(UsageError, match="--escape-formulas needs CSV or TSV output"):
        transform("in.csv", "out.jsonl", escape_formulas=True)


def test_a_long_text_of_digits_is_judged_in_no_time(streamx: Run) -> None:
    Path("in.csv").write_text("a\n-" + "1" * 1_000_000 + "x\n")
    for codec in ("native", "reference"):
        result = streamx(
            "transform", "in.csv", "-", "--to", "csv", "--escape-formulas",
            env={"STREAMX_CODEC": codec},
        )  # fmt: skip
        assert result.stdout.startswith(b"a\n'-1")
