"""RejectsReader: reads a rejects file into chunks of the records that were rejected."""

from __future__ import annotations

import asyncio
import codecs
import io
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Set
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from streamx.chunk import Chunk, Place
from streamx.codec.boundaries import ends_whole
from streamx.codec.head import sample_of
from streamx.codec.layout import BYTE_ORDER_MARK, Format, JsonlFormat, printable
from streamx.errors import BadRecordError
from streamx.flow import Credits
from streamx.origins import CutReject, Origin, RetriedChunk, told_by_origin
from streamx.read.decode import is_utf8
from streamx.read.pace import ChunkPace, Run
from streamx.read.reader import ChunkReader
from streamx.read.reject_lines import Reject, RejectError, Shape, read_reject
from streamx.read.sources import Source
from streamx.transform.plan import Lenience, Recipe
from streamx.transform.resolve import Ending, Resolution, resolve

R = TypeVar("R")

_LINES = Recipe(JsonlFormat(), JsonlFormat())
_BLOCK_BYTES = 256 * 1024
# A line holds a record, each byte of which may be six in JSON, and the names of all columns.
_MOST_LINE_FACTOR = 16
_LEAST_LINE_BYTES = 64 * 1024
_MOST_NAMED = 80


@dataclass(frozen=True, slots=True)
class Overrides:
    """What a retry reads otherwise than the first run, so that rejects need not agree on it.

    Attributes:
        delimiter, quote: these are given.
        columns: so are the columns.
        types: of these columns the types are given; None for those of all.
    """

    delimiter: bool = False
    quote: bool = False
    columns: bool = False
    types: Set[str] | None = frozenset()

    def refuse_difference(self, first: Shape, other: Shape) -> None:
        """Refuse a reject that cannot be read like the first one.

        Raises:
            RejectError: it says what keeps it from that.
        """
        if (first.delimiter is None) != (other.delimiter is None):
            raise _other(_format_of(other), _format_of(first))
        for name, is_given in (("delimiter", self.delimiter), ("quote", self.quote)):
            ours, theirs = getattr(first, name), getattr(other, name)
            if ours != theirs and not is_given:
                raise _other(f"{name} {theirs!r}", f"{ours!r}")
        if self.columns:
            return
        if list(first.columns) != list(other.columns):
            raise _other(f"columns {_names_of(other)}", _names_of(first))
        for name, type in first.columns.items():
            if type != other.columns[name] and self.types is not None and name not in self.types:
                found = f"type {other.columns[name]} for column {name}"
                raise _other(found, f"{type} (--type {name}=... decides)")


def _other(found: str, expected: str) -> RejectError:
    return RejectError(
        f"a reject with {printable(found)}",
        f"{printable(expected)}, as in the first one; retry those that differ by themselves",
    )


def _format_of(shape: Shape) -> str:
    return "format jsonl" if shape.delimiter is None else "format csv"


def _names_of(shape: Shape) -> str:
    names = ",".join(shape.columns)
    return names if len(names) <= _MOST_NAMED else f"{names[:_MOST_NAMED]}..."


class _Found(NamedTuple):
    """A reject, and where in the rejects file its line stands."""

    reject: Reject
    place: Place
    line: bytes


@dataclass(slots=True)
class _Piece:
    """What has gathered of a chunk.

    Attributes:
        data: the records.
        origins: of all rejects.
        cut: those whose records are not among them.
        is_open: the last record's quote is, or only the end of the input can be its line end.
    """

    data: bytearray = field(default_factory=bytearray)
    origins: list[Origin] = field(default_factory=list)
    cut: list[CutReject] = field(default_factory=list)
    is_open: bool = False
    _next_line: int = 1

    def ends_before(self, reject: Reject, most_bytes: int | None) -> bool:
        """Tell whether a reject is for the next chunk; what was cut off comes first in its own."""
        is_full = most_bytes is not None and len(self.data) >= most_bytes
        return bool(self.data) and (is_full or self.is_open or reject.is_cut)

    def add(self, found: _Found, format: Format, max_record_bytes: int) -> None:
        """Add a reject; one that has to be the last has no line end."""
        reject, place, line = found
        before = Place(self._next_line, len(self.data))
        origin = Origin(before, reject.source, reject.place, reject.attempts, place)
        self.origins.append(origin)
        if reject.is_cut:
            self.cut.append(CutReject(line.rstrip(b"\r\n") + b"\n", origin))
            return
        # Before a line feed a carriage return would be part of the line end.
        line_end = b"\r\n" if reject.record.endswith(b"\r") else b"\n"
        is_short = len(reject.record) + len(line_end) <= max_record_bytes
        self.is_open = not (is_short and ends_whole(reject.record, format))
        self.data += reject.record
        if not self.is_open:
            self.data += line_end
            self._next_line += reject.record.count(b"\n") + 1

    async def chunk(self, sequence: int, credits: Credits) -> RetriedChunk:
        """Return the chunk, with a credit taken for it."""
        await credits.acquire(sequence, len(self.data))
        origins, cut = tuple(self.origins), tuple(self.cut)
        return RetriedChunk(sequence, 0, 1, bytes(self.data), origins=origins, cut=cut)


