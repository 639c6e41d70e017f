"""Opens an input that is a URL."""

from __future__ import annotations

from collections.abc import Callable

from streamx.extras import needing
from streamx.read.http_options import Http
from streamx.read.sources import Source


async def open_remote(
    url: str,
    http: Http,
    *,
    is_compressed: bool,
    most_page_bytes: int,
    warn: Callable[[str], None],
) -> Source:
    """Open a file on a web server, or the pages of an API as JSONL.

    Args:
        url: where it is.
        http: how it is read.
        is_compressed: whoever reads it will decompress it.
        most_page_bytes: a page with a longer body is an error.
        warn: called with each warning.

    Raises:
        UsageError: httpx is not installed.
        InputError: the server has nothing for us.
    """
    with needing("an http input", "http"):
        from streamx.read.http_client import HttpClient
        from streamx.read.http_file import open_file
        from streamx.read.http_pages import PageSource
    client = HttpClient(url, http)
    try:
        if http.paginate is not None:
            return PageSource(client, url, http, most_page_bytes, warn)
        return await open_file(client, url, is_compressed=is_compressed)
    except BaseException:
        await client.close()
        raise
