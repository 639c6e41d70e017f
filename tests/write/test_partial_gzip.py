"""A compressed partial output can be continued however often the run that goes on is killed."""

from __future__ import annotations

import asyncio
import gzip
import random
from pathlib import Path

import pytest

from streamx.write.partial import MEMBER_BYTES, open_partial
from streamx.write.publish import Target

DATA = random.Random(1).randbytes(MEMBER_BYTES // 2) * 5


@pytest.mark.parametrize("kept_bytes", [1000, MEMBER_BYTES, MEMBER_BYTES + 70_000])
@pytest.mark.parametrize("more_bytes", [0, 1000, MEMBER_BYTES])
def test_a_run_that_ends_before_its_first_checkpoint_takes_nothing_from_the_one_before(
    tmp_path: Path, kept_bytes: int, more_bytes: int
) -> None:
    def target(name: str) -> Target:
        return Target.of(str(tmp_path / name), "-", is_direct=False)

    async def main() -> None:
        whole = await open_partial(target("whole.gz"), 0, 0, is_gzip=True)
        await whole.write([DATA])
        await whole.commit()
        sink = await open_partial(target("out.gz"), 0, 0, is_gzip=True)
        await sink.write([DATA])
        place = sink.place_of(kept_bytes)
        await sink.suspend()
        for _ in range(3):
            sink = await open_partial(target("out.gz"), kept_bytes, place, is_gzip=True)
            await sink.write([DATA[kept_bytes : kept_bytes + more_bytes]])
            await sink.suspend()
        sink = await open_partial(target("out.gz"), kept_bytes, place, is_gzip=True)
        await sink.write([DATA[kept_bytes:]])
        await sink.commit()

    asyncio.run(main())
    assert (tmp_path / "out.gz").read_bytes() == (tmp_path / "whole.gz").read_bytes()
    assert gzip.decompress((tmp_path / "out.gz").read_bytes()) == DATA


def test_an_output_that_becomes_shorter_has_nothing_of_the_longer_one(tmp_path: Path) -> None:
    target = Target.of(str(tmp_path / "out.gz"), "-", is_direct=False)

    async def main() -> None:
        sink = await open_partial(target, 0, 0, is_gzip=True)
        await sink.write([DATA])
        place = sink.place_of(1000)
        await sink.suspend()
        sink = await open_partial(target, 1000, place, is_gzip=True)
        await sink.write([b"the end"])
        await sink.commit()

    asyncio.run(main())
    assert gzip.decompress((tmp_path / "out.gz").read_bytes()) == DATA[:1000] + b"the end"
