"""JsonArraySource: the elements of an array in a JSON text as JSONL, in constant memory."""

from __future__ import annotations

import asyncio
import re
from typing import Literal

from streamx.codec.json_cuts import VALUE, JsonCutError, as_line, described_start
from streamx.codec.layout import excerpt
from streamx.codec.patterns import ANY
from streamx.codec.reference.json_records import STRING, string_value
from streamx.errors import InputError
from streamx.read.sources import Source
from streamx.read.wrapped import WrappedSource, block_of

_BLOCK_BYTES = 256 * 1024
_SPACE = re.compile(rb"[ \t\r\n]%b" % ANY)
_VALUE = re.compile(VALUE, re.DOTALL)
_STRING = re.compile(STRING, re.DOTALL)
_SCALAR = re.compile(rb'[^\[\]{}" \t\r\n,:]++')
_ELEMENT = re.compile(rb"[ \t\r\n]%b(%b)[ \t\r\n]%b([,\]])" % (ANY, VALUE, ANY), re.DOTALL)
# Most records are objects in one line without nesting and escapes, for which this is three times as
# quick.
_FLAT_ELEMENT = re.compile(
    rb'[ \t\r\n]%b(\{(?:[^"\\\[\]{}\n]%b"[^"\\\n]%b")%b[^"\\\[\]{}\n]%b\})[ \t\r\n]%b([,\]])'
    % ((ANY,) * 6)
)
# What stands between brackets, as far as strings are whole.
_BETWEEN = re.compile(rb'(?:[^"\[\]{}]++|%b)%b' % (STRING, ANY), re.DOTALL)
_END_OF_ARRAY = ord("]")
_CLOSERS = {b"{": b"}", b"[": b"]"}
_SHOWN_BYTES = 20


