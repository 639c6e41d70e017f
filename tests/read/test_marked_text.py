"""Text in UTF-16 and UTF-32 is known by its byte order mark, and refused without one."""

from __future__ import annotations

import asyncio
import codecs
import gzip
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamx import transform
from streamx.errors import BadRecordError, InputError
from streamx.read.decode import plain_file, wrap
from streamx.read.sources import open_source

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]

ENCODINGS = {
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}
TEXT = "Name,Stadt\nJürgen,Köln 𝄞\n"
LINES = '{"Name":"Jürgen","Stadt":"Köln 𝄞"}\n'

encodings = pytest.mark.parametrize("encoding", ENCODINGS)


async def read_all(path: Path, size_bytes: int) -> bytes:
    source = wrap(await open_source(str(path)), compression=None, encoding=None)
    data = b""
    view = memoryview(bytearray(size_bytes))
    while True:
        count = source.read_now(view)
        if count is None:
            count = await source.read_into(view)
        if not count:
            await source.close()
            return data
        data += view[:count]


@encodings
@pytest.mark.parametrize("is_gzip", [False, True])
def test_a_marked_file_is_decoded(tmp_path: Path, encoding: str, is_gzip: bool) -> None:
    data = ENCODINGS[encoding] + TEXT.encode(encoding)
    path = tmp_path / f"in.csv{'.gz' * is_gzip}"
    path.write_bytes(gzip.compress(data) if is_gzip else data)
    report = transform(path, tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_text() == LINES
    assert report.warnings == ()


@encodings
def test_a_marked_stream_is_decoded_though_it_comes_byte_by_byte(
    tmp_path: Path, encoding: str
) -> None:
    arguments = ("--from", "csv", "--to", "jsonl")
    with subprocess.Popen(
        [sys.executable, "-m", "streamx", "transform", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for byte in ENCODINGS[encoding] + TEXT.encode(encoding):
            os.write(process.stdin.fileno(), bytes([byte]))
        process.stdin.close()
        assert process.stdout.read().decode() == LINES


@encodings
def test_marked_jsonl_is_decoded_though_nothing_depends_on_its_keys(
    streamx: Run, encoding: str
) -> None:
    stdin = ENCODINGS[encoding] + LINES.encode(encoding)
    result = streamx("transform", "--from", "jsonl", "--to", "jsonl", stdin=stdin)
    assert (result.returncode, result.stdout.decode()) == (0, LINES)


@settings(max_examples=150, deadline=None)
@given(
    text=st.text(max_size=30), size_bytes=st.integers(1, 40), encoding=st.sampled_from([*ENCODINGS])
)
def test_any_marked_text_comes_whole_however_little_is_asked_for(
    tmp_path_factory: pytest.TempPathFactory, text: str, size_bytes: int, encoding: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "marked"
    path.write_bytes(ENCODINGS[encoding] + ("x" + text).encode(encoding))
    assert asyncio.run(read_all(path, size_bytes)).decode() == "x" + text


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=20), size_bytes=st.integers(1, 25))
def test_bytes_without_a_mark_pass_as_they_are(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, size_bytes: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "unmarked"
    path.write_bytes(b"\xef\xbb\xbf" + data)
    assert asyncio.run(read_all(path, size_bytes)) == b"\xef\xbb\xbf" + data


@encodings
@pytest.mark.parametrize("source_format", ["csv", "jsonl"])
def test_text_without_its_mark_is_an_error_that_names_the_encoding(
    streamx: Run, encoding: str, source_format: str
) -> None:
    stdin = (TEXT if source_format == "csv" else LINES).encode(encoding)
    arguments = ("transform", "--from", source_format, "--to", "jsonl")
    result = streamx(*arguments, stdin=stdin)
    assert (result.returncode, result.stdout) == (1, b"")
    assert f"Read it with --encoding {encoding}" in result.stderr.decode()
    assert streamx(*arguments, "--encoding", encoding, stdin=stdin).stdout.decode() == LINES


def test_a_mark_is_not_heard_where_an_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"))
    with pytest.raises(InputError, match="found UTF-16; expected UTF-8, which --encoding names"):
        transform(tmp_path / "in.csv", tmp_path / "out.jsonl", encoding="utf-8")


def test_marked_text_that_breaks_its_encoding_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(codecs.BOM_UTF16_LE + b"a\0\n\0\0\xd8x\0")
    message = "near byte 6: .* expected utf-16, as its byte order mark says"
    with pytest.raises(InputError, match=message):
        transform(tmp_path / "in.csv", tmp_path / "out.jsonl")


@encodings
@pytest.mark.parametrize("name", ["in.csv", "in.jsonl"])
@pytest.mark.parametrize("target", ["csv", "jsonl"])
def test_a_mark_and_nothing_else_is_an_empty_table(
    tmp_path: Path, encoding: str, name: str, target: str
) -> None:
    (tmp_path / name).write_bytes(ENCODINGS[encoding])
    transform(tmp_path / name, tmp_path / f"out.{target}")
    assert (tmp_path / f"out.{target}").read_bytes() == b""


@encodings
@pytest.mark.parametrize("cut_bytes", [1, 2, 3])
def test_marked_text_that_ends_within_a_character_is_an_error(
    tmp_path: Path, encoding: str, cut_bytes: int
) -> None:
    data = ENCODINGS[encoding] + "a\n𝄞".encode(encoding)
    (tmp_path / "in.csv").write_bytes(data[:-cut_bytes])
    with pytest.raises(InputError, match=f"expected {encoding[:6]}, as its byte order mark says"):
        transform(tmp_path / "in.csv", tmp_path / "out.jsonl", on_error="skip")
    assert not (tmp_path / "out.jsonl").exists()


@encodings
@pytest.mark.parametrize("half", [0xD834, 0xDD1E])
def test_marked_text_with_half_of_a_pair_is_an_error(
    tmp_path: Path, encoding: str, half: int
) -> None:
    text = f"a\n{chr(half)}x\n".encode(encoding, "surrogatepass")
    data = ENCODINGS[encoding] + text
    (tmp_path / "in.csv").write_bytes(data)
    with pytest.raises(InputError, match="near byte"):
        transform(tmp_path / "in.csv", tmp_path / "out.jsonl", on_error="skip")


def test_a_mark_of_utf_8_is_no_part_of_the_header(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(codecs.BOM_UTF8 + TEXT.encode())
    transform(tmp_path / "in.csv", tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_text() == LINES


def test_offsets_in_marked_text_are_those_of_utf_8(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes((TEXT + "x\n").encode("utf-16"))
    with pytest.raises(BadRecordError) as caught:
        transform(tmp_path / "in.csv", tmp_path / "out.jsonl")
    assert (caught.value.line, caught.value.offset) == (3, len(TEXT.encode()))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_run_goes_on_within_marked_text_where_it_was(tmp_path: Path, encoding: str) -> None:
    path, output = tmp_path / "in.csv", tmp_path / "out.csv"
    records = [f"{number},ü\n" for number in range(3_000)]
    path.write_bytes("".join(["n,t\n", *records]).encode(encoding))
    transform(path, output, resume=True, allow_growth=True)
    more = "".join(records).encode(encoding.replace("utf-16", "utf-16-le"))
    with path.open("ab") as file:
        file.write(more)
    assert transform(path, output, resume=True, allow_growth=True).records_out == 6_000
    assert output.read_text() == "".join(["n,t\n", *records, *records])


def test_a_plain_file_is_found_behind_the_look_for_a_mark(tmp_path: Path) -> None:
    async def seek_and_read(data: bytes) -> bool:
        (tmp_path / "in").write_bytes(data)
        source = wrap(await open_source(str(tmp_path / "in")), compression=None, encoding=None)
        await source.read_into(memoryview(bytearray(100)))
        found = plain_file(source) is not None
        await source.close()
        return found

    assert asyncio.run(seek_and_read(b"a,b\n"))
    assert not asyncio.run(seek_and_read(TEXT.encode("utf-16")))
