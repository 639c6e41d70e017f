"""Paging: the URL of the first page, and that of the next one by what the page before has said."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from streamx.codec.json_cuts import JsonCutError, MissingPathError, span_at
from streamx.codec.layout import excerpt
from streamx.codec.reference.json_records import string_value
from streamx.errors import UsageError
from streamx.read.http_options import Http
from streamx.read.links import next_link

_WHOLE_NUMBER = re.compile(rb"-?[0-9]+")
_NO_MORE = (b"null", b'""', b"false")


class Answer(NamedTuple):
    """What a server gave for a page.

    Attributes:
        url: where the page was in the end, after redirects.
        link: its Link header, or nothing.
        body: its bytes, decompressed.
    """

    url: str
    link: str
    body: bytes


def first_url(http: Http, url: str) -> str:
    """Return the URL of the first page.

    Raises:
        UsageError: the URL says to begin at a page that is no number.

    >>> first_url(Http(paginate="page", page_size=50), "http://example.org/items?q=a")
    'http://example.org/items?q=a&per_page=50&page=1'
    """
    if http.page_size is not None:
        url = _with_parameter(url, http.size_name, str(http.page_size))
    if http.paginate in ("page", "offset"):
        start = _parameter(url, http.page_name, "1" if http.paginate == "page" else "0")
        if not (start.isascii() and start.isdecimal()):
            raise UsageError(
                f"the URL begins at {http.page_name}={start}, which is no number; "
                "leave it out, or name the right parameter with --page-param"
            )
        url = _with_parameter(url, http.page_name, start)
    return url


def next_url(http: Http, url: str, answer: Answer, records: int) -> str | None:
    """Return the URL of the page behind one, or None if that was the last.

    Args:
        http: how pages follow one another.
        url: the one that was asked for.
        answer: what came.
        records: how many records were in it.

    Raises:
        JsonCutError: there is no cursor or link where one should be.

    >>> http = Http(paginate="cursor", next_at="meta.next")
    >>> answer = Answer("http://example.org/items", "", b'{"meta": {"next": "a b"}}')
    >>> next_url(http, answer.url, answer, 10)
    'http://example.org/items?cursor=a+b'
    """
    if http.paginate in ("page", "offset"):
        step = 1 if http.paginate == "page" else records
        start = int(_parameter(url, http.page_name, "0"))
        return _with_parameter(url, http.page_name, str(start + step)) if records else None
    at = http.next_at
    link = next_link(answer.link) if at is None else _text_at(answer.body, at)
    if link is None:
        return None
    if http.paginate == "cursor":
        return _with_parameter(url, http.page_name, link)
    try:
        return urljoin(answer.url, link)
    except ValueError:
        raise JsonCutError(
            f"found {excerpt(link.encode())} as the next link; expected a URL"
        ) from None


def _text_at(body: bytes, path: str) -> str | None:
    """Return a text or number as text; None where there is none: the last page says so."""
    try:
        start, end = span_at(body, path)
    except MissingPathError:
        return None
    raw = body[start:end]
    if raw in _NO_MORE:
        return None
    if raw[:1] == b'"':
        with suppress(ValueError):
            return string_value(raw).decode()
    elif _WHOLE_NUMBER.fullmatch(raw):
        return raw.decode()
    raise JsonCutError(f"found {excerpt(raw)} at {path!r}; expected a text or a whole number")


def _parameter(url: str, name: str, default: str) -> str:
    query = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    return dict(query).get(name, default)


def _with_parameter(url: str, name: str, value: str) -> str:
    """Set one parameter of a query, in its place or at the end."""
    parts = urlsplit(url)
    pairs = [
        (key, value if key == name else each)
        for key, each in parse_qsl(parts.query, keep_blank_values=True)
    ]
    if name not in dict(pairs):
        pairs.append((name, value))
    return parts._replace(query=urlencode(pairs), fragment="").geturl()
