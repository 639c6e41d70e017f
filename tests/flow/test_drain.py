"""DrainWriter makes a producer wait above the high-water mark until the low one is reached."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from streamx.flow import DrainWriter
from streamx.testing import SlowSink


def test_the_producer_waits_above_the_high_mark_until_the_low_mark() -> None:
    async def main() -> None:
        sink = SlowSink()
        writer = DrainWriter(sink.write, high_water_bytes=10, low_water_bytes=4)
        running = asyncio.ensure_future(writer.run())
        await writer.write(b"12345")
        await asyncio.sleep(0)  # the sink is now busy with the first part
        full = asyncio.ensure_future(writer.write(b"67890"))
        await asyncio.sleep(0)
        assert not full.done()
        assert writer.statistics().is_paused
        await sink.take()
        assert not full.done(), "5 bytes remain, which is above the low mark"
        await sink.take()
        await full
        assert writer.statistics().peak_bytes == 10
        writer.close()
        await running
        assert b"".join(sink.written) == b"1234567890"
        assert writer.bytes_written == 10

    asyncio.run(main())


def test_a_callback_comes_only_after_what_was_written_before_it() -> None:
    async def main() -> None:
        sink = SlowSink()
        writer = DrainWriter(sink.write, 100)
        running = asyncio.ensure_future(writer.run())
        seen: list[int] = []
        await writer.write(b"ab")
        writer.call_when_drained(lambda: seen.append(len(sink.written)))
        await sink.take(0)
        assert seen == []
        await sink.take()
        assert seen == [1]
        writer.close()
        await running

    asyncio.run(main())


def test_a_failed_write_ends_the_run_with_its_error() -> None:
    async def main() -> None:
        async def broken(_: Sequence[bytes]) -> None:
            raise OSError(28, "No space left on device")

        writer = DrainWriter(broken, 100)
        await writer.write(b"x")
        with pytest.raises(OSError, match="No space"):
            await writer.run()

    asyncio.run(main())


def test_the_marks_must_be_in_order() -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="low-water"):
            DrainWriter(SlowSink().write, 10, 10)

    asyncio.run(main())
