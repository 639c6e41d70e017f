"""Origins: where retried records first stood, and what a run says of them in those terms."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import NamedTuple, TypeVar

import orjson

from streamx.chunk import BadKind, Chunk, ChunkResult, Failure, Notice, Place, RejectLines
from streamx.codec.layout import Part
from streamx.errors import WorkerDiedError
from streamx.transform.plan import Lenience

V = TypeVar("V")
Emit = Callable[[Part], Awaitable[None]]
Run = Callable[[Chunk, Emit], Awaitable[ChunkResult]]

_CUT = BadKind("parse", "cut off in the rejects file")


class Origin(NamedTuple):
    """Where a record comes from.

    Attributes:
        start: where it starts in its chunk.
        source, place: where it stood in the input of the first run.
        attempts: how often it has been tried.
        reject: where its line stands in the rejects file.
    """

    start: Place
    source: str
    place: Place
    attempts: int
    reject: Place


class CutReject(NamedTuple):
    """A reject of which the rejects file holds only the first bytes, so it cannot be run again.

    Attributes:
        line: of the rejects file, with its line feed.
        origin: where the record comes from.
    """

    line: bytes
    origin: Origin


@dataclass(frozen=True, slots=True)
class RetriedChunk(Chunk):
    """Records of a rejects file; offset and line are 0 and 1, the origins say where they stood.

    Attributes:
        origins: of the records, in order.
        cut: rejects that came before them and are passed on.
    """

    origins: tuple[Origin, ...] = ()
    cut: tuple[CutReject, ...] = ()

    def origin_at(self, place: Place) -> Origin:
        """Return the origin of what stands at a place of the chunk, moved to that very byte."""
        index = bisect_right(self.origins, place.offset, key=attrgetter("start.offset"))
        origin = self.origins[max(index - 1, 0)]
        line = origin.place.line + place.line - origin.start.line
        offset = origin.place.offset + place.offset - origin.start.offset
        return origin._replace(place=Place(line, offset))


def told_by_origin(run: Run, lenience: Lenience | None) -> Run:
    """Return what runs a RetriedChunk, so that rejects and failures name where records first stood.

    Everything else that is said of a record names its line in the rejects file.

    Args:
        run: runs a chunk.
        lenience: what becomes of bad records; None if the first one ends the run.
    """

    async def told(chunk: Chunk, emit: Emit) -> ChunkResult:
        assert isinstance(chunk, RetriedChunk), "a rejects file is read into no others"
        if chunk.cut and lenience is None:
            return ChunkResult(chunk.sequence, failure=_failure_of(chunk.cut[0]))
        if chunk.cut and lenience is not None and lenience.writes_rejects:
            await emit(RejectLines(b"".join(cut.line for cut in chunk.cut)))
        lines = _Lines(chunk, emit)
        try:
            result = await run(chunk, lines.emit)
        except WorkerDiedError as error:
            raise _died(error, chunk) from None
        return _told(result, chunk, notes_places=bool(lenience and lenience.notes_places))

    return told


class _Lines:
    """Hands on parts; lines for the rejects file name the first input, and count all attempts."""

    def __init__(self, chunk: RetriedChunk, emit: Emit) -> None:
        self._chunk = chunk
        self._emit = emit
        self._rest = b""  # of a line that comes in pieces

    async def emit(self, part: Part) -> None:
        """Take a part."""
        if not isinstance(part, RejectLines):
            await self._emit(part)
            return
        whole, feed, self._rest = (self._rest + part).rpartition(b"\n")
        if feed:
            await self._emit(RejectLines(b"".join(map(self._told, whole.split(b"\n")))))

    def _told(self, line: bytes) -> bytes:
        reject = orjson.loads(line)
        origin = self._chunk.origin_at(Place(reject["line"], reject["offset"]))
        reject["source"] = origin.source
        reject["line"], reject["offset"] = origin.place.line, origin.place.offset
        reject["attempts"] += origin.attempts
        return orjson.dumps(reject, option=orjson.OPT_APPEND_NEWLINE)


def _told(result: ChunkResult, chunk: RetriedChunk, *, notes_places: bool) -> ChunkResult:
    """Return a result with the places of the rejects file, and what was cut off counted in."""

    def place(at: Place) -> Place:
        return chunk.origin_at(at).reject

    def notices(found: dict[V, Notice]) -> dict[V, Notice]:
        return {key: replace(notice, first=place(notice.first)) for key, notice in found.items()}

    failure, bad_records = result.failure, notices(result.bad_records)
    if failure is not None:
        origin = chunk.origin_at(failure.place)
        failure = replace(failure, place=origin.place, source=origin.source)
    if chunk.cut:
        bad_records[_CUT] = Notice(len(chunk.cut), chunk.cut[0].origin.reject, "")
    return replace(
        result,
        records_in=result.records_in + len(chunk.cut),
        misfits=notices(result.misfits),
        dropped_keys={key: place(at) for key, at in result.dropped_keys.items()},
        failure=failure,
        bad_records=bad_records,
        bad_places=_bad_places(result, chunk) if notes_places else result.bad_places,
    )


def _bad_places(result: ChunkResult, chunk: RetriedChunk) -> array[int]:
    places = array("Q")
    for number, cut in enumerate(chunk.cut, 1):
        places.extend((number, cut.origin.reject.line, cut.origin.reject.offset))
    noted = iter(result.bad_places)
    for number, line, offset in zip(noted, noted, noted, strict=True):
        reject = chunk.origin_at(Place(line, offset)).reject
        places.extend((number + len(chunk.cut), reject.line, reject.offset))
    return places


def _failure_of(cut: CutReject) -> Failure:
    found = "a record of which the rejects file holds only the first bytes"
    expected = "a whole one; run its input again with a higher --max-record-bytes"
    return Failure(cut.origin.place, found, expected, source=cut.origin.source)


def _died(error: WorkerDiedError, chunk: RetriedChunk) -> WorkerDiedError:
    """Return the error with lines of the rejects file."""
    first = chunk.origin_at(Place(error.line, error.offset)).reject
    last_line = first.line if error.last_line == error.line else chunk.origins[-1].reject.line
    return WorkerDiedError(error.reason, first.line, last_line, first.offset)
