"""Sources read pipes without blocking and without changing what others share with them."""

from __future__ import annotations

import asyncio
import errno
import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamx.compression import GZIP
from streamx.read.decode import wrap
from streamx.read.sources import LiveSource, Source, open_source


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe as (read end, write end)."""
    read_end, write_end = os.pipe()
    yield read_end, write_end
    os.close(read_end)
    os.close(write_end)


def read_now(source: Source, size_bytes: int) -> bytes | None:
    view = memoryview(bytearray(size_bytes))
    count = source.read_now(view)
    return None if count is None else bytes(view[:count])


async def read(source: Source, size_bytes: int) -> bytes:
    view = memoryview(bytearray(size_bytes))
    return bytes(view[: await source.read_into(view)])


async def read_all(source: Source, size_bytes: int) -> bytes:
    data = b""
    while block := await read(source, size_bytes):
        data += block
    await source.close()
    return data


def test_what_a_pipe_holds_is_read_at_once_and_what_it_lacks_is_not_waited_for(
    pipe: tuple[int, int],
) -> None:
    read_end, write_end = pipe
    source = LiveSource(read_end, "pipe", closes=False)
    assert read_now(source, 10) is None
    os.write(write_end, b"abc")
    assert read_now(source, 2) == b"ab"
    assert read_now(source, 10) == b"c"
    assert read_now(source, 10) is None
    assert source.bytes_read == 3
    assert os.get_blocking(read_end), "the description may be shared"


def test_end_of_a_pipe_is_read_at_once_as_often_as_it_is_asked_for() -> None:
    read_end, write_end = os.pipe()
    os.close(write_end)
    source = LiveSource(read_end, "pipe", closes=True)
    assert read_now(source, 10) == b""
    assert asyncio.run(read(source, 10)) == b""
    asyncio.run(source.close())


def test_fifo_that_no_writer_has_opened_yet_is_not_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)

    async def main() -> None:
        source = await open_source(str(path))
        assert read_now(source, 10) is None
        reading = asyncio.ensure_future(read(source, 10))
        await asyncio.sleep(0)
        assert not reading.done()
        writer = os.open(path, os.O_WRONLY)
        assert read_now(source, 10) is None
        os.write(writer, b"late")
        assert await reading == b"late"
        os.close(writer)
        assert await read(source, 10) == b""
        await source.close()

    asyncio.run(asyncio.wait_for(main(), 10))


def test_file_is_read_from_memory_and_from_its_thread_in_any_order(tmp_path: Path) -> None:
    data = bytes(range(256)) * 4000
    path = tmp_path / "in"
    path.write_bytes(data)

    async def main() -> None:
        source = await open_source(str(path))
        seen = await read(source, 100_000)
        while block := read_now(source, 100_000) or await read(source, 100_000):
            seen += block
            seen += await read(source, 1)
            assert source.bytes_read == len(seen)
        assert seen == data
        assert read_now(source, 1) is None, "only the thread's read can tell the end"
        await source.close()

    asyncio.run(main())


def test_file_whose_system_cannot_tell_what_is_in_memory_is_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, asked = tmp_path / "in", 0
    path.write_bytes(b"abc")

    def preadv(*_: object) -> int:
        nonlocal asked
        asked += 1
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    async def main() -> None:
        monkeypatch.setattr(os, "preadv", preadv)
        source = await open_source(str(path))
        assert read_now(source, 2) is None
        assert await read(source, 2) == b"ab"
        assert read_now(source, 2) is None
        assert await read(source, 2) == b"c"
        assert asked == 1
        await source.close()

    asyncio.run(main())


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252", "shift_jis"])
@pytest.mark.parametrize("size_bytes", [1, 2, 7, 1000])
def test_text_of_another_encoding_comes_whole_however_little_is_asked_for(
    tmp_path: Path, encoding: str, size_bytes: int
) -> None:
    text = {"utf-16": "aé€𝄞\n", "cp1252": "aé€\n", "shift_jis": "a日本ｱ\n"}[encoding] * 5
    path = tmp_path / "in"
    path.write_bytes(text.encode(encoding))

    async def main() -> bytes:
        source = wrap(await open_source(str(path)), compression=None, encoding=encoding)
        return await read_all(source, size_bytes)

    assert asyncio.run(main()) == text.encode()


@pytest.mark.parametrize("size_bytes", [1, 7, 100_000])
def test_gzip_of_any_number_of_members_comes_whole_however_little_is_asked_for(
    tmp_path: Path, size_bytes: int
) -> None:
    members = [b"", b"a\n", b"x" * 200 + b"\n", b""]
    path = tmp_path / "in.gz"
    path.write_bytes(b"".join(map(gzip.compress, members)))

    async def main() -> bytes:
        source = wrap(await open_source(str(path)), compression=GZIP, encoding="utf-8")
        return await read_all(source, size_bytes)

    assert asyncio.run(main()) == b"".join(members)
