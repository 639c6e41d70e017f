"""Sinks write every byte, however little the other side takes at a time."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import threading
from collections import deque
from pathlib import Path

import pytest

from streamx.descriptors import ThreadedFile
from streamx.errors import OutputError, ReaderGoneError
from streamx.write import sinks
from streamx.write.publish import Target
from streamx.write.sinks import FileSink, LiveSink, open_sink

DATA = random.Random(1).randbytes(1_000_000)
MORE_THAN_A_PIPE_HOLDS = DATA * 3


class CountedFile(ThreadedFile):
    """Counts how often its thread is called to write."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "wb", "counted", closes=True)
        self.writes = 0

    async def write(self, parts: deque[memoryview]) -> None:
        self.writes += 1
        await super().write(parts)


def live_sink(write_end: int) -> LiveSink:
    os.set_blocking(write_end, False)
    return LiveSink(write_end, "pipe", closes=True, restores=False)


def test_live_sink_writes_everything_to_a_reader_that_takes_little_at_a_time() -> None:
    read_end, write_end = os.pipe()
    pieces: list[bytes] = []

    def read_slowly() -> None:
        while piece := os.read(read_end, 3_000):
            pieces.append(piece)

    async def main() -> None:
        sink = live_sink(write_end)
        await sink.write([DATA[:7]])
        await sink.write([b""])
        rest = MORE_THAN_A_PIPE_HOLDS[7:]
        writing = asyncio.ensure_future(sink.write([rest[:500_000], b"", rest[500_000:]]))
        await asyncio.sleep(0)
        assert not writing.done(), "a pipe holds less than this"
        reader = threading.Thread(target=read_slowly)
        reader.start()
        await writing
        await sink.commit()
        await asyncio.to_thread(reader.join)

    asyncio.run(asyncio.wait_for(main(), 20))
    os.close(read_end)
    assert b"".join(pieces) == MORE_THAN_A_PIPE_HOLDS


def test_live_sink_tells_that_its_reader_went_away_while_it_waits() -> None:
    read_end, write_end = os.pipe()

    async def main() -> None:
        sink = live_sink(write_end)
        writing = asyncio.ensure_future(sink.write([MORE_THAN_A_PIPE_HOLDS]))
        await asyncio.sleep(0)
        assert not writing.done()
        os.close(read_end)
        with pytest.raises(ReaderGoneError):
            await writing
        await sink.abort()

    asyncio.run(asyncio.wait_for(main(), 20))


def test_live_sink_gives_a_shared_descriptor_back_as_it_was() -> None:
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    asyncio.run(LiveSink(write_end, "pipe", closes=False, restores=True).commit())
    assert os.get_blocking(write_end)
    os.close(read_end)
    os.close(write_end)


def test_file_sink_writes_everything_to_a_file_that_takes_3_bytes_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, system_writev, calls = tmp_path / "out", os.writev, 0

    def writev(descriptor: int, parts: list[memoryview]) -> int:
        """Write 3 bytes, and every other time say that it would have to wait."""
        nonlocal calls
        calls += 1
        if calls % 2:
            raise BlockingIOError
        return system_writev(descriptor, [b"".join(parts)[:3]])

    async def main() -> None:
        sink = FileSink(CountedFile(os.open(path, os.O_WRONLY | os.O_CREAT)), "out", None)
        await sink.write([DATA[:98], b"", DATA[98:99], DATA[99:100]])
        await sink.write([])
        await sink.write([b""])
        await sink.write([DATA[100:200]])
        await sink.commit()

    monkeypatch.setattr(sinks, "_RETRY_SECONDS", 0)
    monkeypatch.setattr(os, "writev", writev)
    asyncio.run(main())
    assert calls == 2 * (34 + 34)
    assert path.read_bytes() == DATA[:200]


def test_file_sink_writes_any_number_of_parts_in_one_call_of_its_thread(tmp_path: Path) -> None:
    path = tmp_path / "out"
    parts = [DATA[at : at + 7] for at in range(0, 21_000, 7)]
    assert len(parts) > 2 * 1024, "more than two system calls take"

    async def main() -> int:
        file = CountedFile(os.open(path, os.O_WRONLY | os.O_CREAT))
        sink = FileSink(file, "out", None)
        await sink.write(parts)
        await sink.commit()
        return file.writes

    assert asyncio.run(main()) == 1
    assert path.read_bytes() == DATA[:21_000]


def test_file_sink_leaves_its_thread_while_a_device_would_have_it_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)

    async def main() -> bytes:
        file = CountedFile(write_end)
        sink = FileSink(file, "device", None)
        writing = asyncio.ensure_future(sink.write([DATA[:400_000], DATA[400_000:]]))
        taken = b""
        while len(taken) < len(DATA):
            taken += await asyncio.to_thread(os.read, read_end, 50_000)
        await writing
        assert file.writes > 1
        await sink.commit()
        return taken

    monkeypatch.setattr(sinks, "_RETRY_SECONDS", 0)
    assert asyncio.run(asyncio.wait_for(main(), 20)) == DATA
    os.close(read_end)


def test_file_sink_does_not_mind_a_file_system_that_takes_no_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []

    def refuse(descriptor: int, offset: int, size_bytes: int, advice: int) -> None:
        asked.append((offset, size_bytes))
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "posix_fadvise", refuse)
    monkeypatch.setattr(sinks, "_FLUSH_BYTES", 4)

    async def main() -> None:
        sink = await open_sink(Target.of(str(tmp_path / "out"), "-", is_direct=False))
        for data in (b"abc", b"de", b"f", b"ghijk"):
            await sink.write([data])
        await sink.commit()

    asyncio.run(main())
    assert (tmp_path / "out").read_bytes() == b"abcdefghijk"
    assert asked == [(0, 5), (5, 6)]


def test_file_sink_that_is_aborted_leaves_no_file(tmp_path: Path) -> None:
    async def main() -> None:
        sink = await open_sink(Target.of(str(tmp_path / "out.csv"), "in", is_direct=False))
        await sink.write([DATA])
        assert len(os.listdir(tmp_path)) == 1
        await sink.abort()

    asyncio.run(main())
    assert os.listdir(tmp_path) == []


def test_direct_file_is_cut_off_only_when_there_is_something_new(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_bytes(DATA)

    async def main() -> None:
        target = Target.of(str(path), "in", is_direct=True)
        aborted = await open_sink(target)
        await aborted.write([b""])
        await aborted.abort()
        assert path.read_bytes() == DATA
        committed = await open_sink(target)
        await committed.write([b"new"])
        await committed.commit()

    asyncio.run(main())
    assert path.read_bytes() == b"new"


def test_full_device_is_an_output_error_and_closes_the_file() -> None:
    before = len(os.listdir("/proc/self/fd"))

    async def main() -> None:
        sink = await open_sink(Target.of("/dev/full", "in", is_direct=False))
        with pytest.raises(OutputError, match="cannot write /dev/full: No space left on device"):
            await sink.write([b"x"])
        await sink.abort()

    asyncio.run(main())
    assert len(os.listdir("/proc/self/fd")) == before
