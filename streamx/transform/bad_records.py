"""BadRecords: what a run that goes on without its bad records keeps of those of one chunk."""

from __future__ import annotations

import base64
from array import array
from codecs import utf_8_decode
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any

import orjson

from streamx.chunk import BadKind, Chunk, ChunkResult, Notice, Place, RejectLines
from streamx.codec import count_lines
from streamx.codec.boundaries import ends_whole, record_around
from streamx.codec.layout import Bad, CsvFormat, Layout, Stage
from streamx.transform.plan import Lenience

# Lines wait until there are so many bytes of them.
_PART_BYTES = 64 * 1024
# Of a record that is too long, which cannot be run again as a whole.
_MOST_CUT_BYTES = 4096
# Names of exceptions are the user's, so there may be any number of them.
_MOST_KINDS = 20
_OTHERS = "others"


class BadRecords:
    """The bad records of a chunk: counted, and their lines for the rejects file.

    Args:
        chunk: where they stand.
        layout: what its records are.
        lenience: what becomes of them.

    Attributes:
        count: how many there have been.
    """

    def __init__(self, chunk: Chunk, layout: Layout, lenience: Lenience) -> None:
        self.count = 0
        self._chunk = chunk
        self._data = memoryview(chunk.data)
        self._layout = layout
        self._lenience = lenience
        # By stage and kind: how many, and the first one's line, offset and what was found.
        self._counts: dict[tuple[Stage, str], int] = {}
        self._firsts: dict[tuple[Stage, str], tuple[int, int, str]] = {}
        self._places = array("Q")
        self._lines: list[bytes] = []
        self._lines_bytes = 0
        # Where the grammar has the start of the last record that was looked for, and its line.
        self._start, self._line = 0, chunk.line

    def add(self, bad: Bad, number: int) -> int:
        """Take a bad record; return where it ends in the chunk.

        Args:
            bad: what is wrong with it; the position may be that of any of its bytes.
            number: how many of the chunk's records have been read with it.
        """
        if bad.position < self._start:
            self._start, self._line = 0, self._chunk.line
        before = self._start
        self._start, end = record_around(self._data, before, bad.position, self._layout.source)
        self._line += count_lines(self._data[before : self._start], self._start - before)
        start, own_end = self._bounds(bad, end)
        line = self._line + count_lines(self._data[self._start : start], start - self._start)
        place = self._chunk.place(line, self._chunk.offset + start)
        self.count += 1
        self._note(bad, place, number)
        if self._lenience.writes_rejects:
            self._lines.append(self._line_of(bad, place, bytes(self._data[start:own_end])))
            self._lines_bytes += len(self._lines[-1])
        return end

    def _bounds(self, bad: Bad, end: int) -> tuple[int, int]:
        """Return the bounds of a bad record, of which the grammar's are known.

        Where it was guessed that these hold several, one of them could not be transformed.
        """
        layout, start = self._layout, self._start
        if not layout.is_lenient or bad.stage == "parse":
            return start, end
        from streamx.codec.reference.guesses import record_within  # few runs guess

        assert isinstance(layout.source, CsvFormat)
        origin = bytes(self._data[start:end])
        bounds = record_within(origin, bad.position - start, layout.source, len(layout.columns))
        return start + bounds[0], start + bounds[1]

    def full_lines(self) -> Iterator[RejectLines]:
        """Yield the lines that have gathered, if they are enough for a part."""
        if self._lines_bytes >= _PART_BYTES:
            yield from self.last_lines()

    def last_lines(self) -> Iterator[RejectLines]:
        """Yield the lines that have gathered, if there are any."""
        if self._lines:
            part = RejectLines(b"".join(self._lines))
            self._lines, self._lines_bytes = [], 0
            yield part

    def added_to(self, result: ChunkResult) -> ChunkResult:
        """Return what the chunk amounted to, the bad records included."""
        kinds = {
            BadKind(*kind): Notice(self._counts[kind], self._chunk.place(line, offset), found)
            for kind, (line, offset, found) in self._firsts.items()
        }
        return replace(result, bad_records=kinds, bad_places=self._places)

    def _note(self, bad: Bad, place: Place, number: int) -> None:
        kind = bad.stage, bad.kind
        if kind not in self._firsts and len(self._firsts) >= _MOST_KINDS:
            kind = bad.stage, _OTHERS
        first = self._firsts.get(kind)
        if first is None or place.offset < first[1]:
            self._firsts[kind] = place.line, place.offset, bad.found
        self._counts[kind] = self._counts.get(kind, 0) + 1
        if self._lenience.notes_places:
            self._places.extend((number, place.line, place.offset))

    def _line_of(self, bad: Bad, place: Place, record: bytes) -> bytes:
        message = f"{bad.found}; expected {bad.expected}" if bad.expected else bad.found
        line: dict[str, Any] = {
            "line": place.line,
            "offset": place.offset,
            "stage": bad.stage,
            "error": {"type": bad.kind, "message": _as_text(message)},
            "attempts": bad.attempts,
            **_raw(record, self._layout),
        }
        beginning, end = self._known
        return b"%b,%b,%b" % (beginning, orjson.dumps(line)[1:-1], end)

    @cached_property
    def _known(self) -> tuple[bytes, bytes]:
        """What all lines begin and end with, encoded once: columns may be many."""
        file = self._chunk.file
        source = self._lenience.source if file is None else file.name
        beginning = orjson.dumps({"source": _as_text(source)})
        end = orjson.dumps(self._how_to_read(), option=orjson.OPT_APPEND_NEWLINE)
        return beginning[:-1], end[1:]

    def _how_to_read(self) -> dict[str, Any]:
        """Return how to read records like these, the header being gone."""
        layout, columns = self._layout, self._layout.columns
        if not isinstance(layout.source, CsvFormat):
            names = [column.name for column in columns]
            return {"format": {"name": "jsonl"}, **({"columns": names} if names else {})}
        delimiter, quote = layout.source.delimiter.decode(), layout.source.quote.decode()
        return {
            "format": {"name": "csv", "delimiter": delimiter, "quote": quote},
            "columns": {column.name: column.type for column in columns},
        }


def _raw(record: bytes, layout: Layout) -> dict[str, Any]:
    """Return the bytes of a record without its line end, of one that is too long the first ones."""
    is_cut = {"is_cut": True} if len(record) > layout.max_record_bytes else {}
    if is_cut:
        record = record[: min(_MOST_CUT_BYTES, layout.max_record_bytes)]
    elif ends_whole(record, layout.source) and record.endswith(b"\n"):
        record = record[:-1].removesuffix(b"\r")
    try:
        return {"raw": utf_8_decode(record, "strict", not is_cut)[0], **is_cut}
    except UnicodeDecodeError:
        return {"raw_base64": base64.b64encode(record).decode(), **is_cut}


def _as_text(text: str) -> str:
    """Return a text without halves of characters, which names of files may hold."""
    return text.encode(errors="backslashreplace").decode()
