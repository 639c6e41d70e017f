"""BodySource: the body of a response as a source, read no faster than it is asked for."""

from __future__ import annotations

from contextlib import suppress

import httpx

from streamx.compression import GZIP
from streamx.errors import InputError
from streamx.read.blocks import BlockSource
from streamx.read.decompress import DecompressingSource
from streamx.read.sources import Source

_BLOCK_BYTES = 64 * 1024


class BodySource(BlockSource):
    """A body as it comes over the wire, whatever it is encoded with.

    What nobody reads stays in the socket, and when that is full with the server.

    Raises:
        httpx.TransportError: on reading, where the connection breaks.
    """

    is_live = False
    is_slow = True
    retries = 0  # whoever asks again takes another body

    def __init__(self, response: httpx.Response, name: str) -> None:
        super().__init__()
        self.name = name
        length = response.headers.get("Content-Length", "")
        self.total_bytes = int(length) if length.isdecimal() else None
        self.bytes_read = 0
        self._response = response
        self._blocks = response.aiter_raw()

    async def _next_block(self) -> bytes | None:
        block = await anext(self._blocks, None)
        self.bytes_read += len(block or b"")
        return block

    async def close(self) -> None:
        await self._response.aclose()


def decoded(source: Source, response: httpx.Response) -> Source:
    """Return a source of a body without its Content-Encoding.

    Raises:
        InputError: the server chose one that it was not asked for.
    """
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in ("gzip", "x-gzip"):
        return DecompressingSource(source, GZIP, "its Content-Encoding is gzip")
    if encoding not in ("identity", ""):
        raise InputError(
            f"{source.name}: the server sent it with Content-Encoding {encoding!r}; expected gzip "
            "or none, as it was asked for"
        )
    return source


async def read_whole(source: Source, most_bytes: int) -> bytes | None:
    """Return all that a source gives, or None as soon as it is known to be more than allowed."""
    whole = bytearray()
    room = memoryview(bytearray(_BLOCK_BYTES))
    while count := await source.read_into(room):
        if len(whole) + count > most_bytes:
            return None
        whole += room[:count]
    return bytes(whole)


async def read_start(response: httpx.Response, most_bytes: int) -> bytes:
    """Return how a body starts, for a message; nothing if it cannot be read."""
    start = memoryview(bytearray(most_bytes))
    with suppress(httpx.TransportError, InputError):
        count = await decoded(BodySource(response, ""), response).read_into(start)
        return bytes(start[:count])
    return b""