class _JsonText:
    """A JSON text that comes in blocks, of which no more is held than what is looked at.

    Args:
        source: gives the blocks.
        most_bytes: how long a key or an element may be.

    Attributes:
        held: what is held of it.
        position: where in that the next token is.
    """

    def __init__(self, source: Source, most_bytes: int) -> None:
        self.held = bytearray()
        self.position = 0
        self._source = source
        self._most_bytes = most_bytes
        self._passed_bytes = 0

    async def more(self) -> None:
        """Hold one more block, and forget what has been passed.

        Raises:
            JsonCutError: there is no more, or too much is held.
        """
        del self.held[: self.position]
        self._passed_bytes += self.position
        self.position = 0
        if len(self.held) > self._most_bytes:
            raise JsonCutError(
                f"what starts at byte {self._passed_bytes} is longer than {self._most_bytes:,} "
                "bytes; allow more with --max-record-bytes"
            )
        block = await block_of(self._source, max(_BLOCK_BYTES, len(self.held)))
        if not block:
            raise JsonCutError(
                f"the text ends in the middle (after {self._passed_bytes + len(self.held)} bytes)"
            )
        self.held += block

    async def next(self) -> bytes:
        """Pass white space, and return the byte behind it; none at the end of the text."""
        while True:
            self.position = _behind_space(self.held, self.position)
            if self.position < len(self.held):
                return bytes(self.held[self.position : self.position + 1])
            self._passed_bytes += len(self.held)
            self.position = 0
            self.held[:] = await block_of(self._source, _BLOCK_BYTES)
            if not self.held:
                return b""

    async def take(self, expected: bytes) -> None:
        """Pass a token of one byte."""
        if await self.next() != expected:
            raise self.unexpected(repr(expected.decode()))
        self.position += 1

    async def key(self) -> str:
        """Pass the key of a member and its colon; return the key."""
        if await self.next() != b'"':
            raise self.unexpected("a key")
        raw = await self._whole(_STRING)
        await self.take(b":")
        try:
            return string_value(raw).decode()
        except ValueError:
            raise JsonCutError(f"found the key {excerpt(raw)}, which is not JSON") from None

    async def skip_value(self) -> None:
        """Pass a value, whatever its size; of what is in it only brackets are looked at."""
        first = await self.next()
        if first == b'"':
            await self._whole(_STRING)
        elif first not in _CLOSERS:
            if _SCALAR.match(self.held, self.position) is None:
                raise self.unexpected("a value")
            await self._whole(_SCALAR)
        else:
            await self._skip_nested()

    async def _skip_nested(self) -> None:
        depth = 0
        while True:
            match = _BETWEEN.match(self.held, self.position)
            self.position = match.end() if match is not None else self.position
            bracket = bytes(self.held[self.position : self.position + 1])
            if bracket in (b"", b'"'):
                await self.more()
                continue
            self.position += 1
            depth += 1 if bracket in _CLOSERS else -1
            if depth == 0:
                return

    async def _whole(self, pattern: re.Pattern[bytes]) -> bytes:
        """Pass what a pattern matches, all of it, and return it."""
        while True:
            match = pattern.match(self.held, self.position)
            if match is not None and match.end() < len(self.held):
                self.position = match.end()
                return bytes(match[0])
            await self.more()

    def unexpected(self, expected: str) -> JsonCutError:
        """Return the error for what stands at the position."""
        rest = bytes(self.held[self.position : self.position + _SHOWN_BYTES])
        found = excerpt(rest) if rest else "the end of the text"
        return JsonCutError(
            f"found {found} at byte {self._passed_bytes + self.position}; expected {expected}"
        )


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
        self._text = _JsonText(inner, most_bytes)
        self._path = path
        self._closers: list[bytes] = []  # of what is open around the array
        self._state: Literal["before", "within", "behind", "ended"] = "before"
        self._lines = memoryview(b"")

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
        elif self._state == "within":
            # In a thread: a long element can take a while, and signals must be heard.
            self._lines = memoryview(await asyncio.to_thread(self._cut))
            if not self._lines and self._state == "within":
                await self._text.more()
        else:
            await self._end()

    async def _find(self) -> None:
        """Go to the first element of the array."""
        text, rest = self._text, self._path
        while rest:
            bracket = await text.next()
            if bracket not in _CLOSERS:
                raise text.unexpected(f"an object or an array with {rest!r} of --records-at")
            text.position += 1
            self._closers.append(_CLOSERS[bracket])
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
        held, position, lines = self._text.held, self._text.position, []
        while self._state == "within" and (place := self._element(position)) is not None:
            begin, end, delimiter = place
            element = bytes(held[begin:end])
            lines.append(as_line(element) if b"\n" in element else element)
            position = delimiter + 1
            if held[delimiter] == _END_OF_ARRAY:
                self._state = "behind"
        self._text.position = position
        return b"\n".join([*lines, b""])

    def _element(self, position: int) -> tuple[int, int, int] | None:
        """Return where an element starts and ends, and where its delimiter stands.

        Returns:
            None if not all of that is held.

        Raises:
            JsonCutError: there is no element, whatever follows.
        """
        held = self._text.held
        match = _FLAT_ELEMENT.match(held, position) or _ELEMENT.match(held, position)
        if match is not None:
            return *match.span(1), match.start(2)
        begin = end = _behind_space(held, position)
        if (value := _VALUE.match(held, begin)) is not None:
            end = value.end()
        elif held.startswith((b"{", b"["), begin):  # nested more deeply than a pattern can say
            end = _end_of_nested(held, begin)
            if end < 0:
                return None
        delimiter = _behind_space(held, end)
        if delimiter == len(held) or (end == begin and held.startswith(b'"', begin)):
            return None
        if end == begin or not held.startswith((b",", b"]"), delimiter):
            self._text.position = delimiter
            raise self._text.unexpected("an element" if end == begin else "',' or ']'")
        return begin, end, delimiter

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


def _end_of_nested(text: bytearray, begin: int) -> int:
    """Return the end of the object or array that begins there, or -1 if it is not held."""
    depth, position = 0, begin
    while True:
        match = _BETWEEN.match(text, position)
        position = match.end() if match is not None else position
        if position == len(text) or text.startswith(b'"', position):
            return -1
        depth += 1 if text.startswith((b"{", b"["), position) else -1
        position += 1
        if depth == 0:
            return position


def _behind_space(text: bytearray, position: int) -> int:
    match = _SPACE.match(text, position)
    return position if match is None else match.end()
