"""The reader waits on a live input no longer than it must, and loses nothing meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest
from codec.conversions import CSV, JSONL

from streamx.chunk import Chunk
from streamx.codec.layout import ColumnType, Format
from streamx.errors import InputError
from streamx.flow import Credits
from streamx.read import reader as readers
from streamx.read.pace import ChunkPace
from streamx.read.reader import ChunkReader
from streamx.testing import settle
from streamx.transform.operations import Select
from streamx.transform.plan import Recipe
from streamx.transform.resolve import Ending, Resolution, resolve

# Longer than any test; a wait that the test expects to end is patched to be short.
NEVER_SECONDS = 1_000.0
SHORT_SECONDS = 0.02
PATIENCE_SECONDS = 10


class LiveFake:
    """A live source that gives what the test sends, one block for each read.

    Attributes:
        asked: the size of each read.
    """

    name = "live"
    total_bytes: int | None = None
    is_slow = True
    is_live = True

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.bytes_read = 0
        self.is_closed = False
        self._blocks: asyncio.Queue[bytes | Exception] = asyncio.Queue()
        self._rest = b""

    async def send(self, block: bytes | Exception) -> None:
        """Give a block (none for the end, or an error) and let the reader take it in."""
        self._blocks.put_nowait(block)
        await settle()

    def read_now(self, view: memoryview) -> int | None:
        return None

    async def read_into(self, view: memoryview) -> int:
        self.asked.append(len(view))
        if not self._rest:
            block = await self._blocks.get()
            if isinstance(block, Exception):
                raise block
            self._rest = block
        block, self._rest = self._rest[: len(view)], self._rest[len(view) :]
        view[: len(block)] = block
        self.bytes_read += len(block)
        return len(block)

    async def close(self) -> None:
        self.is_closed = True


class Flood(LiveFake):
    """A live source that always has one more record ready."""

    def read_now(self, view: memoryview) -> int | None:
        count = min(len(view), 2)
        view[:count] = b"1\n"[:count]
        return count


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, PATIENCE_SECONDS))


def wait_for(patch: pytest.MonkeyPatch, *, open: float, pause: float) -> None:
    """Say how long the head waits for more before it counts as paused, and then as idle."""
    patch.setattr(readers, "_WAIT_SECONDS", {"open": open, "pause": pause, "idle": None})


def resolving(reader: ChunkReader, recipe: Recipe) -> asyncio.Future[Resolution]:
    return asyncio.ensure_future(
        reader.resolve(lambda head, ending: resolve(recipe, head, ending, "live"))
    )


async def chunks_of(
    reader: ChunkReader, format: Format, credits: Credits, start: int = 0
) -> AsyncIterator[Chunk]:
    """Read chunks from `start` of the head on."""
    recipe = Recipe(format, CSV, columns=("a",))
    resolution = resolve(recipe, b"a\n", "end", "live")
    assert resolution is not None
    at = Resolution(resolution.plan, start, 1)
    async for chunk in reader.chunks(at, format, credits):
        yield chunk


def test_header_in_pieces_resolves_as_soon_as_it_is_complete(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wait_for(monkeypatch, open=SHORT_SECONDS, pause=NEVER_SECONDS)

    async def main() -> None:
        source = LiveFake()
        reader = ChunkReader(source, ChunkPace(1024), 4096)
        resolution = resolving(reader, Recipe(CSV, CSV))
        for piece in (b"a,", b'"b', b'\n"', b",c"):
            await source.send(piece)
        assert not resolution.done()
        await source.send(b"\n")
        assert (await resolution).plan.header == b'a,"b\n",c\n'
        assert (await resolution).start == 9
        await reader.close()
        assert source.is_closed

    run(main())


def test_jsonl_to_jsonl_with_select_resolves_without_a_sample_after_a_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wait_for(monkeypatch, open=SHORT_SECONDS, pause=NEVER_SECONDS)

    async def main() -> None:
        source = LiveFake()
        reader = ChunkReader(source, ChunkPace(1024), 4096)
        resolution = resolving(reader, Recipe(JSONL, JSONL, operations=(Select(("a",)),)))
        await source.send(b'{"b"')
        found = await resolution
        assert [column.name for column in found.plan.layout.columns] == ["a"]
        assert (found.start, found.warnings) == (0, ())
        await reader.close()

    run(main())


def test_jsonl_to_csv_waits_beyond_a_pause_until_the_input_is_idle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        source = LiveFake()
        reader = ChunkReader(source, ChunkPace(1024), 4096)
        endings: list[str] = []

        def decide(head: bytes, ending: Any) -> Resolution | None:
            endings.append(ending)
            return resolve(Recipe(JSONL, CSV), head, ending, "live")

        resolution = asyncio.ensure_future(reader.resolve(decide))
        await source.send(b'{"b":1,"a":2}\n{"c":')
        found = await resolution
        assert found.plan.header == b"b,a\n"
        assert endings[-2:] == ["pause", "idle"]
        assert "went idle: the columns were decided" in found.warnings[0]
        await reader.close()

    wait_for(monkeypatch, open=SHORT_SECONDS, pause=SHORT_SECONDS)
    run(main())


def test_slow_input_that_is_not_live_never_counts_as_idle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wait_for(monkeypatch, open=SHORT_SECONDS, pause=0)

    async def main() -> None:
        source = LiveFake()
        source.is_live = False
        reader = ChunkReader(source, ChunkPace(1024), 4096)
        endings: list[str] = []
        has_paused = asyncio.Event()

        def decide(head: bytes, ending: Ending) -> Resolution | None:
            endings.append(ending)
            if ending == "pause":
                loop.call_soon_threadsafe(has_paused.set)
            return resolve(Recipe(JSONL, CSV), head, ending, "slow")

        loop = asyncio.get_running_loop()
        resolution = asyncio.ensure_future(reader.resolve(decide))
        await source.send(b'{"a":1}\n')
        await has_paused.wait()
        await settle()  # in which a live one would become idle
        await source.send(b'{"a":1,"b":2}\n')
        await source.send(b"")
        assert [column.name for column in (await resolution).plan.layout.columns] == ["a", "b"]
        assert "idle" not in endings
        await reader.close()

    run(main())


def test_types_are_resolved_at_idle_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    wait_for(monkeypatch, open=SHORT_SECONDS, pause=SHORT_SECONDS)

    async def main() -> None:
        source = LiveFake()
        reader = ChunkReader(source, ChunkPace(1024), 4096)
        resolution = resolving(reader, Recipe(CSV, JSONL))
        await source.send(b"a,b\n1,x\n2,y\n3.")
        found = await resolution
        types = [column.type for column in found.plan.layout.columns]
        assert types == [ColumnType.INTEGER, ColumnType.STRING]
        assert found.warnings == (
            "live went idle: column types were decided from the records that had come; "
            "pin them with --type a=integer --type b=string, or --types string",
        )
        await reader.close()

    run(main())


def test_idle_input_without_a_whole_record_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    wait_for(monkeypatch, open=0, pause=0)

    async def main() -> None:
        source = LiveFake()
        reader = ChunkReader(source, ChunkPace(1024), 4096)
        resolution = resolving(reader, Recipe(CSV, JSONL))
        await source.send(b"a\n1")
        await settle(200)
        assert not resolution.done()
        await source.send(b"\n")
        assert (await resolution).plan.layout.columns[0].type is ColumnType.INTEGER
        await reader.close()

    run(main())


def test_end_of_a_live_input_resolves_what_there_is_without_a_warning() -> None:
    async def main() -> None:
        source = LiveFake()
        reader = ChunkReader(source, ChunkPace(1024), 4096)
        resolution = resolving(reader, Recipe(CSV, JSONL))
        await source.send(b"a\n1")
        await source.send(b"")
        assert (await resolution).warnings == ()
        chunks = [c async for c in reader.chunks(await resolution, CSV, Credits(4, 4096))]
        assert chunks == [Chunk(0, 2, 2, b"1")]
        await reader.close()

    run(main())


def test_read_that_fails_is_raised_by_whatever_waits_for_it() -> None:
    async def main() -> None:
        source = LiveFake()
        reader = ChunkReader(source, ChunkPace(1024), 4096)
        resolution = resolving(reader, Recipe(CSV, CSV))
        await source.send(b"a")
        await source.send(InputError("the cable was cut"))
        with pytest.raises(InputError, match="the cable was cut"):
            await resolution
        await reader.close()
        assert source.is_closed

    run(main())


def test_record_is_passed_on_after_its_wait_though_more_trickles_in() -> None:
    async def main() -> None:
        source, credits = LiveFake(), Credits(4, 1 << 20)
        reader = ChunkReader(source, ChunkPace(1 << 16), 1 << 20, linger_seconds=0.05)
        loop = asyncio.get_running_loop()
        first = asyncio.ensure_future(anext(chunks_of(reader, CSV, credits)))
        await source.send(b"1\n")
        sent, started = b"1\n", loop.time()
        while not first.done():
            assert loop.time() - started < 5, "a trickle delays the first record for ever"
            await source.send(b"2\n")
            sent += b"2\n"
        data = bytes(first.result().data)
        assert data.startswith(b"1\n2\n")
        assert sent.startswith(data)
        assert len(data) < 1 << 16
        await reader.close()

    run(main())


def test_input_that_never_pauses_delays_no_record_and_lets_others_run() -> None:
    async def main() -> None:
        reader = ChunkReader(Flood(), ChunkPace(1 << 24), 1 << 25, linger_seconds=0.05)
        first = asyncio.ensure_future(anext(chunks_of(reader, CSV, Credits(4, 1 << 26))))
        turns = 0
        while not first.done():
            turns += 1
            await asyncio.sleep(0)
        assert turns > 10
        assert 0 < len(first.result().data) < 1 << 24
        await reader.close()

    run(main())


def test_record_that_is_not_whole_waits_and_nothing_of_it_is_lost() -> None:
    async def main() -> None:
        source, credits = LiveFake(), Credits(4, 1 << 20)
        reader = ChunkReader(source, ChunkPace(1024), 4096, linger_seconds=0)
        chunks = chunks_of(reader, CSV, credits)
        first = asyncio.ensure_future(anext(chunks))
        await source.send(b'1\n2,"')
        assert (await first).data == b"1\n"
        second = asyncio.ensure_future(anext(chunks))
        await source.send(b"\n")
        await settle(100)
        assert not second.done()
        await source.send(b'"\n')
        assert await second == Chunk(1, 2, 2, b'2,"\n"\n')
        await reader.close()

    run(main())


def test_record_longer_than_a_chunk_makes_a_longer_chunk_and_its_credit_grows() -> None:
    async def main() -> None:
        source, credits = LiveFake(), Credits(4, 1 << 20)
        reader = ChunkReader(source, ChunkPace(10), 4096, linger_seconds=NEVER_SECONDS)
        chunks = chunks_of(reader, CSV, credits)
        first = asyncio.ensure_future(anext(chunks))
        await settle()
        assert credits.statistics().fill_bytes == 10
        record = b"x" * 99 + b"\n"
        await source.send(record[:50])
        assert credits.statistics().fill_bytes == 80
        await source.send(record[50:] + b"1\n")
        await source.send(b"")
        assert (await first).data in (record, record + b"1\n")
        assert credits.statistics().fill_bytes >= 100
        rest = [chunk.data async for chunk in chunks]
        assert b"".join([(await first).data, *rest]) == record + b"1\n"
        await reader.close()

    run(main())


def test_longer_record_waits_for_the_credit_of_its_growth() -> None:
    async def main() -> None:
        source, credits = LiveFake(), Credits(4, 40)
        reader = ChunkReader(source, ChunkPace(10), 4096, linger_seconds=0)
        chunks = chunks_of(reader, CSV, credits)
        first = asyncio.ensure_future(anext(chunks))
        await source.send(b"1\n")
        assert (await first).data == b"1\n"
        second = asyncio.ensure_future(anext(chunks))
        for _ in range(10):
            await source.send(b"x" * 10)
        read_bytes = source.bytes_read
        await settle(100)
        assert source.bytes_read == read_bytes < 60, "more was read than there was credit for"
        credits.release(0)
        await source.send(b"\n")
        assert (await second).data == b"x" * 100 + b"\n"
        await reader.close()

    run(main())


def test_nothing_is_read_while_there_is_no_credit() -> None:
    async def main() -> None:
        source, credits = LiveFake(), Credits(1, 10)
        reader = ChunkReader(source, ChunkPace(10), 4096, linger_seconds=0)
        chunks = chunks_of(reader, CSV, credits)
        first = asyncio.ensure_future(anext(chunks))
        await source.send(b"1\n")
        await first
        asked = len(source.asked)
        second = asyncio.ensure_future(anext(chunks))
        await source.send(b"2\n")
        assert (len(source.asked), second.done()) == (asked, False)
        credits.release(0)
        assert (await second).data == b"2\n"
        await reader.close()

    run(main())


def test_reads_ask_for_no_more_than_the_chunk_still_wants() -> None:
    async def main() -> None:
        source, credits = LiveFake(), Credits(4, 1 << 20)
        reader = ChunkReader(source, ChunkPace(10), 4096, linger_seconds=NEVER_SECONDS)
        first = asyncio.ensure_future(anext(chunks_of(reader, CSV, credits)))
        for block in (b"1\n", b"2\n3\n", b"4\n5\n6\n7\n"):
            await source.send(block)
        assert (await first).data == b"1\n2\n3\n4\n5\n"
        assert source.asked[:3] == [10, 8, 4]
        await reader.close()

    run(main())
