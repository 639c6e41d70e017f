"""Cutting an input anywhere gives the records, the counts and the places of reading it whole."""

from __future__ import annotations

from itertools import pairwise

import pytest
from codec.conversions import (
    CSV,
    JSONL,
    TSV,
    blocks_of,
    boundary_finder,
    chunks_of,
    converted,
    layout_of,
    run_cut,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from streamx.chunk import Chunk
from streamx.codec import last_boundary
from streamx.codec.layout import ColumnType, CsvFormat, Format, Layout
from streamx.codec.skipping import RecordSkip
from streamx.read.chunker import Chunker

TYPED = layout_of(CSV, JSONL, ["a", "b"], ColumnType.INTEGER)
STRICT = layout_of(CSV, JSONL, ["a", "b"], ColumnType.INTEGER, strict_types=True)
KEYED = layout_of(JSONL, CSV, ["a", "b"], drops_extra_keys=True)
UNCHANGED = layout_of(JSONL, JSONL, [])

SMALL = [
    pytest.param(layout, data, id=name)
    for name, layout, data in [
        ("quotes", TYPED, b'1,"x,\n""y"\r\n\n2,5" pipe\nx,"\r"\r\n3,""'),
        ("carriage returns", TYPED, b"1,a\r\r\n\r\n2,\rb\r\n\r\n3,c\r"),
        ("multi-byte", TYPED, "1,é\nä,€𝄞\n3,\n".encode()),
        ("unclosed quote", TYPED, b'1,x\n\n"2\n\n","y\n\n3,z\n'),
        ("text after a quote", TYPED, b'1,x\n"2\n","y"z\n\n\n3,"\n'),
        ("cell count", TYPED, b"1,x\n\n2\n\n3,z\n"),
        ("invalid UTF-8", TYPED, b'1,x\n"\n",\xc3\xa9\xc3\n3,z\n'),
        ("strict types", STRICT, b'1,x\n"\n2",y\n\n3,z'),
        ("another dialect", layout_of(CsvFormat(b";", b"'"), TSV, "ab"), b"1;'a\n''b'\n'';''\n;\n"),
        ("JSON to CSV", KEYED, b'{"a":1,"b":"x\\n"}\r\n\n \n{"b":[1, 2],"c":3}\n{"a":"\xc3\xa9"}'),
        ("bad JSON", KEYED, b'{"a":1}\n\n{"a":}\n\n{"a":2}\n'),
        ("JSON as it is", UNCHANGED, b'{"a": 1.50}\r\n\n[1e400]\n"x"\n1'),
    ]
]


@pytest.mark.parametrize(("layout", "data"), SMALL)
def test_every_cut_in_two_gives_the_records_of_the_whole(layout: Layout, data: bytes) -> None:
    whole = run_cut(layout, [data], len(data))
    assert whole.records_in > 0
    for at in range(1, len(data)):
        assert run_cut(layout, [data[:at], data[at:]], 1).facts == whole.facts


@pytest.mark.parametrize(("layout", "data"), SMALL)
def test_every_block_size_gives_the_records_of_the_whole(layout: Layout, data: bytes) -> None:
    whole = run_cut(layout, [data], len(data))
    for size_bytes in range(1, len(data)):
        for chunk_size_bytes in (1, 3, size_bytes, 20):
            cut = run_cut(layout, blocks_of(data, size_bytes), chunk_size_bytes)
            assert cut.facts == whole.facts


@pytest.mark.parametrize(("layout", "data"), SMALL)
def test_a_run_is_what_one_call_of_convert_says(layout: Layout, data: bytes) -> None:
    output, tally = converted(data, layout)
    cut = run_cut(layout, blocks_of(data, 1), 1)
    assert (cut.output, cut.records_in, cut.records_out) == (
        output,
        tally.records_in,
        tally.records_out,
    )
    assert (cut.failure and cut.failure.place.offset) == (tally.bad and tally.bad.position)
    if tally.bad is not None:
        assert cut.failure is not None
        assert cut.failure.place.line == data.count(b"\n", 0, tally.bad.position) + 1


@pytest.mark.parametrize(("layout", "data"), SMALL)
@pytest.mark.parametrize("limit", [0, 1, 2, 3])
def test_a_limit_takes_the_same_records_however_they_are_cut(
    layout: Layout, data: bytes, limit: int
) -> None:
    whole = run_cut(layout, [data], len(data), limit)
    unlimited = run_cut(layout, [data], len(data))
    assert whole.records_in == min(limit, unlimited.records_in)
    assert unlimited.output.startswith(whole.output)
    for size_bytes in (1, 2, 5, 9):
        assert run_cut(layout, blocks_of(data, size_bytes), 1, limit).facts == whole.facts


@pytest.mark.parametrize(("layout", "data"), SMALL)
@pytest.mark.parametrize("limit", [None, 1, 2])
def test_blank_lines_count_the_same_however_they_are_cut(
    layout: Layout, data: bytes, limit: int | None
) -> None:
    whole = run_cut(layout, [data], len(data), limit)
    for size_bytes in (1, 2, 5, 9):
        cut = run_cut(layout, blocks_of(data, size_bytes), 1, limit)
        assert cut.blank_lines == whole.blank_lines


PIECES = [b"a", b"1", b",", b",", b'"', b'"', b'""', b"\n", b"\n", b"\r\n", b"\r", "é".encode()]


@st.composite
def cut_documents(draw: st.DrawFn) -> tuple[Format, bytes, list[bytes]]:
    """Some bytes and the same bytes in blocks; many repeats of one part make larger ones."""
    soup = st.lists(st.sampled_from([*PIECES, b'1,"x\n"\n', b'{"a":1}\n']), max_size=25)
    data = draw(soup.map(b"".join))
    data = data * draw(st.integers(1, 3)) + draw(soup.map(b"".join))
    cuts = draw(st.lists(st.integers(0, len(data)), max_size=6).map(sorted))
    bounds = [0, *cuts, len(data)]
    blocks = [data[a:b] for a, b in pairwise(bounds) if a < b]
    formats: list[Format] = [CSV, TSV, JSONL]
    return draw(st.sampled_from(formats)), data, blocks


@settings(max_examples=200, deadline=None)
@given(cut_documents(), st.integers(1, 40), st.integers(1, 60), st.integers(1, 3))
def test_any_blocks_give_the_records_of_the_whole(
    document: tuple[Format, bytes, list[bytes]],
    chunk_size_bytes: int,
    max_record_bytes: int,
    width: int,
) -> None:
    source, data, blocks = document
    layout = layout_of(source, JSONL, "abc"[:width], max_record_bytes=max_record_bytes)
    whole = run_cut(layout, [data] if data else [], len(data) + 1)
    assert run_cut(layout, blocks, chunk_size_bytes).facts == whole.facts


@settings(max_examples=150, deadline=None)
@given(cut_documents(), st.integers(1, 40), st.booleans())
def test_chunks_are_the_input_in_order_each_with_its_place(
    document: tuple[Format, bytes, list[bytes]], chunk_size_bytes: int, eager: bool
) -> None:
    source, data, blocks = document
    chunker = Chunker(boundary_finder(source), chunk_size_bytes, 1000, offset=7, line=3)
    chunks = list(chunks_of(chunker, blocks, eager=eager))
    assert b"".join(chunk.data for chunk in chunks) == data
    seen = b""
    for sequence, chunk in enumerate(chunks):
        assert chunk.data, "a chunk holds at least one byte"
        assert chunk.sequence == sequence
        assert (chunk.offset, chunk.line) == (7 + len(seen), 3 + seen.count(b"\n"))
        seen += chunk.data
    assert all(bytes(chunk.data).endswith(b"\n") for chunk in chunks[:-1])


def test_a_large_input_is_cut_into_chunks_of_about_the_wanted_size() -> None:
    data = b"".join(b'%d,"%s"\n' % (n, b"x\n" * (n % 30)) for n in range(3000))
    whole = run_cut(TYPED, [data], len(data))
    assert (whole.records_in, whole.failure) == (3000, None)
    for size_bytes, chunk_size_bytes in ((1000, 1000), (777, 4096), (50_000, 100)):
        chunker = Chunker(boundary_finder(CSV), chunk_size_bytes, 1 << 20)
        chunks = list(chunks_of(chunker, blocks_of(data, size_bytes)))
        assert max(len(chunk.data) for chunk in chunks) <= chunk_size_bytes + size_bytes
        assert run_cut(TYPED, blocks_of(data, size_bytes), chunk_size_bytes).facts == whole.facts


def test_a_record_longer_than_a_chunk_is_searched_a_few_times_only() -> None:
    searches = 0

    def find(data: memoryview) -> int:
        nonlocal searches
        searches += 1
        return bytes(data).rfind(b"\n") + 1

    data = b"x" * 100_000 + b"\ny\n"
    chunks = list(chunks_of(Chunker(find, 10, 1 << 20), blocks_of(data, 10)))
    assert bytes(chunks[0].data).startswith(b"x" * 100_000 + b"\n")
    assert searches < 25


def test_a_record_beyond_the_limit_is_cut_off_soon_after_it() -> None:
    chunker = Chunker(boundary_finder(CSV), 10, 100)
    chunks = list(chunks_of(chunker, blocks_of(b"a\n" + b"x" * 100_000, 10)))
    assert chunks[0] == Chunk(0, 0, 1, b"a\n")
    assert len(chunks) == 2
    assert 100 < len(chunks[1].data) <= 120
    assert chunker.is_finished


def test_an_empty_input_has_no_chunk() -> None:
    assert list(chunks_of(Chunker(boundary_finder(CSV), 10, 100), [])) == []


def test_wanted_bytes_say_when_a_cut_is_due() -> None:
    chunker = Chunker(boundary_finder(CSV), 4, 100)
    chunker.feed(b"ab")
    assert (chunker.wanted_bytes, chunker.pending_bytes) == (2, 2)
    chunker.feed(b"cd")
    assert chunker.wanted_bytes == 0
    assert chunker.cut() is None
    assert chunker.wanted_bytes == 4
    chunker.feed(b"ef\ng")
    assert chunker.cut() == Chunk(0, 0, 1, b"abcdef\n")
    assert (chunker.wanted_bytes, chunker.pending_bytes) == (3, 1)


def test_what_was_cut_is_not_changed_by_what_is_read_later() -> None:
    chunker = Chunker(boundary_finder(CSV), 8, 100)
    chunks = list(chunks_of(chunker, blocks_of(b"1,a\n2,b\n3,c\n4,d\n5", 5)))
    assert [bytes(chunk.data) for chunk in chunks] == [b"1,a\n2,b\n", b"3,c\n4,d\n", b"5"]
    assert all(memoryview(chunk.data).readonly for chunk in chunks)


def test_a_block_that_comes_late_into_the_room_of_a_cut_chunk_harms_nothing() -> None:
    chunker = Chunker(boundary_finder(CSV), 10, 100)
    chunker.feed(b"1,a\n2")
    late = chunker.room()
    first = chunker.cut()
    assert first is not None
    late[:3] = b",b\n"
    chunker.feed(late[:3])
    second = chunker.finish()
    assert second is not None
    assert (first.data, second.data) == (b"1,a\n", b"2,b\n")


def test_memory_is_read_into_again_once_nobody_holds_its_chunk() -> None:
    chunker = Chunker(boundary_finder(CSV), 4, 100)
    buffers = []
    for _ in range(10):
        chunker.feed(b"1,a\n")
        chunk = chunker.cut()
        assert chunk is not None
        assert isinstance(chunk.data, memoryview)
        buffers.append(id(chunk.data.obj))
    assert len(set(buffers)) <= 2


def test_memory_that_somebody_holds_a_part_of_is_left_alone() -> None:
    chunker = Chunker(boundary_finder(CSV), 4, 100)
    parts = []
    for number in range(30):
        chunker.feed(b"%d,a\n" % (number % 10))
        chunk = chunker.cut()
        assert chunk is not None
        parts.append(memoryview(chunk.data)[:1])
        del chunk
    assert b"".join(parts) == b"0123456789" * 3


@given(st.lists(st.sampled_from([b"a", b'"', b",", b"\n"]), max_size=80).map(b"".join), st.data())
def test_behind_a_record_that_is_cut_off_the_next_one_keeps_its_place(
    soup: bytes, data: st.DataObject
) -> None:
    format, most_bytes = CsvFormat(), 8
    chunker = Chunker(
        lambda block: last_boundary(block, format),
        data.draw(st.integers(1, 20)),
        most_bytes,
        skip=lambda: RecordSkip(format),
    )
    chunks, rest = [], soup
    while rest:
        size_bytes = data.draw(st.integers(1, 10))
        chunker.feed(rest[:size_bytes])
        rest = rest[size_bytes:]
        chunks.append(chunker.cut())
    chunks.append(chunker.finish())
    seen = 0
    for chunk in filter(None, chunks):
        assert soup[chunk.offset :].startswith(bytes(chunk.data))
        assert chunk.line == soup.count(b"\n", 0, chunk.offset) + 1
        skipped = soup[seen : chunk.offset]
        assert not skipped or skipped.endswith(b"\n")
        seen = chunk.offset + len(chunk.data)
