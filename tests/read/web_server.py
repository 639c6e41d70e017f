"""A web server on a thread, for tests: what it answers is a function, what it was asked is kept."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

_BLOCK_BYTES = 64 * 1024


class Request(NamedTuple):
    """What was asked for, and when."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    at_seconds: float


class Answer(NamedTuple):
    """What is sent: the connection is closed after `breaks_after` bytes of the body.

    `sent` is called with the size of each block, when the system has taken it.
    """

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = {}  # noqa: RUF012  # nobody changes it
    breaks_after: int | None = None
    sent: Callable[[int], object] = id


class Server:
    """A running server.

    Attributes:
        url: of its root, without a slash at the end.
        requests: what it was asked, in order.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[Request] = []

    def asked(self, name: str) -> list[str | None]:
        """Return what each request had for a parameter."""
        return [request.query.get(name) for request in self.requests]


class _Listener(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Take it that a client may go at any time."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serving(answer: Callable[[Request], Answer]) -> Iterator[Server]:
    """Run a server on a free port of this machine until the body has ended."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            request = Request(parts.path, query, headers, monotonic())
            server.requests.append(request)
            try:
                self._send(answer(request))
            except ConnectionError:
                self.close_connection = True  # the client has gone

        def _send(self, given: Answer) -> None:
            self.send_response(given.status)
            for name, value in {"Content-Length": str(len(given.body)), **given.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            body = given.body[: given.breaks_after]
            for start in range(0, len(body), _BLOCK_BYTES):
                given.sent(self.wfile.write(body[start : start + _BLOCK_BYTES]))
            if given.breaks_after is not None:
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with _Listener(("127.0.0.1", 0), Handler) as listener:
        server = Server(f"http://127.0.0.1:{listener.server_address[1]}")
        thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown()
            thread.join()


def page_of(records: Sequence[Any], request: Request, **more: Any) -> Answer:
    """Return the records that `page` and `per_page` ask for, as `{"items": [...]}`."""
    page, size = int(request.query["page"]), int(request.query["per_page"])
    return json_answer({"items": records[(page - 1) * size : page * size], **more})


def json_answer(value: Any, **headers: str) -> Answer:
    """Return a value as a pretty-printed body."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(json.dumps(value, indent=1).encode(), headers=named)
