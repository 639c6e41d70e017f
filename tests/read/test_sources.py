"""Sources read pipes without blocking and without changing what others share with them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamx.read.sources import LiveSource, open_source


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe as (read end, write end)."""
    read_end, write_end = os.pipe()
    yield read_end, write_end
    os.close(read_end)
    os.close(write_end)


def test_what_a_pipe_holds_is_read_at_once_and_what_it_lacks_is_not_waited_for(
    pipe: tuple[int, int],
) -> None:
    read_end, write_end = pipe
    source = LiveSource(read_end, "pipe", closes=False)
    assert source.read_now(10) is None
    os.write(write_end, b"abc")
    assert source.read_now(2) == b"ab"
    assert source.read_now(10) == b"c"
    assert source.read_now(10) is None
    assert source.bytes_read == 3
    assert os.get_blocking(read_end), "the description may be shared"


def test_end_of_a_pipe_is_read_at_once_as_often_as_it_is_asked_for() -> None:
    read_end, write_end = os.pipe()
    os.close(write_end)
    source = LiveSource(read_end, "pipe", closes=True)
    assert source.read_now(10) == b""
    assert asyncio.run(source.read(10)) == b""
    asyncio.run(source.close())


def test_fifo_that_no_writer_has_opened_yet_is_not_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)

    async def main() -> None:
        source = await open_source(str(path))
        assert source.read_now(10) is None
        reading = asyncio.ensure_future(source.read(10))
        await asyncio.sleep(0)
        assert not reading.done()
        writer = os.open(path, os.O_WRONLY)
        assert source.read_now(10) is None
        os.write(writer, b"late")
        assert await reading == b"late"
        os.close(writer)
        assert await source.read(10) == b""
        await source.close()

    asyncio.run(asyncio.wait_for(main(), 10))
