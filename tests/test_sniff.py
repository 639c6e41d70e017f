"""What is sniffed is right for nearly all dialects, said, and the same as if it had been named."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from conftest import SAMPLE_DATA, STREAMX, benchmark
from hypothesis import given, settings
from hypothesis import strategies as st

from streamx import Report, schema, transform
from streamx.codec.dialect import sniff
from streamx.errors import InputError, StreamxError, UsageError
from streamx.read.encodings import sniff_encoding

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]

GERMAN = "Umsatz\nTag;Betrag;Stadt\n2024-03-01;1,50;Köln\n2024-03-02;2,75;'a;b'\n"
FOUND = (
    "found delimiter ';', quote \"'\", header, 1 line before, cp1252; "
    "pin it with --delimiter ';' --quote ''\"'\"'' --skip-lines 1 --encoding cp1252"
)


@pytest.fixture(scope="module")
def inputs() -> ModuleType:
    """The generator of dialects."""
    return benchmark("dialect_inputs")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.csv").write_bytes(GERMAN.encode("cp1252"))
    return tmp_path


def sniffed(output: str, input: str = "in.csv", **options: Any) -> tuple[bytes, Report]:
    report = transform(input, output, sniff=True, **options)
    return Path(output).read_bytes(), report


def is_read_right(sample: Any) -> bool:
    """Tell whether a run that sniffs writes the cells and the names that a sample was made of."""
    Path("sample.csv").write_bytes(sample.data)
    try:
        output, _ = sniffed("sample.jsonl", "sample.csv", types="string", fsync=False)
    except StreamxError:
        return False
    records = [json.loads(line) for line in output.splitlines()]
    names = [f"column_{number}" for number in range(1, len(sample.records[0]) + 1)]
    expected = list(sample.records)
    if sample.has_header:
        given = expected.pop(0)
        names = [name or made for name, made in zip(given, names, strict=True)]
    cells = [list(record.values()) for record in records]
    return cells == expected and all(list(record) == names for record in records)


def test_at_least_95_of_100_generated_dialects_are_read_right(inputs: ModuleType) -> None:
    seeds = range(144)  # each pair of delimiter and encoding three times
    wrong = [seed for seed in seeds if not is_read_right(inputs.sample(seed))]
    right = len(seeds) - len(wrong)
    print(f"{right} of {len(seeds)} are read right, not {wrong}")  # noqa: T201  # shown by pytest -rP
    assert len(wrong) <= len(seeds) * 5 // 100


@pytest.mark.parametrize("path", sorted(SAMPLE_DATA.glob("*.csv")), ids=lambda path: path.name)
def test_sample_data_are_read_as_by_default(path: Path) -> None:
    transform(path, "by_default.jsonl")
    output, report = sniffed("sniffed.jsonl", os.fspath(path))
    assert output == Path("by_default.jsonl").read_bytes()
    found = f"{path}: found delimiter ',', header, UTF-8; no option is needed for that"
    assert report.warnings[0] == found


def test_what_is_found_is_noted_with_the_options_that_pin_it(streamx: Run) -> None:
    result = streamx("transform", "in.csv", "--to", "jsonl", "--sniff")
    assert result.stderr.decode() == f"streamx: note: in.csv: {FOUND}\n"
    assert result.returncode == 0
    pins = ("--delimiter", ";", "--quote", "'", "--skip-lines", "1", "--encoding", "cp1252")
    pinned = streamx("transform", "in.csv", "--to", "jsonl", *pins)
    assert (pinned.stdout, pinned.stderr) == (result.stdout, b"")
    quiet = streamx("transform", "in.csv", "--to", "jsonl", "--sniff", "-q")
    assert (quiet.stdout, quiet.stderr) == (result.stdout, b"")


def test_schema_and_explain_read_what_is_found(streamx: Run) -> None:
    result = streamx("schema", "in.csv", "--sniff", "--json")
    names = [column["name"] for column in json.loads(result.stdout)["columns"]]
    assert names == ["Tag", "Betrag", "Stadt"] == list(schema("in.csv", sniff=True))
    assert result.stderr.decode() == f"streamx: note: in.csv: {FOUND}\n"
    explained = streamx("transform", "in.csv", "out.jsonl", "--sniff", "--explain")
    assert f"\nsniffed  in.csv: {FOUND}\ncolumns  Tag: string\n" in explained.stdout.decode()
    assert explained.stderr == b""


def test_what_is_named_is_not_looked_for(here: Path) -> None:
    (here / "in.csv").write_bytes(b"a;b|c\n1;2|3\n4;5|6\n")
    assert sniffed("out.jsonl", delimiter="|")[0].splitlines()[0] == b'{"a;b":"1;2","c":3}'
    assert sniffed("out.jsonl", delimiter=";", has_header=False)[1].records_out == 3
    output, report = sniffed("out.jsonl", skip_lines=1, has_header=False, delimiter=";")
    assert output.splitlines()[0] == b'{"column_1":1,"column_2":"2|3"}'
    assert report.warnings[0].endswith("UTF-8; no option is needed for that")
    (here / "in.csv").write_bytes("a;b\né;1\n".encode("cp850"))
    assert sniffed("out.jsonl", encoding="cp850")[0].decode() == '{"a":"é","b":1}\n'


def test_a_stream_loses_no_byte_whatever_the_pieces_in_which_it_comes(here: Path) -> None:
    lines = [f"{number};{'süß ' * (number % 20)}" for number in range(30_000)]
    data = "\n".join(["id;text", *lines]).encode("latin-1")
    assert len(data) > 3 << 18, "longer than a pipe, and so than the first pieces"
    (here / "in.csv").write_bytes(data)
    expected = sniffed("out.jsonl")[0]
    command = [*STREAMX, "transform", "--from", "csv", "--to", "jsonl", "--sniff", "-q"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        sizes = [1, 2, 3, 5, 100, 4096]
        start = 0
        for size in sizes:
            os.write(process.stdin.fileno(), data[start : start + size])
            start += size
        process.stdin.write(data[start:])
        process.stdin.close()
        assert process.stdout.read() == expected


def test_a_stream_that_pauses_is_read_on_where_it_goes_on() -> None:
    command = [*STREAMX, "transform", "--from", "csv", "--to", "csv", "--sniff"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        os.write(process.stdin.fileno(), b"a|b\n1|2\n3|")
        assert b"found delimiter '|', header, UTF-8" in process.stderr.readline()
        assert [process.stdout.readline() for _ in range(2)] == [b"a,b\n", b"1,2\n"]
        os.write(process.stdin.fileno(), b"4\n")
        assert process.stdout.readline() == b"3,4\n"
        process.stdin.close()


def test_a_run_that_sniffs_can_be_resumed(here: Path) -> None:
    (here / "in.csv").write_bytes(b"a;b\n1;2\n3;4\n")
    sniffed("out.csv", resume=True, allow_growth=True)
    with (here / "in.csv").open("ab") as file:
        file.write(b"5;6\n")
    output, report = sniffed("out.csv", resume=True, allow_growth=True)
    assert (output, report.records_out) == (b"a,b\n1,2\n3,4\n5,6\n", 3)


def test_marks_and_compression_make_no_difference(here: Path) -> None:
    import gzip

    for encoding in ("utf-8-sig", "utf-16", "utf-16-be", "utf-32", "latin-1"):
        (here / "in.csv.gz").write_bytes(gzip.compress(GERMAN.encode(encoding)))
        output, _ = sniffed("out.csv", "in.csv.gz")
        assert (
            output.decode() == "Tag,Betrag,Stadt\n2024-03-01,'1,50',Köln\n2024-03-02,'2,75',a;b\n"
        )


def test_an_empty_input_is_none_of_all_dialects(here: Path) -> None:
    (here / "in.csv").write_bytes(b"")
    output, report = sniffed("out.jsonl")
    assert (output, report.warnings) == (b"", ("in.csv: found nothing, so nothing was sniffed",))


def test_only_csv_is_sniffed(here: Path) -> None:
    with pytest.raises(UsageError, match="--sniff needs CSV or TSV input"):
        transform("in.jsonl", "out.csv", sniff=True)


def test_an_encoding_that_cannot_be_told_is_asked_for(here: Path) -> None:
    text = "улица;город\nЛипецкая;Москва\n"  # noqa: RUF001  # that is how it is written
    (here / "in.csv").write_bytes(text.encode("cp1251"))
    with pytest.raises(InputError, match=r"in\.csv: found text that is not UTF-8"):
        sniffed("out.jsonl")
    assert sniffed("out.jsonl", encoding="cp1251")[1].records_out == 1


def test_a_broken_character_does_not_make_utf_8_something_else() -> None:
    text = "Zoë;Köln\n".encode()
    assert sniff_encoding(text * 2 + b"\xff\n", "in.csv") is None
    assert sniff_encoding(text[:3], "in.csv") is None, "a head may end within a character"
    assert sniff_encoding("Zoë;\x81".encode("latin-1"), "in.csv") == "latin-1"


def test_a_table_of_one_column_stays_one() -> None:
    names = b"name\nAnna Smith\nLouis Dupont\nSmith, Kevin\nMary Lee\n"
    assert (sniff(names).delimiter, sniff(names).skip_lines) == (b",", 0)
    assert sniff(b"id\n1\n2\n3\n").has_header


def test_comments_are_a_preamble_also_where_they_hold_delimiters() -> None:
    assert sniff(b"# a, b\n# c, d\nid,value\n1,2\n3,4\n").skip_lines == 2
    assert sniff(b"#id,value\n1,2\n3,4\n").skip_lines == 0


def test_years_may_name_columns() -> None:
    assert sniff(b"country,1990,1991\nFrance,1.5,2.5\nSpain,1,2\nItaly,4,5\n").has_header
    assert not sniff(b"1990,1.5\n1991,2.5\n1992,4\n").has_header


def test_no_record_is_taken_for_a_preamble_because_it_is_ragged() -> None:
    assert sniff(b"a;b\n1;2;3\n4;5\n6;7\n").skip_lines == 0
    assert sniff(b"a;b\n1\n4;5\n6;7\n").skip_lines == 0


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=60) | st.text("ab1,;\t|:'\" \n\r", max_size=80).map(str.encode))
def test_any_bytes_have_a_dialect_and_no_more_lines_than_there_are(sample: bytes) -> None:
    found = sniff(sample)
    assert found.skip_lines <= sample.count(b"\n")
    assert found.delimiter != found.quote
