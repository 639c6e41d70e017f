"""Compressed input is known by its first bytes, read to its end, and broken data is an error."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from compressions import ALL, without_isal
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_source import MemorySource, read_all

from streamx.compression import Compression, compression_named
from streamx.errors import InputError
from streamx.read.decode import wrap

IDS = {"argvalues": ALL, "ids": [each.name for each in ALL]}
LONG = b"ab" * 20_000
FEW = settings(deadline=None, max_examples=25)
MEMBERS = st.lists(st.binary(max_size=50), min_size=1, max_size=4)


def members_of(compression: Compression, datas: list[bytes]) -> bytes:
    compress = compression.loaded().compress
    return b"".join(compress(data, compression.levels[1]) for data in datas)


@pytest.mark.parametrize("compression", **IDS)
@FEW
@given(datas=MEMBERS, block_bytes=st.integers(1, 100_000), view_bytes=st.integers(64, 100_000))
def test_members_are_read_however_they_come(
    compression: Compression, datas: list[bytes], block_bytes: int, view_bytes: int
) -> None:
    datas = [*datas, LONG, *datas]
    data = members_of(compression, datas)
    for named in (compression, None):
        source = wrap(MemorySource(data, block_bytes), compression=named, encoding="utf-8")
        assert read_all(source, view_bytes) == b"".join(datas)


def test_a_zstd_file_may_begin_with_a_frame_that_is_skipped() -> None:
    zstd = compression_named("zstd")
    skipped = b"\x5f\x2a\x4d\x18\x03\0\0\0abc"  # RFC 8878, 3.1.2
    data = skipped + members_of(zstd, [b"a\n1\n"])
    for named in (zstd, None):
        source = wrap(MemorySource(data, 5), compression=named, encoding="utf-8")
        assert read_all(source) == b"a\n1\n"


@pytest.mark.parametrize("compression", **IDS)
@FEW
@given(data=st.data())
def test_a_file_that_ends_early_is_an_error(compression: Compression, data: st.DataObject) -> None:
    whole = members_of(compression, [b"a,b\n" * 500])
    end = data.draw(st.integers(1, len(whole) - 1))
    source = wrap(MemorySource(whole[:end], 1000), compression=compression, encoding="utf-8")
    with pytest.raises(InputError, match="ends in the middle"):
        read_all(source)


@pytest.mark.parametrize("compression", **IDS)
@FEW
@given(data=st.data())
def test_a_changed_byte_is_an_error_or_makes_no_difference(
    compression: Compression, data: st.DataObject
) -> None:
    content = bytes(range(256)) * 20
    whole = bytearray(members_of(compression, [content]))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    source = wrap(MemorySource(bytes(whole), 1000), compression=compression, encoding="utf-8")
    try:
        assert read_all(source) == content
    except InputError as error:
        if compression.name not in str(error):
            raise


@pytest.mark.parametrize("compression", **IDS)
def test_what_comes_behind_the_last_member_is_an_error_unless_it_is_padding(
    compression: Compression,
) -> None:
    data = members_of(compression, [b"a\n"])
    padded = wrap(MemorySource(data + bytes(500), 7), compression=compression, encoding="utf-8")
    assert read_all(padded) == b"a\n"
    other = wrap(MemorySource(data + b"b\n" * 9, 7), compression=compression, encoding="utf-8")
    with pytest.raises(InputError, match=compression.name):
        read_all(other)


def test_gzip_is_read_without_isal() -> None:
    with without_isal() as plain:
        data = members_of(plain, [b"a\n", b"b\n"])
        assert read_all(wrap(MemorySource(data, 3), compression=plain, encoding=None)) == b"a\nb\n"


@given(
    st.sampled_from([b"", b"B", b"BZ", b"BZh9,x\n", b"\x1f,\n", b"a,b\n1,2\n"]), st.integers(1, 9)
)
def test_text_that_begins_alike_passes_as_it_is(text: bytes, block_bytes: int) -> None:
    source = wrap(MemorySource(text, block_bytes), compression=None, encoding="utf-8")
    assert read_all(source) == text


@pytest.mark.parametrize("compression", **IDS)
def test_a_bomb_is_never_held_as_a_whole(compression: Compression) -> None:
    data = members_of(compression, [bytes(40_000_000)])
    assert len(data) < 40_000
    source = wrap(MemorySource(data, 1 << 20), compression=compression, encoding="utf-8")

    async def main() -> int:
        view, reads = memoryview(bytearray(100_000)), 0
        while await source.read_into(view):
            reads += 1
        return reads

    assert asyncio.run(main()) >= 400


def test_xz_that_asks_for_too_much_memory_is_refused(tmp_path: Path) -> None:
    import lzma

    chain = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 28}]
    data = lzma.compress(b"a\n", filters=chain)
    with pytest.raises(InputError, match=r"broken xz data .*[Mm]emory"):
        read_all(wrap(MemorySource(data, 1000), compression=None, encoding=None))
