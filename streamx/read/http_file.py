"""HttpFileSource: a file on a web server, resumed where its connection breaks."""

from __future__ import annotations

import re

import httpx

from streamx.errors import InputError
from streamx.read.http_body import BodySource, decoded
from streamx.read.http_client import HttpClient
from streamx.read.sources import Source

_PARTIAL_CONTENT = 206
_RANGE_START = re.compile(r"bytes ([0-9]+)-")


class HttpFileSource:
    """The bytes of a file as the server keeps them.

    Where the connection breaks, the rest is asked for (RFC 9110, 14.2) on the condition that the
    file is still the same, which its strong ETag tells.

    Args:
        client: asks for it.
        url: where it is.
    """

    is_live = False
    is_slow = True

    def __init__(self, client: HttpClient, url: str) -> None:
        self.name = client.name
        self.total_bytes: int | None = None
        self.bytes_read = 0
        self._client = client
        self._url = url
        self._body: BodySource | None = None
        self._tag = ""

    async def open(self) -> httpx.Response:
        """Ask for the file and return the head of the answer.

        Raises:
            InputError: the server has none for us.
        """
        response = await self._client.retried(self._open, self.name)
        self.total_bytes = None if self._body is None else self._body.total_bytes
        return response

    @property
    def retries(self) -> int:
        return self._client.retries

    def read_now(self, view: memoryview) -> int | None:
        count = None if self._body is None else self._body.read_now(view)
        self.bytes_read += count or 0
        return count

    async def read_into(self, view: memoryview) -> int:
        return await self._client.retried(lambda: self._attempt(view), self.name)

    async def close(self) -> None:
        await self._leave()
        await self._client.close()

    async def _attempt(self, view: memoryview) -> int:
        if self._body is None:
            await self._open()
        assert self._body is not None
        try:
            count = await self._body.read_into(view)
        except httpx.TransportError:
            await self._leave()
            raise
        self.bytes_read += count
        return count

    async def _open(self) -> httpx.Response:
        headers = {"Accept-Encoding": "identity"}
        if self.bytes_read:
            headers |= {"Range": f"bytes={self.bytes_read}-", "If-Range": self._tag}
            if not self._tag:
                raise self._broken("the server gives no strong ETag, so the file may have changed")
        response = await self._client.get(self._url, headers)
        if self.bytes_read and not self._continues(response):
            await response.aclose()
            raise self._broken("the file has changed, or the server gives no parts of it")
        tag = response.headers.get("ETag", "")
        self._tag = tag if tag.startswith('"') else ""
        self._body = BodySource(response, self.name)
        return response

    def _continues(self, response: httpx.Response) -> bool:
        match = _RANGE_START.match(response.headers.get("Content-Range", ""))
        if response.status_code != _PARTIAL_CONTENT or match is None:
            return False
        return int(match[1]) == self.bytes_read

    def _broken(self, why: str) -> InputError:
        return InputError(
            f"{self.name}: the connection broke after {self.bytes_read:,} bytes and cannot be "
            f"resumed: {why}; run again, or download it first"
        )

    async def _leave(self) -> None:
        if self._body is not None:
            await self._body.close()
            self._body = None


async def open_file(client: HttpClient, url: str, *, is_compressed: bool) -> Source:
    """Return a source of a file; gzip that its name does not tell of is decompressed.

    Args:
        client: asks for it, and is closed with it.
        url: where it is.
        is_compressed: whoever reads it will decompress it.

    Raises:
        InputError: it cannot be had.
    """
    source = HttpFileSource(client, url)
    response = await source.open()
    return source if is_compressed else decoded(source, response)
