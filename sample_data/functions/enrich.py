"""An asynchronous class: asks an HTTP server for the name of each flight's airline."""

import asyncio
import json
import os

HOST = "127.0.0.1"
PORT = int(os.environ.get("AIRLINES_PORT", "8765"))
CONNECTIONS = 100


class Enrich:
    async def __aenter__(self):
        self.connections = asyncio.Queue()
        for _ in range(CONNECTIONS):
            self.connections.put_nowait(None)  # opened when it is first needed
        return self

    async def __call__(self, record):
        connection = await self.connections.get() or await asyncio.open_connection(HOST, PORT)
        try:
            airline = await get(connection, f"/airlines/{record['carrier']}")
        except BaseException:
            connection[1].close()
            self.connections.put_nowait(None)
            raise
        self.connections.put_nowait(connection)
        return record | {"airline": airline["name"]}

    async def __aexit__(self, *error):
        while not self.connections.empty():
            if connection := self.connections.get_nowait():
                connection[1].close()


async def get(connection, path):
    reader, writer = connection
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    status, *headers = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    lengths = [line.split(":")[1] for line in headers if line.lower().startswith("content-length:")]
    body = await reader.readexactly(int(lengths[0]))
    if " 200 " not in status:
        raise RuntimeError(f"{path}: {status}")
    return json.loads(body)
