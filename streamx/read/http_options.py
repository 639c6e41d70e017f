"""Http: the options of an input that is a URL, and what may be shown of one."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from streamx.errors import UsageError

Style = Literal["page", "offset", "cursor", "link"]

_URL = re.compile(r"https?://", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# Those that decide which bytes come.
_OWN_HEADERS = {"accept-encoding", "range", "if-range"}
_SIZE_NAMES: dict[Style, str] = {
    "page": "per_page",
    "offset": "limit",
    "cursor": "limit",
    "link": "per_page",
}


@dataclass(frozen=True, kw_only=True)
class Http:
    """How to read an input whose name begins with `http://` or `https://`.

    Attributes:
        paginate: the input comes in pages of JSON, and where the next one is: "page" counts pages,
            "offset" records, "cursor" is a value in the page before, "link" a URL in its Link
            header (RFC 8288) or, with `next_at`, in it. Without it the input is one file.
        page_size: how many records to ask for in a page; by default the server decides.
        records_at: where in a page the array of records is: keys joined by dots.
        next_at: likewise, the next cursor or link.
        page_param: the query's parameter for number, offset or cursor, called as the style is. If
            the URL has it, that is where to begin.
        size_param: the one for the page size; `per_page`, or `limit` with offsets and cursors.
        headers: sent to the input's own server only. `${NAME}` in a value is what the
            environment has there. They are never shown.
        timeout_seconds: how long a server may be silent; 30 by default.
        retries: how often a request that failed is made again; 5 by default.

    Raises:
        UsageError: an option cannot work, alone or with another.

    >>> Http(paginate="page", page_size=100, records_at="data.items").size_name
    'per_page'
    """

    paginate: Style | None = None
    page_size: int | None = None
    records_at: str | None = None
    next_at: str | None = None
    page_param: str | None = None
    size_param: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout_seconds: float = 30.0
    retries: int = 5

    def __post_init__(self) -> None:
        if self.paginate not in (None, *get_args(Style)):
            known = ", ".join(get_args(Style))
            raise UsageError(f"--paginate {self.paginate!r} is not known; it is one of {known}")
        if self.page_size is not None and self.page_size < 1:
            raise UsageError(f"--page-size {self.page_size} cannot work; it must be at least 1")
        if self.retries < 0:
            raise UsageError(f"--http-retries {self.retries} cannot work; it must be at least 0")
        if not 0 < self.timeout_seconds < math.inf:
            raise UsageError(
                f"--http-timeout {self.timeout_seconds} cannot work; it must be more than 0 seconds"
            )
        self._refuse_idle_options()
        self.sent_headers()

    @property
    def page_name(self) -> str:
        """The query's parameter that says which page."""
        return self.page_param or self.paginate or ""

    @property
    def size_name(self) -> str:
        """The query's parameter that says how large a page is."""
        return self.size_param or (_SIZE_NAMES[self.paginate] if self.paginate else "")

    def sent_headers(self) -> dict[str, str]:
        """Return the headers with what the environment has for their variables.

        Raises:
            UsageError: it lacks one, or HTTP allows no such header.
        """
        return {name: _sent_value(name, value) for name, value in self.headers.items()}

    def _refuse_idle_options(self) -> None:
        style = self.paginate
        for is_used, can_work, option, needed in (
            (self.page_size is not None, style, "--page-size", "--paginate"),
            (self.records_at is not None, style, "--records-at", "--paginate"),
            (self.next_at, style in ("cursor", "link"), "--next-at", "--paginate cursor or link"),
            (style == "cursor", self.next_at, "--paginate cursor", "--next-at, where cursors are"),
            (
                self.page_param,
                style in ("page", "offset", "cursor"),
                "--page-param",
                "--paginate page, offset or cursor",
            ),
            (self.size_param, self.page_size is not None, "--size-param", "--page-size"),
        ):
            if is_used and not can_work:
                raise UsageError(f"{option} needs {needed}")


def is_url(path: str) -> bool:
    """Tell whether an input is to be asked for by HTTP."""
    return _URL.match(path) is not None


def plain_url(url: str) -> str:
    """Return what may be shown of a URL, and tells its format: not user, password and query.

    Raises:
        UsageError: it is no URL; only its scheme is shown.

    >>> plain_url("https://me:secret@example.org:8080/a.csv.gz?key=secret")
    'https://example.org:8080/a.csv.gz'
    """
    from urllib.parse import urlsplit  # not needed for files

    try:
        parts = urlsplit(url)
        if not parts.hostname or parts.port == 0 or not url.isprintable() or " " in url:
            raise ValueError
    except ValueError:
        scheme = url.partition(":")[0]
        raise UsageError(
            f"the {scheme} input is no URL; write {scheme}://HOST/PATH, with %20 for a space"
        ) from None
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _sent_value(name: str, value: str) -> str:
    if not _HEADER_NAME.fullmatch(name) or name.lower() in _OWN_HEADERS:
        raise UsageError(f"--header {name!r} cannot be sent; give another, as 'Name: value'")

    def variable(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if not found:
            raise UsageError(f"--header {name}: the environment has no {match[1]}; export it")
        return found

    sent = _VARIABLE.sub(variable, value).strip()
    if not _HEADER_VALUE.fullmatch(sent):
        raise UsageError(f"--header {name} has a value with line breaks or beyond Latin-1")
    return sent
