"""Compressed output is read by every tool, and has the same bytes however it was written."""

from __future__ import annotations

import asyncio
import random
import subprocess
from collections.abc import Sequence

import pytest
from compressions import ALL, decompress, without_isal

from streamx.compression import Compressing, Compression
from streamx.errors import UsageError
from streamx.write.compress import compressed

DATA = b"".join(b"%d,%d\n" % (n, n * n) for n in range(80_000))
NOISE = random.Random(1).randbytes(1_000_000)
TOOLS = {"gzip": "gzip", "bzip2": "bzip2", "xz": "xz", "zstd": "zstd"}
STREAMED = [each for each in ALL if each.name in ("gzip", "zstd")]


class MemorySink:
    """Keeps what is written."""

    name = "memory"

    def __init__(self) -> None:
        self.data = b""
        self.ending = ""

    async def write(self, parts: Sequence[bytes | memoryview]) -> None:
        self.data += b"".join(parts)

    async def prepare(self) -> None:
        self.ending += "prepared, "

    async def commit(self) -> None:
        self.ending += "committed"

    async def abort(self) -> None:
        self.ending += "aborted"


def written(
    compression: Compression, *writes: bytes, threads: int = 2, is_live: bool = False
) -> bytes:
    async def main() -> bytes:
        inner = MemorySink()
        sink = compressed(inner, Compressing.of(compression, None, threads), is_live=is_live)
        for data in writes:
            await sink.write([data])
        await sink.commit()
        assert (sink.name, inner.ending) == ("memory", "prepared, committed")
        return inner.data

    return asyncio.run(main())


@pytest.mark.parametrize("compression", ALL, ids=lambda each: each.name)
@pytest.mark.parametrize("is_live", [False, True])
@pytest.mark.parametrize(
    "writes",
    [(), (b"",), (b"a\n", b"b\n"), (DATA, b"end\n"), (NOISE, DATA)],
    ids=["nothing", "no bytes", "two lines", "several blocks", "noise"],
)
def test_what_was_written_is_read_and_has_the_same_bytes_every_time(
    compression: Compression, is_live: bool, writes: tuple[bytes, ...]
) -> None:
    data = written(compression, *writes, is_live=is_live)
    assert decompress(compression, data) == b"".join(writes)
    assert data.startswith(compression.magics)
    assert written(compression, *writes, is_live=is_live) == data


@pytest.mark.parametrize("compression", ALL, ids=lambda each: each.name)
def test_bytes_depend_neither_on_threads_nor_on_how_they_come(compression: Compression) -> None:
    pieces = [DATA[at : at + 9_999] for at in range(0, len(DATA), 9_999)]
    assert written(compression, *pieces, threads=1) == written(compression, DATA, threads=3)


@pytest.mark.parametrize("compression", ALL, ids=lambda each: each.name)
def test_the_usual_tools_read_it(compression: Compression) -> None:
    tool = TOOLS[compression.name]
    try:
        read = subprocess.run([tool, "-dc"], input=written(compression, DATA), capture_output=True)
    except FileNotFoundError:
        pytest.skip(f"there is no {tool} here")
    assert (read.stdout, read.stderr) == (DATA, b"")


def test_gzip_has_no_name_and_no_time() -> None:
    assert written(ALL[0], DATA)[3:8] == bytes(5)


@pytest.mark.parametrize("level", [1, 6])
def test_gzip_without_isal_is_read_the_same(level: int) -> None:
    with without_isal() as plain:
        coder = plain.loaded()
        data = coder.compress(DATA, level)
        assert decompress(plain, data) == DATA
        assert coder.error.__module__ == "zlib"
    assert decompress(ALL[0], data) == DATA


@pytest.mark.parametrize("compression", STREAMED, ids=lambda each: each.name)
def test_every_write_of_a_live_input_can_be_decoded_at_once(compression: Compression) -> None:
    async def main() -> None:
        inner, reader = MemorySink(), compression.loaded().decompressor()
        sink = compressed(inner, Compressing.of(compression), is_live=True)
        for record in (b"a\n", DATA[:100_000], b"b\n"):
            before = len(inner.data)
            await sink.write([record])
            assert reader.decompress(inner.data[before:], len(record) + 1) == record

    asyncio.run(main())


def test_memory_is_bounded_by_the_blocks_that_threads_work_on() -> None:
    async def main() -> None:
        inner = MemorySink()
        compressing = Compressing.of(ALL[0], 1, 2)
        sink = compressed(inner, compressing)
        block = bytes(compressing.compression.block_bytes)
        for count in range(1, 9):
            await sink.write([block])
            assert inner.data.count(compressing.compression.magics[0]) >= count - 2

    asyncio.run(main())


def test_aborted_output_is_not_ended() -> None:
    async def main() -> bytes:
        inner = MemorySink()
        sink = compressed(inner, Compressing.of(ALL[0]))
        await sink.write([DATA])
        await sink.abort()
        assert inner.ending == "aborted"
        return inner.data

    assert len(asyncio.run(main())) < len(written(ALL[0], DATA))


@pytest.mark.parametrize("compression", ALL, ids=lambda each: each.name)
def test_a_level_that_is_none_is_refused_with_those_that_are(compression: Compression) -> None:
    last = compression.levels[-1]
    with pytest.raises(UsageError, match=f"level {last + 1} is none of {compression.name}"):
        Compressing.of(compression, last + 1)


def test_fewer_threads_keep_within_less_memory() -> None:
    xz = Compressing.of(ALL[2], None, 64)
    assert xz.within(xz.held_bytes) == xz
    assert xz.within(xz.held_bytes - 1).threads == xz.threads - 1
    assert xz.within(0).threads == 1
