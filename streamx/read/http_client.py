"""HttpClient: asks a server again and again until it answers, and says plainly when it does not."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar
from urllib.parse import unquote_to_bytes

import httpx

from streamx.codec.layout import excerpt
from streamx.errors import InputError, UsageError
from streamx.read.http_body import read_start
from streamx.read.http_options import Http, plain_url
from streamx.transform.retries import Retries, retry_after_seconds

T = TypeVar("T")

# What a server may ask us to wait with Retry-After.
LONGEST_WAIT_SECONDS = 300.0
_MOST_REDIRECTS = 10
_EXCERPT_BYTES = 200
_SHORTEST_SECRET = 6  # characters; what is shorter is a word such as "true"
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HINTS = {
    401: "; give what it asks for with --header",
    403: "; give what it asks for with --header",
    404: "; see whether the URL is right, or, if this is what follows the last page, what else "
    "--paginate offers",
}


class StatusError(Exception):
    """An answer that is no success.

    Attributes:
        response: its head.
        start: the first bytes of its body.
    """

    def __init__(self, response: httpx.Response, start: bytes) -> None:
        super().__init__(response.status_code)
        self.response = response
        self.start = start


class HttpClient:
    """Requests to the server of one input, and to those that it refers to.

    What identifies the user, headers and the user and password of the URL, goes to the input's own
    server only, whatever a redirect or a link says.

    Args:
        url: the input.
        http: its options.

    Attributes:
        name: the input, as it may be shown.
        retries: requests that were made again.
    """

    def __init__(self, url: str, http: Http) -> None:
        self.name = plain_url(url)
        self.retries = 0
        self._retries = Retries(http.retries)
        self._headers = http.sent_headers()
        self._secrets = {
            word for value in self._headers.values() for word in (value, *value.split())
        }
        try:
            self._home = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise UsageError(f"{self.name} is no URL: {error}") from error
        if self._home.userinfo:
            pair = base64.b64encode(unquote_to_bytes(self._home.userinfo)).decode()
            self._headers.setdefault("Authorization", f"Basic {pair}")
            self._secrets |= {pair, self._home.password}
        self._client = httpx.AsyncClient(timeout=http.timeout_seconds)
        self._client.headers["User-Agent"] = "streamx"

    async def get(self, url: str, headers: Mapping[str, str]) -> httpx.Response:
        """Ask once, follow redirects, and return the head of a success; its body can be read.

        Raises:
            httpx.TransportError: the server cannot be reached, or broke off, or was silent.
            StatusError: it answered with something else than success.
        """
        target = httpx.URL(url)
        for _ in range(_MOST_REDIRECTS + 1):
            response = await self._ask(target, headers)
            if response.is_success:
                return response
            try:
                if not response.has_redirect_location:
                    raise StatusError(response, await read_start(response, _EXCERPT_BYTES))
                target = target.join(response.headers["Location"])
            finally:
                await response.aclose()
        raise InputError(f"{self.name}: more than {_MOST_REDIRECTS} redirects, one after the other")

    async def retried(self, attempt: Callable[[], Awaitable[T]], where: str) -> T:
        """Make an attempt, and others if it fails in a way that may pass.

        Args:
            attempt: asks with `get` and reads.
            where: what is being read, for messages.

        Raises:
            InputError: it fails for good, or too often.
        """
        failures = 0
        while True:
            try:
                return await attempt()
            except (httpx.TransportError, httpx.InvalidURL, StatusError) as error:
                failures += 1
                seconds = self._delay_seconds(error, failures, where)
            await asyncio.sleep(seconds)
            self.retries += 1

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def _ask(self, url: httpx.URL, headers: Mapping[str, str]) -> httpx.Response:
        if url.scheme not in _DEFAULT_PORTS:
            raise httpx.UnsupportedProtocol(f"it refers to a URL that begins with {url.scheme}:")
        sent = httpx.Headers(headers)
        if self._is_home(url):
            sent.update(self._headers)
        url = url.copy_with(userinfo=b"", fragment=None)
        request = self._client.build_request("GET", url, headers=sent)
        return await self._client.send(request, stream=True)

    def _is_home(self, url: httpx.URL) -> bool:
        """Tell whether a URL is of the input's server; it may also change from http to https."""
        home, there = _origin(self._home), _origin(url)
        is_secured = home == ("http", url.host, 80) and there == ("https", url.host, 443)
        return there == home or is_secured

    def _delay_seconds(self, error: Exception, failures: int, where: str) -> float:
        found = f"{where}: {self._said(error)}"
        if not _may_pass(error):
            raise InputError(found) from error
        asked = retry_after_seconds(error) or 0.0
        if asked > LONGEST_WAIT_SECONDS:
            raise InputError(
                f"{found}; it asks to be left alone for {asked:,.0f} s, which is more than "
                f"the {LONGEST_WAIT_SECONDS:,.0f} s that are waited; run again after that"
            ) from error
        seconds = self._retries.delay_seconds(error, failures)
        if seconds is None:
            times = "once" if failures == 1 else f"{failures} times"
            raise InputError(f"{found}; tried {times}, see --http-retries") from error
        return seconds

    def _said(self, error: Exception) -> str:
        """Say what happened, without what identifies the user, should the server repeat it."""
        if isinstance(error, StatusError):
            response = error.response
            status = f"{response.status_code} {response.reason_phrase}".strip()
            body = f": {excerpt(error.start, _EXCERPT_BYTES)}" if error.start else ""
            hint = _HINTS.get(response.status_code, "")
            return self._without_secrets(f"the server answered {status}{body}") + hint
        if isinstance(error, httpx.TimeoutException):
            return "the server was silent for longer than --http-timeout"
        return self._without_secrets(f"cannot read: {error or type(error).__name__}")

    def _without_secrets(self, text: str) -> str:
        for secret in sorted(self._secrets, key=len, reverse=True):
            if len(secret) >= _SHORTEST_SECRET:
                text = text.replace(secret, "***")
        return text


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or _DEFAULT_PORTS.get(url.scheme)


def _may_pass(error: Exception) -> bool:
    if isinstance(error, StatusError):
        status = error.response.status_code
        return status == _TOO_MANY_REQUESTS or status >= _SERVER_ERROR
    is_wrong = isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL)
    return not is_wrong and "CERTIFICATE_VERIFY_FAILED" not in str(error)
