"""A compressed partial output can be continued behind any byte, however often runs are killed."""

from __future__ import annotations

import asyncio
import gzip
import random
import resource
from collections.abc import Coroutine
from pathlib import Path

import pytest
from compressions import ALL

from streamx import CheckpointError, OutputError
from streamx.compression import Compressing, Compression
from streamx.write.checkpoint import Kept
from streamx.write.partial import Partial, open_partial
from streamx.write.publish import Target

GZIP = ALL[0]
BLOCK_BYTES = GZIP.block_bytes
DATA = random.Random(1).randbytes(BLOCK_BYTES // 2) * 5
NOTHING = Kept(0)


def opened(directory: Path, kept: Kept) -> Coroutine[None, None, Partial]:
    target = Target.of(str(directory / "out.gz"), "-", is_direct=False)
    return open_partial(target, kept, Compressing.of(GZIP, 1, 2))


def written_by(directory: Path) -> bytes:
    return (directory / "out.gz").read_bytes()


@pytest.fixture
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What an undisturbed run writes."""
    directory = tmp_path_factory.mktemp("whole")

    async def main() -> None:
        sink = await opened(directory, NOTHING)
        await sink.write([DATA])
        await sink.commit()

    asyncio.run(main())
    return written_by(directory)


@pytest.mark.parametrize("kept_bytes", [0, 1000, BLOCK_BYTES, BLOCK_BYTES + 70_000, len(DATA)])
@pytest.mark.parametrize("more_bytes", [0, 1000, BLOCK_BYTES])
def test_a_run_that_ends_before_its_first_checkpoint_takes_nothing_from_the_one_before(
    tmp_path: Path, whole: bytes, kept_bytes: int, more_bytes: int
) -> None:
    async def main() -> None:
        sink = await opened(tmp_path, NOTHING)
        await sink.write([DATA])
        kept = await sink.kept(kept_bytes)
        await sink.suspend()
        for _ in range(3):
            sink = await opened(tmp_path, kept)
            await sink.write([DATA[kept_bytes : kept_bytes + more_bytes]])
            await sink.suspend()
        sink = await opened(tmp_path, kept)
        await sink.write([DATA[kept_bytes:]])
        await sink.commit()

    asyncio.run(main())
    assert written_by(tmp_path) == whole
    assert gzip.decompress(whole) == DATA


def test_every_byte_that_was_written_can_be_kept_at_once(tmp_path: Path, whole: bytes) -> None:
    async def main() -> None:
        kept = NOTHING
        for start in range(0, len(DATA), 99_991):
            sink = await opened(tmp_path, kept)
            await sink.write([DATA[start : start + 99_991]])
            kept = await sink.kept(sink.settled_bytes)
            assert kept.size_bytes == min(start + 99_991, len(DATA))
            assert len(kept.tail) < 4 * BLOCK_BYTES
            await sink.suspend()
        sink = await opened(tmp_path, kept)
        await sink.commit()

    asyncio.run(main())
    assert written_by(tmp_path) == whole


def test_an_output_that_becomes_shorter_has_nothing_of_the_longer_one(tmp_path: Path) -> None:
    async def main() -> None:
        sink = await opened(tmp_path, NOTHING)
        await sink.write([DATA])
        kept = await sink.kept(1000)
        await sink.suspend()
        sink = await opened(tmp_path, kept)
        await sink.write([b"the end"])
        await sink.commit()

    asyncio.run(main())
    assert gzip.decompress(written_by(tmp_path)) == DATA[:1000] + b"the end"


@pytest.mark.parametrize(("before", "now"), [(None, GZIP), (GZIP, None)])
def test_what_was_kept_of_one_kind_of_output_is_not_continued_as_another(
    tmp_path: Path, before: Compression | None, now: Compression | None
) -> None:
    target = Target.of(str(tmp_path / "out"), "-", is_direct=False)
    size_bytes = BLOCK_BYTES + 1000

    async def main() -> None:
        sink = await open_partial(target, NOTHING, before and Compressing.of(before))
        await sink.write([DATA[:size_bytes]])
        kept = await sink.kept(size_bytes)
        await sink.suspend()
        with pytest.raises(CheckpointError, match="compressed otherwise; name that"):
            await open_partial(target, kept, now and Compressing.of(now))

    asyncio.run(main())


def test_an_output_whose_tail_cannot_be_written_again_is_let_go_and_can_be_continued(
    tmp_path: Path, whole: bytes
) -> None:
    kept = Kept(len(DATA), 0, DATA)  # more blocks than wait to be written
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    async def main() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        try:
            with pytest.raises(OutputError, match="too large"):
                await open_partial(
                    Target.of(str(tmp_path / "out.gz"), "-", is_direct=False),
                    kept,
                    Compressing.of(GZIP, 1, 1),
                )
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        sink = await opened(tmp_path, kept)
        await sink.commit()

    asyncio.run(main())
    assert written_by(tmp_path) == whole