class RejectsReader(ChunkReader):
    """Reads the lines of a rejects file, and what is to be converted out of them.

    Rejects are passed on as they come; where results decide a header, the first chunk holds as many
    as do that. A record that its quote does not end has a chunk, or the end of one, for itself.

    Args:
        source: the rejects file.
        max_record_bytes: how long a record may be.
        encoding: of records that are not UTF-8.

    Attributes:
        overrides: what the rejects need not have alike.
    """

    def __init__(self, source: Source, max_record_bytes: int, encoding: str) -> None:
        self._most_bytes = max_record_bytes
        self._most_line_bytes = _MOST_LINE_FACTOR * max_record_bytes + _LEAST_LINE_BYTES
        super().__init__(source, ChunkPace(_BLOCK_BYTES), self._most_line_bytes)
        self.overrides = Overrides()
        self._name = source.name
        self._decoded: Callable[[bytes], bytes] = bytes
        if not is_utf8(encoding):
            self._decoded = lambda data: codecs.decode(data, encoding).encode()
        self._first: Shape | None = None
        self._lines: Resolution | None = None
        self._opening = b""
        self._lenience: Lenience | None = None
        self._is_closed = False

    async def first_shape(self) -> Shape | None:
        """Read as far as the first reject; return how to read its record, None if there is none.

        Raises:
            InputError: it is none, or the file cannot be read.
        """

        def decide(head: bytes, ending: Ending) -> tuple[Shape | None] | None:
            for reject, _, _ in self._rejects_in(head, ending):
                return (reject.shape,)
            return (None,) if ending == "end" else None

        (self._first,) = await super().resolve(decide)
        return self._first

    async def resolve(self, decide: Callable[[bytes, Ending], R | None]) -> R:
        """Read until `decide` finds enough records; what it takes for a head starts with them."""

        def decide_on_records(head: bytes, ending: Ending) -> R | None:
            rejects = [reject for reject, _, _ in self._rejects_in(head, ending)]
            if not rejects and ending != "end":
                return None
            # With a mark in front no record can be taken for one, nor for other data than text.
            records = [reject.record + b"\n" for reject in rejects if not reject.is_cut]
            self._opening = b"".join((BYTE_ORDER_MARK, *records))
            return decide(self._opening, ending)

        resolution = await super().resolve(decide_on_records)
        if isinstance(resolution, Resolution):
            self._lenience = resolution.plan.lenience
        return resolution

    def sample(self, resolution: Resolution, format: Format) -> bytes:
        return sample_of(self._opening, resolution.start, format, self._is_at_end)

    def around(self, run: Run) -> Run:
        return super().around(told_by_origin(run, self._lenience))

    async def chunks(
        self, resolution: Resolution, format: Format, credits: Credits
    ) -> AsyncIterator[Chunk]:
        """Yield chunks of records, taking a credit for each before it is handed on."""
        assert self._lines is not None, "resolve() comes first"
        piece, sequence = _Piece(), 0
        own_credits = Credits(1, sys.maxsize)
        async for lines in super().chunks(self._lines, JsonlFormat(), own_credits):
            most_bytes = resolution.opening_bytes if sequence == 0 else None
            found = self._rejects(bytes(lines.data), Place(lines.line, lines.offset))
            for each in await asyncio.to_thread(list, found):
                if piece.ends_before(each.reject, most_bytes):
                    yield await piece.chunk(sequence, credits)
                    piece, sequence, most_bytes = _Piece(), sequence + 1, None
                piece.add(each, format, self._most_bytes)
            own_credits.release(lines.sequence)
            if piece.origins and most_bytes is None:
                yield await piece.chunk(sequence, credits)
                piece, sequence = _Piece(), sequence + 1
        if piece.origins:
            yield await piece.chunk(sequence, credits)

    def _rejects_in(self, head: bytes, ending: Ending) -> Iterator[_Found]:
        """Yield the rejects of the head, one that may not be whole yet excluded."""
        self._lines = resolve(_LINES, head, ending, self._name)
        if self._lines is not None:
            end = len(head) if ending == "end" else head.rfind(b"\n") + 1
            start = self._lines.start
            yield from self._rejects(head[start:end], Place(self._lines.line, start))

    def _rejects(self, lines: bytes, place: Place) -> Iterator[_Found]:
        """Yield the rejects of lines of which the first stands at a place of the file."""
        for line in io.BytesIO(lines):  # not splitlines(), to which other bytes end lines too
            if line.strip():
                yield _Found(self._checked(line, place), place, line)
            place = Place(place.line + 1, place.offset + len(line))

    def _checked(self, line: bytes, place: Place) -> Reject:
        try:
            if len(line) > self._most_line_bytes:
                most = f"at most {self._most_line_bytes} bytes, or a higher --max-record-bytes"
                raise RejectError("a longer line than a reject can have", most)
            reject = read_reject(line, self._decoded)
            if self._first is not None and reject.shape != self._first:
                self.overrides.refuse_difference(self._first, reject.shape)
        except RejectError as error:
            where = self._name, place.line, place.offset
            raise BadRecordError(*where, error.found, error.expected) from None
        return reject

    async def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            await super().close()
