"""The server that enrich.py asks: `python airlines_server.py [PORT]`; Ctrl-C ends it."""

import asyncio
import contextlib
import json
import sys

ANSWER_SECONDS = 0.02  # what a real service would take
AIRLINES = {
    "9E": "Endeavor Air",
    "AA": "American Airlines",
    "AS": "Alaska Airlines",
    "B6": "JetBlue Airways",
    "DL": "Delta Air Lines",
    "EV": "ExpressJet Airlines",
    "F9": "Frontier Airlines",
    "FL": "AirTran Airways",
    "HA": "Hawaiian Airlines",
    "MQ": "Envoy Air",
    "OO": "SkyWest Airlines",
    "UA": "United Air Lines",
    "US": "US Airways",
    "VX": "Virgin America",
    "WN": "Southwest Airlines",
    "YV": "Mesa Airlines",
}


async def serve(reader, writer):
    try:
        while True:
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            await asyncio.sleep(ANSWER_SECONDS)
            name = AIRLINES.get(request.split(" ")[1].removeprefix("/airlines/"))
            status = "200 OK" if name else "404 Not Found"
            body = json.dumps({"name": name}).encode()
            head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()  # the client has gone


async def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8765
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


with contextlib.suppress(KeyboardInterrupt):
    asyncio.run(main())
