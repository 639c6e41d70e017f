"""DrainWriter makes a producer wait above the high-water mark until the low one is reached."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from streamx.flow import BufferClosedError, DrainWriter
from streamx.testing import SlowSink, settle


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


def test_producers_that_wait_add_nothing_and_then_have_their_turn_in_order() -> None:
    async def main() -> None:
        sink = SlowSink()
        writer = DrainWriter(sink.write, high_water_bytes=4)
        running = asyncio.ensure_future(writer.run())
        producers = [asyncio.ensure_future(writer.write(b"%d" % n * 4)) for n in range(5)]
        await settle()
        for _ in producers:
            assert writer.statistics().fill_bytes == 4
            await sink.take()
        await asyncio.gather(*producers)
        assert sink.written == [b"0000", b"1111", b"2222", b"3333", b"4444"]
        writer.close()
        await running

    asyncio.run(main())


def test_small_parts_are_bounded_by_their_number() -> None:
    async def main() -> None:
        writer = DrainWriter(SlowSink().write, 1000, high_water_parts=3)
        for _ in range(2):
            await writer.write(b"")
        third = asyncio.ensure_future(writer.write(b""))
        await settle()
        assert not third.done()
        assert writer.statistics().capacity == writer.statistics().fill == 3
        third.cancel()

    asyncio.run(main())


def test_whoever_writes_after_the_sink_has_failed_or_the_end_hears_of_it() -> None:
    async def main() -> None:
        async def broken(_: Sequence[bytes]) -> None:
            raise OSError(28, "No space left on device")

        failed, closed = DrainWriter(broken, 2), DrainWriter(broken, 2)
        waiting = asyncio.ensure_future(failed.write(b"xx"))
        await settle()
        with pytest.raises(OSError, match="No space"):
            await failed.run()
        for write in (waiting, failed.write(b"y")):
            with pytest.raises(BufferClosedError, match="failed") as error:
                await write
            assert isinstance(error.value.__cause__, OSError)
        closed.close()
        with pytest.raises(BufferClosedError, match="close"):
            await closed.write(b"z")

    asyncio.run(main())


def test_the_marks_must_be_in_order() -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="low-water"):
            DrainWriter(SlowSink().write, 10, 10)

    asyncio.run(main())
