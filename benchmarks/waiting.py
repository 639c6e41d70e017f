"""Functions that wait for a service, and the server that they are measured with.

python -m benchmarks.waiting COMMAND    runs a command beside a server for `Ask`
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any

import orjson

Fields = MutableMapping[str, Any]

WAIT_SECONDS = 0.05
_PORT = "STREAMX_BENCHMARK_PORT"
_ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"ok":true}'


async def wait(record: Fields) -> Fields:
    """Wait, as for a service that answers in 50 ms."""
    await asyncio.sleep(WAIT_SECONDS)
    return record


class Ask:
    """Ask an HTTP server about each record, over connections that are kept."""

    def __init__(self) -> None:
        self._port = int(os.environ[_PORT])
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def __aenter__(self) -> Ask:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for _, writer in self._idle:
            writer.close()

    async def __call__(self, record: Fields) -> Fields:
        if self._idle:
            reader, writer = self._idle.pop()
        else:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(b"GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % record["flight"])
        await reader.readuntil(b"\r\n\r\n")
        answer = await reader.readexactly(11)
        self._idle.append((reader, writer))
        record["ok"] = orjson.loads(answer)["ok"]
        return record


async def serve(command: list[str]) -> int:
    """Run a command beside a server that answers in 50 ms; return its exit status."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                await asyncio.sleep(WAIT_SECONDS)
                writer.write(_ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=1000)
    port = str(server.sockets[0].getsockname()[1])
    process = await asyncio.create_subprocess_exec(*command, env={**os.environ, _PORT: port})
    return await process.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(serve(sys.argv[1:])))
