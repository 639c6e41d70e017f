"""LenientRunner: runs a Plan on a chunk to its end, without the records that are bad."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from streamx.chunk import Chunk, ChunkResult
from streamx.codec import convert
from streamx.codec.layout import Bad, Part, Tally
from streamx.transform.bad_records import BadRecords
from streamx.transform.plan import Lenience, both_of, result_of

if TYPE_CHECKING:
    from streamx.transform.plan import Plan

# Between bad records there may be little output at a time; it is handed on together.
_PART_BYTES = 64 * 1024


class LenientRunner:
    """A Plan in one worker that goes on behind bad records; they come among the parts."""

    def __init__(self, plan: Plan, lenience: Lenience) -> None:
        self._layout = plan.layout
        self._lenience = lenience

    def run(self, chunk: Chunk, limits: tuple[int, ...] = ()) -> Generator[Part, None, ChunkResult]:
        """Convert a chunk: yield bounded parts of output and of rejects, return what it came to."""
        bad_records = BadRecords(chunk, self._layout, self._lenience)
        conversion = self._conversion(chunk, limits, bad_records)
        pending: list[Part] = []
        pending_bytes = 0
        while True:
            try:
                part = next(conversion)
            except StopIteration as stop:
                tally: Tally = stop.value
                break
            if part:
                pending.append(part)
                pending_bytes += len(part)
            if pending_bytes >= _PART_BYTES:
                yield from _joined(pending)
                pending, pending_bytes = [], 0
            yield from bad_records.full_lines()
        yield from _joined(pending)
        yield from bad_records.last_lines()
        taken = (tally.records_in, tally.records_out)[: len(limits)]
        is_last = any(number >= limit for number, limit in zip(taken, limits, strict=True))
        tally.records_in += bad_records.count
        return bad_records.added_to(result_of(chunk, tally, taken, is_last=is_last))

    def _conversion(
        self, chunk: Chunk, limits: tuple[int, ...], bad_records: BadRecords
    ) -> Generator[Part, None, Tally]:
        def take(bad: Bad, good_records: int) -> int:
            return bad_records.add(bad, good_records + bad_records.count + 1)

        return convert(chunk.data, self._layout, *both_of(limits), take)


def _joined(parts: list[Part]) -> Generator[Part, None, None]:
    """Yield parts as one, unless there is nothing in them."""
    if len(parts) == 1:
        yield from parts
    elif parts:
        yield b"".join(parts)
