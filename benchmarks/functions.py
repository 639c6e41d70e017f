"""Functions that streamx is made to call, and the loops and servers that they are measured with.

python -m benchmarks.functions loop SOURCE      `gain` in a loop over csv and orjson
python -m benchmarks.functions serve COMMAND    runs a command beside a server for `Ask`
"""

from __future__ import annotations

import asyncio
import csv
import os
import sys
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any

import orjson

WAIT_SECONDS = 0.05
_PORT = "STREAMX_BENCHMARK_PORT"
_ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"ok":true}'

Fields = MutableMapping[str, Any]


def gain(record: Fields) -> Fields:
    """Read two fields and set one."""
    record["gain"] = (record["dep_delay"] or 0) - (record["arr_delay"] or 0)
    return record


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


def loop(source: str) -> None:
    """Do what `gain` does in the shortest loop, for numbers that are whole."""

    def number(text: str) -> int:
        return 0 if text == "NA" else int(text)

    with open(source, encoding="utf-8", newline="") as file:
        for record in csv.DictReader(file):
            fields: dict[str, Any] = record
            fields["gain"] = number(record["dep_delay"]) - number(record["arr_delay"])
            sys.stdout.buffer.write(orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE))


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


def main() -> None:
    """Run one of the programs."""
    if sys.argv[1] == "loop":
        loop(sys.argv[2])
    else:
        sys.exit(asyncio.run(serve(sys.argv[2:])))


if __name__ == "__main__":
    main()
