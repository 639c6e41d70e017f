"""Decoding on the way in: compression and text encodings, as sources that wrap a source."""

from __future__ import annotations

import codecs

from streamx.codec.layout import excerpt
from streamx.compression import Compression
from streamx.errors import InputError, UsageError
from streamx.read.begun import BegunSource
from streamx.read.decompress import MagicSource, decompressed
from streamx.read.encodings import (
    LONGEST_MARK_BYTES,
    MARKS,
    marked_encoding,
    unmarked_encoding,
)
from streamx.read.sources import FileSource, Source
from streamx.read.wrapped import JudgedSource, WrappedSource, block_of


class TranscodingSource(WrappedSource):
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
            block = self._start or await block_of(self._inner, max(len(view) // 3, 1))
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


class MarkedSource(JudgedSource):
    """Decodes UTF-16 and UTF-32 that begin with a byte order mark; all else passes as it is.

    Without one such text is refused, since it would only give odd messages.
    """

    async def _judge(self, wanted_bytes: int) -> bytes:
        start = await self._start_of(MARKS, max(wanted_bytes, LONGEST_MARK_BYTES))
        marked = marked_encoding(start)
        if marked is not None:
            reason = "as its byte order mark says"
            self._inner = TranscodingSource(self._inner, marked, reason, start)
            return b""
        first = start[:LONGEST_MARK_BYTES]
        unmarked = unmarked_encoding(first)
        if unmarked is not None:
            raise InputError(
                f"{self.name}: found {excerpt(first)}, which looks like {unmarked[:6].upper()} "
                f"without a byte order mark; expected UTF-8. Read it with --encoding {unmarked}"
            )
        return start


def wrap(source: Source, *, compression: Compression | None, encoding: str | None) -> Source:
    """Return a source of plain UTF-8.

    Args:
        source: gives the input as it is.
        compression: what its name says; without one, what its first bytes say.
        encoding: of the text; without one, the text's byte order mark is heard.
    """
    source = MagicSource(source) if compression is None else decompressed(source, compression)
    return decoded(source, encoding)


def decoded(source: Source, encoding: str | None) -> Source:
    """Return a source of text in UTF-8; without an encoding, its byte order mark is heard."""
    if encoding is None:
        return MarkedSource(source)
    return source if is_utf8(encoding) else TranscodingSource(source, encoding)


def undecoded(source: Source) -> Source | None:
    """Return the source whose bytes another one gives as they stand; None if it changes them."""
    while isinstance(source, JudgedSource | BegunSource):
        passed_on = source.passed_on
        if passed_on is source:
            return None
        source = passed_on
    return None if isinstance(source, WrappedSource) else source


def plain_file(source: Source) -> FileSource | None:
    """Return the file on disk whose bytes a source gives as they stand; None if it does not."""
    inner = undecoded(source)
    return inner if isinstance(inner, FileSource) else None


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
