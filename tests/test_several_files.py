"""Several files are read as one input, and give what one file of all their records gives."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streamx
from streamx import (
    Apply,
    BadRecordError,
    FunctionError,
    InputError,
    Limit,
    Rename,
    Select,
    Set,
    UsageError,
    Where,
)

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]

NAMES = ("a", "b", "c", "d")
CELLS = st.sampled_from(
    [b"", b"1", b"-20", b"1.50", b"007", b"true", b"x", "é".encode(), b'"q,1"', b'"l\nm"', b'""']
)
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}
MARK = b"\xef\xbb\xbf"
FUNCTIONS = """
def marked(record):
    record["n"] = len(record)
    return record

async def waited(record):
    return record | {"n": len(record)}
"""


class Table:
    """Records of one table, and files among which they are shared out."""

    def __init__(self, files: Sequence[tuple[Sequence[str], list[dict[str, bytes]]]]) -> None:
        self.files = files
        self.names = list(dict.fromkeys(name for names, _ in files for name in names))

    @property
    def joined(self) -> bytes:
        """The one file that they make, where what a file lacks is empty."""
        lines = [",".join(self.names).encode()] if self.names else []
        for _, records in self.files:
            lines += [b",".join(each.get(name, b"") for name in self.names) for each in records]
        return b"".join(line + b"\n" for line in lines)


@st.composite
def tables(draw: st.DrawFn, *, is_union: bool) -> Table:
    """Draw a table in files: of the same names in any order, or of some of the names each."""
    files = []
    for _ in range(draw(st.integers(1, 5))):
        names = draw(st.permutations(NAMES))
        if is_union:
            names = names[: draw(st.integers(2, len(NAMES)))]
        cells = st.lists(CELLS, min_size=len(names), max_size=len(names))
        records = draw(st.lists(cells.map(lambda each, n=names: dict(zip(n, each, strict=True)))))  # type: ignore[misc]  # mypy takes no defaults of lambdas
        files.append((names, records))
    return Table(files)


def written(directory: Path, table: Table, draw: st.DataObject) -> list[str]:
    """Write the files, each in its own way, with empty ones among them."""
    paths = []
    for number, (names, records) in enumerate(table.files):
        suffix = draw.draw(st.sampled_from([*PACKED]))
        lines = [b",".join(each[name] for name in names) for each in records]
        text = b"\n".join([",".join(names).encode(), *lines])
        text += b"\n" * draw.draw(st.integers(0, 1))
        if draw.draw(st.booleans()):
            text = MARK + text
        path = directory / f"in{number}.csv{suffix}"
        path.write_bytes(PACKED[suffix](text))
        paths.append(str(path))
        if draw.draw(st.integers(0, 3)) == 0:
            empty = directory / f"empty{number}.csv"
            empty.write_bytes(draw.draw(st.sampled_from([b"", MARK, b"\n\n"])))
            paths.append(str(empty))
    return paths


OPTIONS: list[dict[str, Any]] = [
    {"target_format": "jsonl"},
    {"target_format": "csv"},
    {"target_format": "jsonl", "operations": [Rename("a", "z"), Select(("z", "b")), Limit(3)]},
    {"target_format": "csv", "operations": [Where("b is not None"), Set("n", "str(a)"), Limit(4)]},
    {"target_format": "jsonl", "nulls": ["", "x"], "operations": [Where("c is None")]},
    {"target_format": "jsonl", "operations": [lambda record: record | {"n": len(record)}]},
    {"target_format": "csv", "operations": [lambda record: record]},
    {"target_format": "jsonl", "lenient": True, "on_error": "skip"},
]


def output_of(inputs: Sequence[str], directory: Path, **options: Any) -> bytes:
    streamx.transform(inputs, directory / "out", **options)
    return (directory / "out").read_bytes()


@pytest.mark.parametrize("is_union", [False, True], ids=["same", "union"])
@settings(deadline=None, max_examples=50)
@given(st.data())
def test_files_give_what_one_file_of_all_their_records_gives(
    is_union: bool, data: st.DataObject
) -> None:
    table = data.draw(tables(is_union=is_union))
    options = data.draw(st.sampled_from(OPTIONS))
    sizes = {
        "workers": data.draw(st.integers(1, 3)),
        "chunk_size_bytes": data.draw(st.integers(1, 99)),
    }
    if "a" not in table.names or not {"b", "c"} <= set(table.names):
        options = OPTIONS[0]
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        paths = written(directory, table, data)
        (directory / "joined.csv").write_bytes(table.joined)
        expected = output_of([str(directory / "joined.csv")], directory, **options)
        headers = "union" if is_union else None
        assert output_of(paths, directory, headers=headers, **options, **sizes) == expected


@pytest.mark.parametrize(
    ("function", "codec"),
    [("f.py:marked", "native"), ("f.py:waited", "reference")],
    ids=["processes", "loop"],
)
def test_functions_get_the_records_of_all_files(
    streamx: Run, tmp_path: Path, function: str, codec: str
) -> None:
    (tmp_path / "f.py").write_text(FUNCTIONS)
    (tmp_path / "f1.csv").write_text("a,b\n1,x\n2,y\n")
    (tmp_path / "f2.csv").write_text("c,a\n0.5,3")
    (tmp_path / "f10.csv").write_text("b,c,a\nz,1.5,4\n")
    result = streamx(
        "transform", "f*.csv", "-", "--to", "csv", "--headers", "union", "--add-source", "file",
        "--fn", function, "-j", "2", "--chunk-size", "8", env={"STREAMX_CODEC": codec},
    )  # fmt: skip
    assert (result.returncode, result.stderr.decode()) == (0, "")
    assert result.stdout.decode() == (
        "a,b,c,file,n\n1,x,,f1.csv,4\n2,y,,f1.csv,4\n3,,0.5,f2.csv,4\n4,z,1.5,f10.csv,4\n"
    )


def test_a_header_with_other_names_ends_the_run_before_anything_is_written(
    streamx: Run, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("id,name\n" + "1,x\n" * 100_000)
    (tmp_path / "b.csv").write_text("id,nome\n2,y\n")
    result = streamx("transform", "-i", "a.csv", "-i", "b.csv", "--to", "csv")
    assert (result.returncode, result.stdout) == (1, b"")
    assert result.stderr.decode() == (
        "streamx: error: b.csv: the header lacks 'name' and has 'nome', unlike that of a.csv; "
        "expected the same columns in all files, in any order, or --headers union, which takes "
        "those of all\n"
    )


def test_a_column_has_the_type_that_the_first_files_with_it_show(tmp_path: Path) -> None:
    contents = [
        "id,late\n", "id,late\n1,\n", "id,late\n2,\n", "id,late,new\n3,7,\n",
        "new,id\n1.5,4\n", "new,id\nx,y\n",
    ]  # fmt: skip
    for number, content in enumerate(contents):
        (tmp_path / f"{number}.csv").write_text(content)
    report = streamx.transform(
        tmp_path, tmp_path / "out.jsonl", headers="union", source_format="csv"
    )
    ids = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert ids == [
        {"id": "1", "late": None, "new": ""},
        {"id": "2", "late": None, "new": ""},
        {"id": "3", "late": 7, "new": ""},
        {"id": "4", "late": None, "new": "1.5"},
        {"id": "y", "late": None, "new": "x"},
    ]
    assert report.warnings == ()


def test_a_column_that_comes_behind_the_sample_has_a_type_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("id\n" + "1\n" * 10_001)
    (tmp_path / "2.csv").write_text("id,new\nx,2\n")
    (tmp_path / "3.csv").write_text("id,new\n3,2.5\n")
    report = streamx.transform(f"{tmp_path}/?.csv", tmp_path / "out.jsonl", headers="union")
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert lines[-3:] == ['{"id":1,"new":null}', '{"id":"x","new":2}', '{"id":3,"new":2.5}']
    assert report.warnings == (
        f"{tmp_path}/?.csv: 1 cell in column id did not fit its type integer and became strings, "
        f"first 'x' in line 2 of {tmp_path}/2.csv; pin the type with --type id=string, or name "
        "cells that stand for null with --null",
    )


def test_a_sample_goes_on_from_file_to_file_as_within_one(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("a\n" + "1\n" * 6_000)
    (tmp_path / "2.csv").write_text("a,b\n" + "1,\n" * 3_998 + "1,7\n")
    (tmp_path / "3.csv").write_text("b,a\n8,2.5\n9,x\n")  # records 10,000 and 10,001
    streamx.transform(f"{tmp_path}/?.csv", tmp_path / "out.jsonl", headers="union")
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert lines[0] == '{"a":1,"b":null}'
    assert lines[-3:] == ['{"a":1,"b":7}', '{"a":2.5,"b":8}', '{"a":"x","b":9}']
    (tmp_path / "2.csv").write_text("a,b\n" + "1,\n" * 4_000)
    report = streamx.transform(f"{tmp_path}/?.csv", tmp_path / "out.jsonl", headers="union")
    assert "2 cells in column a did not fit its type integer" in report.warnings[0]
    assert "first '2.5' in line 2 of " in report.warnings[0]


def bad_in(directory: Path) -> list[str]:
    (directory / "1.csv").write_text("a,b\n1,2\n")
    (directory / "2.csv").write_text("b,a\n\n1,2\n1,2,3\n4,5\n6\n")
    return [f"{directory}/1.csv", f"{directory}/2.csv"]


def test_a_bad_record_is_told_of_by_its_own_file_line_and_byte(tmp_path: Path) -> None:
    with pytest.raises(BadRecordError, match=r"2\.csv, line 4 \(byte 9\): .*3 cells"):
        streamx.transform(bad_in(tmp_path), tmp_path / "out.jsonl", chunk_size_bytes=4)
    with pytest.raises(streamx.TooManyBadRecordsError, match=r"line 6 of .*2\.csv \(byte 19\)"):
        streamx.transform(
            bad_in(tmp_path), tmp_path / "out.jsonl", on_error="skip", max_errors=1, workers=2
        )


def test_rejects_name_their_file_and_can_be_retried(tmp_path: Path) -> None:
    report = streamx.transform(bad_in(tmp_path), tmp_path / "out.jsonl", on_error="reject")
    rejects = tmp_path / "out.jsonl.rejects.jsonl"
    found = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [(each["source"], each["line"], each["offset"], each["raw"]) for each in found] == [
        (f"{tmp_path}/2.csv", 4, 9, "1,2,3"),
        (f"{tmp_path}/2.csv", 6, 19, "6"),
    ]
    assert (tmp_path / "2.csv").read_bytes()[9:14] == b"1,2,3"
    assert "first in line 4 of " in report.warnings[0]
    streamx.retry(rejects, tmp_path / "more.jsonl", ragged="pad", on_error="skip")
    assert (tmp_path / "more.jsonl").read_text() == '{"b":6,"a":null}\n'


def test_a_failure_of_a_function_names_the_file(tmp_path: Path) -> None:
    def inverse(record: Any) -> Any:
        return record | {"inverse": 1 / (4 - record["b"])}

    with pytest.raises(FunctionError, match=r"2\.csv, line 5 \(byte 15\): .*ZeroDivisionError"):
        streamx.transform(
            bad_in(tmp_path), tmp_path / "out.jsonl", operations=[inverse], lenient=True
        )


def test_a_worker_process_that_dies_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "f.py").write_text("import os\ndef f(r):\n    os._exit(3) if r['a'] == 2 else 0\n")
    (tmp_path / "1.csv").write_text("a\n1\n")
    (tmp_path / "2.csv").write_text("a\n1\n2\n")
    with pytest.raises(streamx.StreamxError, match=r"at line 3 \(byte 4\) of .*2\.csv"):
        streamx.transform(
            f"{tmp_path}/?.csv", tmp_path / "out.jsonl", operations=[Apply(f"{tmp_path}/f.py:f")]
        )


def test_a_limit_is_one_of_all_files(tmp_path: Path) -> None:
    paths = []
    for number in range(4):
        paths.append(tmp_path / f"{number}.jsonl")
        paths[-1].write_text(f'{{"n":{number}}}\n' * 3)
    report = streamx.transform(paths, tmp_path / "out.jsonl", operations=[Limit(7)], workers=2)
    assert (tmp_path / "out.jsonl").read_text().split() == ['{"n":0}'] * 3 + ['{"n":1}'] * 3 + [
        '{"n":2}'
    ]
    assert report.records_out == 7


def test_json_texts_and_lines_can_be_mixed_and_keys_are_those_of_all_first_records(
    tmp_path: Path,
) -> None:
    (tmp_path / "1.json").write_text('[{"a": 1}]')
    (tmp_path / "2.jsonl").write_text("")
    (tmp_path / "3.jsonl.gz").write_bytes(gzip.compress(b'{"a":2,"b":"x"}'))
    (tmp_path / "4.json").write_text('[{"b":"y"}]')
    report = streamx.transform(f"{tmp_path}/*.js*", tmp_path / "out.csv", add_source="from")
    names = [f"{tmp_path}/{name}" for name in ("1.json", "3.jsonl.gz", "4.json")]
    assert (tmp_path / "out.csv").read_text() == (
        f"a,b,from\n1,,{names[0]}\n2,x,{names[1]}\n,y,{names[2]}\n"
    )
    assert report.bytes_in == sum(each.stat().st_size for each in tmp_path.glob("*.js*"))


@pytest.mark.parametrize("codec", ["native", "reference"])
def test_a_record_that_has_the_key_of_the_added_column_is_a_bad_one(
    streamx: Run, tmp_path: Path, codec: str
) -> None:
    (tmp_path / "a.jsonl").write_text('{"n":1}\n{"from":"me","n":2}\n{"n":3,"from":null}\n')
    result = streamx(
        "transform", "a.jsonl", "-", "--to", "jsonl", "--add-source", "from", "--on-error", "skip",
        env={"STREAMX_CODEC": codec},
    )  # fmt: skip
    assert result.stdout == b'{"n":1,"from":"a.jsonl"}\n{"n":3,"from":"a.jsonl"}\n'
    assert result.returncode == 3
    assert b"1 transform (source column), first in line 2 of a.jsonl" in result.stderr


def test_each_file_has_its_own_preamble_and_all_have_the_encoding_that_is_named(
    streamx: Run, tmp_path: Path
) -> None:
    (tmp_path / "1.csv").write_bytes("Umsätze\nid;Straße\n1;Höhe\n".encode("latin-1"))
    (tmp_path / "2.csv").write_bytes('"\nStraße;id\nWärme;2'.encode("latin-1"))
    options = ("--skip-lines", "1", "--encoding", "latin-1", "-d", ";", "--to", "jsonl")
    result = streamx("transform", "?.csv", "-", *options)
    assert result.stdout.decode() == '{"id":1,"Straße":"Höhe"}\n{"id":2,"Straße":"Wärme"}\n'


def test_the_first_file_is_sniffed_for_all(streamx: Run, tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("id;name\n1;a\n2;b\n")
    (tmp_path / "2.csv").write_text("name;id\nc,d;3\n")
    result = streamx("transform", ".", "-", "--from", "csv", "--to", "csv", "--sniff")
    assert result.stdout == b'id,name\n1,a\n2,b\n3,"c,d"\n'
    assert b"./1.csv: found delimiter ';'" in result.stderr


def test_a_job_file_holds_inputs_as_a_list_and_others_can_be_named_instead(
    streamx: Run, tmp_path: Path
) -> None:
    for number in (1, 2, 3):
        (tmp_path / f"{number}.csv").write_text(f"a\n{number}\n")
    words = ("-i", "2.csv", "-i", "1.csv", "--to", "csv", "--add-source", "from")
    assert streamx("transform", *words, "--save-job", "job.toml").returncode == 0
    assert (tmp_path / "job.toml").read_text() == (
        'input = ["2.csv", "1.csv"]\nto = "csv"\nadd-source = "from"\n'
    )
    assert streamx("run", "job.toml").stdout == b"a,from\n2,2.csv\n1,1.csv\n"
    assert streamx("run", "job.toml", "-i", "3.csv").stdout == b"a,from\n3,3.csv\n"
    assert streamx("run", "job.toml", "3.csv").stdout == b"a,from\n3,3.csv\n"
    assert streamx("run", "job.toml", "-i", "3.csv", "out.csv").stdout == b""
    assert (tmp_path / "out.csv").read_bytes() == b"a,from\n3,3.csv\n"
    result = streamx("transform", *words, "3.csv", "out.csv")
    assert (result.returncode, result.stdout) == (2, b"")
    assert b"there is --input, and INPUT '3.csv' as well" in result.stderr


def test_a_pattern_without_quotes_is_told_of_them(streamx: Run, tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("a\n1\n")
    result = streamx("transform", "1.csv", "2.csv", "3.csv", "out.jsonl")
    assert (result.returncode, os.listdir(tmp_path)) == (2, ["1.csv"])
    assert b"'3.csv' is one argument too many; put a pattern in quotes" in result.stderr


def test_ten_times_as_many_files_as_descriptors_are_read(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(300):
        # Small ones are read as a whole; every hundredth is opened as others are.
        count = 20_000 if number % 100 == 0 else 2
        (tmp_path / "in" / f"f{number}.csv").write_text("id,n\n" + f"{number},xyz\n" * count)
    program = (
        "import resource, streamx; resource.setrlimit(resource.RLIMIT_NOFILE, (30, 30)); "
        "streamx.transform('in', 'out.csv', workers=1)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    ids = [line.split(",")[0] for line in (tmp_path / "out.csv").read_text().splitlines()[1:]]
    assert list(dict.fromkeys(ids)) == [str(number) for number in range(300)]
    assert len(ids) == 297 * 2 + 3 * 20_000


def test_a_file_that_gets_another_header_meanwhile_is_not_read_as_what_it_was(
    tmp_path: Path,
) -> None:
    for name in ("1.csv", "2.csv"):
        (tmp_path / name).write_text("a,b\n" + "1,2\n" * 20_000)
    changed: list[int] = []

    def change(record: Any) -> Any:
        if not changed:
            changed.append((tmp_path / "2.csv").write_text("b,a\n" + "1,2\n" * 20_000))
        return record

    # So few chunks may be in flight that the second file has not been begun.
    sizes: dict[str, Any] = {"chunk_size_bytes": 1024, "buffer_chunks": 1}
    with pytest.raises(InputError, match=r"2\.csv has another header than when the run began"):
        streamx.transform(f"{tmp_path}/?.csv", tmp_path / "out.jsonl", operations=[change], **sizes)
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input": ["1.csv", "-"]}, "--input needs files, if there are several; - is read alone"),
        ({"input": ["1.csv", "http://localhost/a.csv"]}, "a web URL is read alone"),
        ({"input": ["1.csv", "3.jsonl"]}, "1.csv is csv and 3.jsonl is jsonl"),
        ({"input": ["1.csv", "pipe"], "source_format": "csv"}, "pipe is no file"),
        ({"input": []}, "there is no input"),
        ({"input": "-", "add_source": "f"}, "--add-source needs an INPUT of files"),
        ({"input": "-", "headers": "same"}, "--headers needs an INPUT of files"),
        ({"input": "?.csv", "headers": "union", "has_header": False}, "input with headers"),
        ({"input": "?.csv", "add_source": "a"}, "the input has a column of that name"),
        ({"input": "?.csv", "add_source": ""}, "--add-source names no column"),
        ({"input": "?.csv", "in_place": True}, "--in-place needs one INPUT"),
        ({"input": "?.csv", "output": "2.csv"}, "are the same file (2.csv)"),
        ({"input": "?.csv", "rejects": "1.csv"}, "are the same file (1.csv)"),
        ({"input": "?.csv", "allow_growth": True, "resume": True}, "--allow-growth needs one"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_of_several_files_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in (("1.csv", "a\n1\n"), ("2.csv", "a\n2\n"), ("3.jsonl", "{}\n")):
        (tmp_path / name).write_text(text)
    os.mkfifo("pipe")
    given_options = {"output": "out.csv", **options}
    with pytest.raises(UsageError) as failure:
        streamx.transform(**given_options)
    assert message in str(failure.value)
    assert not (tmp_path / "out.csv").exists()


def test_a_name_that_is_no_utf_8_can_be_read_but_not_added(tmp_path: Path) -> None:
    name = os.path.join(os.fsencode(tmp_path), b"in\xff.csv")
    Path(os.fsdecode(name)).write_text("a\n1\n")
    assert output_of([str(tmp_path)], tmp_path, source_format="csv", target_format="csv") == (
        b"a\n1\n"
    )
    (tmp_path / "out").unlink()
    with pytest.raises(UsageError, match=r"^--add-source needs another name .*in\\udcff\.csv'"):
        output_of([f"{tmp_path}/*"], tmp_path, target_format="csv", add_source="file")
