"""Decoding on the way in: gzip and text encodings, as sources that wrap a source."""

from __future__ import annotations

import asyncio
import codecs
import zlib

from streamx.codec.layout import excerpt
from streamx.errors import InputError, UsageError
from streamx.read.sources import FileSource, Source

_GZIP = zlib.MAX_WBITS | 16
_COMPRESSED_BLOCK_BYTES = 64 * 1024
# The longer ones first, since one begins with another.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_LONGEST_MARK = codecs.BOM_UTF32_LE
# Which of the first bytes are not NUL, where text of the usual kind has no mark.
_UNMARKED: dict[tuple[bool, ...], str] = {
    (True, False, True, False): "utf-16-le",
    (False, True, False, True): "utf-16-be",
    (True, False, False, False): "utf-32-le",
    (False, False, False, True): "utf-32-be",
}


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

    @property
    def retries(self) -> int:
        return self._inner.retries

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
    """Turns text of another encoding into UTF-8.

    Args:
        inner: gives the text.
        encoding: Python's name of its encoding.
        reason: why that is expected, for messages.
        start: what has been read from `inner` already.
    """

    def __init__(
        self,
        inner: Source,
        encoding: str,
        reason: str = "which --encoding names",
        start: bytes = b"",
    ) -> None:
        super().__init__(inner)
        self._encoding = encoding
        self._reason = reason
        self._start = start
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
        self._decoded_bytes = 0
        self._text = b""
        self._is_at_end = False

    async def read_into(self, view: memoryview) -> int:
        while not self._text and not self._is_at_end:
            # No encoding needs more than 3 bytes of UTF-8 for one byte of its own.
            block = self._start or await _block(self._inner, max(len(view) // 3, 1))
            self._start = b""
            self._is_at_end = not block
            self._text = self._decode(block)
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
        return f"{place}: found {found}; expected {self._encoding}, {self._reason}"


class MarkedSource(_Wrapped):
    """Decodes UTF-16 and UTF-32 that begin with a byte order mark; all else passes as it is.

    The marks are those of The Unicode Standard, section 23.8. Without one such text is refused,
    since it would only give odd messages.
    """

    def __init__(self, inner: Source) -> None:
        super().__init__(inner)
        self._start: bytes | None = None  # None before anything was read

    @property
    def passed_on(self) -> Source:
        """What gives the bytes, as far as that is known."""
        return self if self._start is None else self._inner

    def read_now(self, view: memoryview) -> int | None:
        return None if self._start is None or self._start else self._inner.read_now(view)

    async def read_into(self, view: memoryview) -> int:
        if self._start is None:
            self._start = await self._judged(len(view))
        if not self._start:
            return await self._inner.read_into(view)
        count = min(len(self._start), len(view))
        view[:count] = self._start[:count]
        self._start = self._start[count:]
        rest = view[count:]
        return count + ((self.read_now(rest) or 0) if rest else 0)

    async def _judged(self, wanted_bytes: int) -> bytes:
        """Read as much as tells the encoding, and see to it; return what passes as it is."""
        start = b""
        most_bytes = max(wanted_bytes, len(_LONGEST_MARK))
        while any(mark.startswith(start) and mark != start for mark in _MARKS):
            block = await _block(self._inner, most_bytes - len(start))
            if not block:
                break
            start += block
        for mark, encoding in _MARKS.items():
            if start.startswith(mark):
                reason = "as its byte order mark says"
                self._inner = TranscodingSource(self._inner, encoding, reason, start)
                return b""
        first = start[: len(_LONGEST_MARK)]
        unmarked = _UNMARKED.get(tuple(map(bool, first)))
        if unmarked is not None:
            raise InputError(
                f"{self.name}: found {excerpt(first)}, which looks like {unmarked[:6].upper()} "
                f"without a byte order mark; expected UTF-8. Read it with --encoding {unmarked}"
            )
        return start


def wrap(source: Source, *, is_gzip: bool, encoding: str | None) -> Source:
    """Return a source of plain UTF-8; without an encoding, the text's byte order mark is heard."""
    if is_gzip:
        source = GzipSource(source)
    if encoding is None:
        source = MarkedSource(source)
    elif not is_utf8(encoding):
        source = TranscodingSource(source, encoding)
    return source


def undecoded(source: Source) -> Source | None:
    """Return the source whose bytes another one gives as they stand; None if it changes them."""
    if isinstance(source, MarkedSource):
        source = source.passed_on
    return None if isinstance(source, _Wrapped) else source


def plain_file(source: Source) -> FileSource | None:
    """Return the file on disk whose bytes a source gives as they stand; None if it does not."""
    inner = undecoded(source)
    return inner if isinstance(inner, FileSource) else None


async def _block(source: Source, most_bytes: int) -> bytes:
    block = memoryview(bytearray(most_bytes))
    return bytes(block[: await source.read_into(block)])


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
