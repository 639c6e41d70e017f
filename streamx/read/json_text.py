"""JsonText: a JSON text that comes in blocks, walked token by token in constant memory."""

from __future__ import annotations

import re

from streamx.codec.json_cuts import JsonCutError
from streamx.codec.layout import BYTE_ORDER_MARK, excerpt
from streamx.codec.patterns import ANY
from streamx.codec.reference.json_records import STRING, string_value
from streamx.read.sources import Source
from streamx.read.wrapped import block_of

CLOSERS = {b"{": b"}", b"[": b"]"}
SCALAR = re.compile(rb'[^\[\]{}" \t\r\n,:]++')

_BLOCK_BYTES = 256 * 1024
_SPACE = re.compile(rb"[ \t\r\n]%b" % ANY)
_STRING = re.compile(STRING, re.DOTALL)
# What stands between brackets, as far as strings are whole.
_BETWEEN = re.compile(rb'(?:[^"\[\]{}]++|%b)%b' % (STRING, ANY), re.DOTALL)
_WITHIN_STRING = re.compile(rb'(?:[^"\\]++|\\.)%b' % ANY, re.DOTALL)
_QUOTE = ord('"')
_SHOWN_BYTES = 20


class JsonText:
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
        block = await block_of(self._source, _BLOCK_BYTES)
        if not block:
            raise JsonCutError(
                f"the text ends in the middle (after {self._passed_bytes + len(self.held)} bytes)"
            )
        self.held += block

    async def pass_mark(self) -> None:
        """Pass a byte order mark at the start of the text, which RFC 8259 lets readers ignore."""
        while len(self.held) < len(BYTE_ORDER_MARK):
            block = await block_of(self._source, _BLOCK_BYTES)
            if not block:
                break
            self.held += block
        if self.held.startswith(BYTE_ORDER_MARK):
            self.position = len(BYTE_ORDER_MARK)

    async def next(self) -> bytes:
        """Pass white space, and return the byte behind it; none at the end of the text."""
        while True:
            self.position = behind_space(self.held, self.position)
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
        if first != b'"' and first not in CLOSERS:
            if SCALAR.match(self.held, self.position) is None:
                raise self.unexpected("a value")
            await self._whole(SCALAR)
            return
        scan = ValueScan()
        while (end := scan.end_in(self.held, self.position)) is None:
            self.position += scan.take_scanned()
            await self.more()
        self.position = end

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


class ValueScan:
    """Follows an object, an array or a string to its end, and looks at each byte of it once."""

    def __init__(self) -> None:
        self._scanned_bytes = 0
        self._depth = 0
        self._is_in_string = False

    def end_in(self, text: bytearray, begin: int) -> int | None:
        """Return the end of the value that begins there, or None if it is not held.

        It may be asked again when there is more text.
        """
        position = begin + self._scanned_bytes
        if not self._is_within:
            self._pass(text[position])
            position += 1
        while True:
            pattern = _WITHIN_STRING if self._is_in_string else _BETWEEN
            match = pattern.match(text, position)
            position = match.end() if match is not None else position
            if position == len(text) or (self._is_in_string and text[position] != _QUOTE):
                self._scanned_bytes = position - begin
                return None
            self._pass(text[position])
            position += 1
            if not self._is_within:
                return position

    @property
    def _is_within(self) -> bool:
        return self._depth > 0 or self._is_in_string

    def _pass(self, token: int) -> None:
        if token == _QUOTE:
            self._is_in_string = not self._is_in_string
        else:
            self._depth += 1 if token in b"{[" else -1

    def take_scanned(self) -> int:
        """Forget what was scanned, which is not held any more; return how many bytes it was."""
        scanned_bytes, self._scanned_bytes = self._scanned_bytes, 0
        return scanned_bytes


def behind_space(text: bytearray, position: int) -> int:
    """Return where the white space ends that begins there."""
    match = _SPACE.match(text, position)
    return position if match is None else match.end()
