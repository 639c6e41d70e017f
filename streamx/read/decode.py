"""Decoding on the way in: gzip and text encodings, as sources that wrap a source."""

from __future__ import annotations

import asyncio
import codecs
import zlib

from streamx.codec.layout import excerpt
from streamx.errors import InputError, UsageError
from streamx.read.sources import Source

_GZIP = zlib.MAX_WBITS | 16
_COMPRESSED_BLOCK_BYTES = 64 * 1024


class _Wrapped:
    """A source whose bytes come from another, which counts them."""

    def __init__(self, inner: Source) -> None:
        self._inner = inner
        self.name = inner.name
        self.total_bytes = inner.total_bytes
        self.is_live = inner.is_live
        self.is_slow = inner.is_slow

    @property
    def bytes_read(self) -> int:
        return self._inner.bytes_read

    def read_now(self, view: memoryview) -> int | None:
        return None

    async def close(self) -> None:
        await self._inner.close()


class GzipSource(_Wrapped):
    """Decompresses gzip (RFC 1952), any number of members, never more at once than asked for.

    Args:
        inner: gives gzip.
        reason: why that is expected, for messages.
    """

    def __init__(self, inner: Source, reason: str = "the file's name ends with .gz") -> None:
        super().__init__(inner)
        self._reason = reason
        self._member = zlib.decompressobj(_GZIP)
        self._block = memoryview(bytearray(_COMPRESSED_BLOCK_BYTES))
        self._input = b""
        self._is_between_members = True
        self._is_empty = True

    async def read_into(self, view: memoryview) -> int:
        while True:
            if self._input:
                count = await asyncio.to_thread(self._inflate_members, view)
                if count:
                    return count
            if not self._input and not await self._fill():
                return 0

    async def _fill(self) -> bool:
        self._input = bytes(self._block[: await self._inner.read_into(self._block)])
        if not self._input and (self._is_empty or not self._is_between_members):
            raise InputError(
                f"{self.name}: the gzip data ends in the middle (after {self.bytes_read} bytes); "
                "the file is truncated, get a whole copy"
            )
        self._is_empty = False
        return bool(self._input)

    def _inflate_members(self, view: memoryview) -> int:
        """Inflate as many members as it takes, since a file may consist of tiny ones."""
        count = 0
        while self._input and count < len(view):
            block = self._inflate(len(view) - count)
            view[count : count + len(block)] = block
            count += len(block)
            if not block and not self._is_between_members:
                break
        return count

    def _inflate(self, size_bytes: int) -> bytes:
        if self._is_between_members:
            # gzip files may be padded with zeros between and after members.
            self._input = self._input.lstrip(b"\0")
            if not self._input:
                return b""
            self._member = zlib.decompressobj(_GZIP)
            self._is_between_members = False
        try:
            block = self._member.decompress(self._input, size_bytes)
        except zlib.error as error:
            raise InputError(
                f"{self.name}: broken gzip data within its first {self.bytes_read} bytes "
                f"({error}); expected gzip, as {self._reason}"
            ) from error
        self._input = self._member.unconsumed_tail
        if self._member.eof:
            self._input = self._member.unused_data
            self._is_between_members = True
        return block


class TranscodingSource(_Wrapped):
    """Turns text of another encoding into UTF-8."""

    def __init__(self, inner: Source, encoding: str) -> None:
        super().__init__(inner)
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
        self._decoded_bytes = 0
        self._text = b""
        self._is_at_end = False

    async def read_into(self, view: memoryview) -> int:
        while not self._text and not self._is_at_end:
            # No encoding needs more than 3 bytes of UTF-8 for one byte of its own.
            block = memoryview(bytearray(max(len(view) // 3, 1)))
            count = await self._inner.read_into(block)
            self._is_at_end = count == 0
            self._text = self._decode(bytes(block[:count]))
        count = min(len(self._text), len(view))
        view[:count] = self._text[:count]
        self._text = self._text[count:]
        return count

    def _decode(self, block: bytes) -> bytes:
        try:
            text = self._decoder.decode(block, final=not block).encode()
        except UnicodeError as error:
            raise InputError(self._explain(error)) from error
        self._decoded_bytes += len(block)
        return text

    def _explain(self, error: UnicodeError) -> str:
        place, found = f"{self.name}, near byte {self._decoded_bytes}", str(error)
        if isinstance(error, UnicodeDecodeError):
            # A decoder that kept bytes of the block before counts from the first of them.
            place = f"{self.name}, near byte {self._decoded_bytes + error.start}"
            found = f"{excerpt(error.object[error.start : error.end])} ({error.reason})"
        return f"{place}: found {found}; expected {self._encoding}, which --encoding names"


def wrap(source: Source, *, is_gzip: bool, encoding: str) -> Source:
    """Return a source of plain UTF-8."""
    if is_gzip:
        source = GzipSource(source)
    if not is_utf8(encoding):
        source = TranscodingSource(source, encoding)
    return source


def is_utf8(encoding: str) -> bool:
    """Tell whether an encoding is UTF-8 by any of its names.

    Raises:
        UsageError: there is no text encoding of that name.
    """
    try:
        info = codecs.lookup(encoding)
        is_text = isinstance(info.decode(b"")[0], str)
    except (LookupError, ValueError, TypeError):
        is_text = False
    if not is_text:
        raise UsageError(
            f"--encoding: no text encoding is called {encoding!r}; try latin-1, utf-16"
        )
    return info.name in ("utf-8", "utf-8-sig")
