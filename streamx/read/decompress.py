"""Decompression on the way in, never more at once than asked for, whatever a file expands to."""

from __future__ import annotations

import asyncio

from streamx.codec.layout import excerpt
from streamx.compression import MAGICS, Compression, Decompressor, compression_in
from streamx.errors import InputError
from streamx.read.sources import Source
from streamx.read.wrapped import JudgedSource, WrappedSource

_COMPRESSED_BLOCK_BYTES = 64 * 1024
_SHOWN_BYTES = 16


class DecompressingSource(WrappedSource):
    """Decompresses any number of members, streams or frames.

    Args:
        inner: gives compressed data.
        compression: of what kind.
        reason: why that is expected, for messages.
        start: what has been read from `inner` already.
    """

    def __init__(
        self, inner: Source, compression: Compression, reason: str, start: bytes = b""
    ) -> None:
        super().__init__(inner)
        self._name = compression.name
        self._compression = compression
        self._reason = reason
        self._coder = compression.loaded()
        self._member: Decompressor | None = None  # None between two
        self._block = memoryview(bytearray(_COMPRESSED_BLOCK_BYTES))
        self._input = start
        self._is_empty = not start

    async def read_into(self, view: memoryview) -> int:
        while True:
            if self._input or (self._member is not None and not self._member.needs_input):
                count = await asyncio.to_thread(self._decompress_members, view)
                if count:
                    return count
            elif not await self._fill():
                return 0

    async def _fill(self) -> bool:
        self._input = bytes(self._block[: await self._inner.read_into(self._block)])
        if self._is_empty and not self._compression.may_begin(self._input):
            raise InputError(
                f"{self.name}: found {excerpt(self._input[:_SHOWN_BYTES])}; expected {self._name}, "
                f"as {self._reason}"
            )
        if not self._input and (self._is_empty or self._member is not None):
            raise InputError(
                f"{self.name}: the {self._name} data ends in the middle (after {self.bytes_read} "
                "bytes); the file is truncated, get a whole copy"
            )
        self._is_empty = False
        return bool(self._input)

    def _decompress_members(self, view: memoryview) -> int:
        """Decompress as many members as it takes, since a file may consist of tiny ones."""
        count = 0
        while count < len(view):
            if self._member is None:
                # Files may be padded with zeros between and after members.
                self._input = self._input.lstrip(b"\0")
                if not self._input:
                    break
                self._member = self._coder.decompressor()
            elif self._member.needs_input and not self._input:
                break
            block = self._decompress(self._member, len(view) - count)
            view[count : count + len(block)] = block
            count += len(block)
        return count

    def _decompress(self, member: Decompressor, size_bytes: int) -> bytes:
        try:
            block = member.decompress(self._input, size_bytes)
        except (self._coder.error, EOFError) as error:
            raise InputError(
                f"{self.name}: broken {self._name} data within its first {self.bytes_read} bytes "
                f"({error}); expected {self._name}, as {self._reason}"
            ) from error
        self._input = b""
        if member.eof:
            self._input = member.unused_data
            self._member = None
        return block


class MagicSource(JudgedSource):
    """Decompresses what begins as compressed files do; all else passes as it is."""

    async def _judge(self, wanted_bytes: int) -> bytes:
        start = await self._start_of(MAGICS, max(wanted_bytes, _COMPRESSED_BLOCK_BYTES))
        compression = compression_in(start)
        if compression is None:
            return start
        reason = "its first bytes say"
        self._inner = DecompressingSource(self._inner, compression, reason, start)
        return b""


def decompressed(source: Source, compression: Compression) -> Source:
    """Return a source of what is in a file whose name tells how it is compressed."""
    reason = f"the file's name ends with {compression.suffixes[0]}"
    return DecompressingSource(source, compression, reason)
