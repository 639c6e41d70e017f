"""Delivery: the end of the flow, where parts go to their writers and results are added up."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass
from functools import partial

from streamx.chunk import ChunkResult, RejectLines
from streamx.codec.layout import Part
from streamx.errors import StreamxError
from streamx.flow import Credits, DrainWriter, together
from streamx.monitor.report import Totals


@dataclass(frozen=True, slots=True)
class Delivery:
    """Hands on what the workers have made.

    Attributes:
        output, rejects: writers of the two kinds of parts.
        totals: what all results are added to.
        credits: returned when both outputs of a chunk have drained.
        note: told of each part and good result, in order, or None.
    """

    output: DrainWriter
    rejects: DrainWriter
    totals: Totals
    credits: Credits
    note: Callable[[Part | ChunkResult], None] | None = None

    async def run(self, outbound: AsyncIterable[Part | ChunkResult]) -> None:
        """Write what comes until the end, a limit or a bad record; raise the last when all before
        it has been written.
        """
        *_, failure = await together(self._write(), self.rejects.run(), self._feed(outbound))
        if failure is not None:
            raise failure

    async def _feed(self, outbound: AsyncIterable[Part | ChunkResult]) -> StreamxError | None:
        await self.output.write(self.totals.plan.header)
        failure = None
        if 0 not in self.totals.plan.limits:
            failure = await self._feed_chunks(outbound)
        self.output.close()
        return failure

    async def _write(self) -> None:
        await self.output.run()
        self.rejects.close()  # not before: as output drains, credits come to wait for rejects

    async def _feed_chunks(
        self, outbound: AsyncIterable[Part | ChunkResult]
    ) -> StreamxError | None:
        async for item in outbound:
            if self.note is not None and not isinstance(item, ChunkResult):
                self.note(item)
            if isinstance(item, RejectLines):
                await self.rejects.write(item)
            elif not isinstance(item, ChunkResult):
                await self.output.write(item)
            else:
                failure = self._add(item)
                if failure is not None:
                    return failure
                if item.is_last:
                    break
        return self.totals.end()

    def _add(self, result: ChunkResult) -> StreamxError | None:
        failure = self.totals.add(result)
        if self.note is not None and failure is None:
            self.note(result)
        release = partial(self.credits.release, result.sequence)
        self.output.call_when_drained(partial(self.rejects.call_when_drained, release))
        return failure
