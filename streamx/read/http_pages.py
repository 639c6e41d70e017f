"""PageSource: the records of a paged HTTP API as JSONL; a page is asked for when it is needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from streamx.codec.json_cuts import JsonCutError, MissingPathError, json_lines, span_at
from streamx.errors import InputError
from streamx.flow import Page, paginate
from streamx.read.blocks import BlockSource
from streamx.read.http_body import BodySource, decoded, read_whole
from streamx.read.http_client import HttpClient
from streamx.read.http_options import Http
from streamx.read.paging import Answer, first_url, next_url

_HEADERS = {"Accept": "application/json, */*;q=0.5", "Accept-Encoding": "gzip"}


class PageSource(BlockSource):
    """The lines of one page after the other. No page is asked for before the last has been read.

    Args:
        client: asks for pages, and is closed with this.
        url: the input.
        http: how pages follow one another, and where their records are.
        most_page_bytes: a page with a longer body is an error.
        warn: called if there may be more pages than are named.
    """

    is_live = False
    is_slow = True
    total_bytes: int | None = None

    def __init__(
        self,
        client: HttpClient,
        url: str,
        http: Http,
        most_page_bytes: int,
        warn: Callable[[str], None],
    ) -> None:
        super().__init__()
        self.name = client.name
        self.bytes_read = 0
        self._client = client
        self._http = http
        self._most_page_bytes = most_page_bytes
        self._warn = warn
        self._number = 0
        # Hashes, so that they take 64 bytes a page, however long its URL is.
        self._seen: set[int] = set()
        self._last_lines: int | None = None
        self._pages = paginate(self._fetch, http.page_size or 1, first=first_url(http, url))

    @property
    def retries(self) -> int:
        return self._client.retries

    async def _next_block(self) -> bytearray | None:
        return await anext(self._pages, None)

    async def close(self) -> None:
        await self._pages.aclose()
        await self._client.close()

    async def _fetch(self, url: str, _: int) -> Page[bytearray]:
        self._number += 1
        self._seen.add(hash(url))
        answer = await self._client.retried(lambda: self._answer(url), self._where)
        try:
            # In a thread: a large page can take a while, and signals must be heard.
            lines, count = await asyncio.to_thread(self._records, answer.body)
            following = next_url(self._http, url, answer, count)
        except MissingPathError as error:
            raise InputError(f"{self._where}: {error}; see --records-at") from error
        except JsonCutError as error:
            raise InputError(f"{self._where}: {error}") from error
        self._look_at(lines, count, following)
        return Page([lines], following)

    @property
    def _where(self) -> str:
        return f"{self.name}, page {self._number}"

    async def _answer(self, url: str) -> Answer:
        response = await self._client.get(url, _HEADERS)
        try:
            raw = BodySource(response, self._where)
            body = await read_whole(decoded(raw, response), self._most_page_bytes)
        finally:
            await response.aclose()
        if body is None:
            raise InputError(
                f"{self._where} is larger than {self._most_page_bytes:,} bytes; ask for fewer "
                "records with --page-size, or allow more with --max-record-bytes"
            )
        self.bytes_read += raw.bytes_read
        return Answer(str(response.url), response.headers.get("Link", ""), body)

    def _records(self, body: bytes) -> tuple[bytearray, int]:
        return json_lines(body, span_at(body, self._http.records_at or ""))

    def _look_at(self, lines: bytearray, count: int, following: str | None) -> None:
        """Find out where pages repeat for ever, or where they seem to end too early."""
        if self._http.paginate in ("page", "offset") and lines:
            digest = hash(bytes(lines))
            if digest == self._last_lines:
                raise self._endless("has the same records as the one before")
            self._last_lines = digest
        if following is not None and hash(following) in self._seen:
            raise self._endless("names a page as the next that came before")
        if self._number == 1 and following is None and count and count == self._http.page_size:
            self._warn(
                f"{self._where} is full but names no next page, so it was taken for the only one; "
                "see --paginate and --next-at"
            )

    def _endless(self, what: str) -> InputError:
        return InputError(
            f"{self._where} {what}, which would go on for ever; see --paginate, --page-param and "
            "--next-at"
        )
