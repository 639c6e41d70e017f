"""JsonArraySource: the elements of an array in a JSON text as JSONL, in constant memory."""

from __future__ import annotations

import asyncio
import re
from typing import Literal

from streamx.codec.json_cuts import VALUE, JsonCutError, Span, as_line, described_start
from streamx.codec.patterns import ANY
from streamx.errors import InputError
from streamx.read.json_text import CLOSERS, SCALAR, JsonText, ValueScan, behind_space
from streamx.read.sources import Source
from streamx.read.wrapped import WrappedSource

_ELEMENT = re.compile(rb"[ \t\r\n]%b(%b)[ \t\r\n]%b([,\]])" % (ANY, VALUE, ANY), re.DOTALL)
# Most records are objects in one line without nesting and escapes, for which this is three times as
# quick.
_FLAT_ELEMENT = re.compile(
    rb'[ \t\r\n]%b(\{(?:[^"\\\[\]{}\n]%b"[^"\\\n]%b")%b[^"\\\[\]{}\n]%b\})[ \t\r\n]%b([,\]])'
    % ((ANY,) * 6)
)
_COMMA = ord(",")


class JsonArraySource(WrappedSource):
    """Cuts the elements of an array out as they stand, one in each line.

    An element is checked by whoever reads the line; what stands around the array is passed,
    whatever its size, and only its brackets are looked at.

    Args:
        inner: gives a JSON text (RFC 8259) in UTF-8.
        path: where in it the array is: keys and, in arrays, numbers, joined by dots; nothing for
            the text itself. Of keys that hold dots, the first that fits is taken.
        most_bytes: how long an element may be.
    """

    def __init__(self, inner: Source, path: str, most_bytes: int) -> None:
        super().__init__(inner)
        self._text = JsonText(inner, most_bytes)
        self._path = path
        self._closers: list[bytes] = []  # of what is open around the array
        self._state: Literal["before", "within", "between", "behind", "ended"] = "before"
        self._lines = memoryview(b"")
        self._scan: ValueScan | None = None  # of the element that is not held as a whole

    async def read_into(self, view: memoryview) -> int:
        try:
            while not self._lines and self._state != "ended":
                await self._go_on()
        except JsonCutError as error:
            raise InputError(f"{self.name}: {error}") from error
        count = min(len(self._lines), len(view))
        view[:count] = self._lines[:count]
        self._lines = self._lines[count:]
        return count

    async def _go_on(self) -> None:
        if self._state == "before":
            await self._find()
        elif self._state in ("within", "between"):
            # In a thread: a long element can take a while, and signals must be heard.
            self._lines = memoryview(await asyncio.to_thread(self._cut))
            if not self._lines and self._state in ("within", "between"):
                await self._text.more()
        else:
            await self._end()

    async def _find(self) -> None:
        """Go to the first element of the array."""
        text, rest = self._text, self._path
        await text.pass_mark()
        while rest:
            bracket = await text.next()
            if bracket not in CLOSERS:
                raise text.unexpected(f"an object or an array with {rest!r} of --records-at")
            text.position += 1
            self._closers.append(CLOSERS[bracket])
            rest = await (self._find_key(rest) if bracket == b"{" else self._find_index(rest))
        if await text.next() != b"[":
            raise JsonCutError(
                f"found {described_start(bytes(text.held[text.position :]))}; expected an array of "
                "records. --records-at says where it is in a larger text, and --from jsonl reads "
                "one record in each line"
            )
        text.position += 1
        self._state = "within"
        if await text.next() == b"]":
            text.position += 1
            self._state = "behind"

    async def _find_key(self, path: str) -> str:
        """Go to the value of the member that a path begins with; return the rest of the path."""
        while await self._text.next() != b"}":
            key = await self._text.key()
            if path == key or path.startswith(f"{key}."):
                return path[len(key) + 1 :]
            await self._text.skip_value()
            if await self._text.next() != b"}":
                await self._text.take(b",")
        raise self._text.unexpected(f"a key {path.partition('.')[0]!r}, for --records-at")

    async def _find_index(self, path: str) -> str:
        index, _, rest = path.partition(".")
        if not index.isdecimal():
            raise self._text.unexpected(f"an object with {index!r}, for --records-at")
        for _ in range(int(index)):
            if await self._text.next() != b"]":
                await self._text.skip_value()
            if await self._text.next() == b"]":
                raise self._text.unexpected(f"an element {index}, for --records-at")
            await self._text.take(b",")
        return rest

    def _cut(self) -> bytes:
        """Return the elements that are held as a whole, as lines."""
        held, lines = self._text.held, []
        while (place := self._next_place()) is not None:
            begin, end = place
            element = bytes(held[begin:end])
            lines.append(as_line(element) if b"\n" in element else element)
        return b"\n".join([*lines, b""])

    def _next_place(self) -> Span | None:
        """Pass the next element, and return where it is; None if it is not held or there is none.

        Raises:
            JsonCutError: there is no element, whatever follows.
        """
        text = self._text
        if self._state == "between" and not self._pass_delimiter():
            return None
        if self._state != "within":
            return None
        if self._scan is None:
            place = text.held, text.position
            match = _FLAT_ELEMENT.match(*place) or _ELEMENT.match(*place)
            if match is not None:
                text.position = match.end()
                self._state = "within" if match[2] == b"," else "behind"
                return match.span(1)
        begin = behind_space(text.held, text.position)
        end = self._end_of_value(begin)
        if end is None:
            return None
        text.position = end
        if end == begin:
            raise text.unexpected("an element")
        self._state = "between"
        return begin, end

    def _pass_delimiter(self) -> bool:
        """Pass what follows an element; return whether there is something."""
        text = self._text
        text.position = behind_space(text.held, text.position)
        if text.position == len(text.held):
            return False
        if not text.held.startswith((b",", b"]"), text.position):
            raise text.unexpected("',' or ']'")
        self._state = "within" if text.held[text.position] == _COMMA else "behind"
        text.position += 1
        return True

    def _end_of_value(self, begin: int) -> int | None:
        """Return the end of the value that begins there; None if it is not held."""
        held = self._text.held
        if not held.startswith((b"{", b"[", b'"'), begin):
            match = SCALAR.match(held, begin)
            end = begin if match is None else match.end()
            return end if end < len(held) else None
        scan = self._scan or ValueScan()
        end_held = scan.end_in(held, begin)
        self._scan = scan if end_held is None else None
        return end_held

    async def _end(self) -> None:
        """Pass what is behind the array."""
        text = self._text
        for closer in reversed(self._closers):
            while await text.next() != closer:
                await text.take(b",")
                if closer == b"}":
                    await text.key()
                await text.skip_value()
            text.position += 1
        if await text.next():
            raise text.unexpected("the end, behind one JSON text")
        self._state = "ended"
