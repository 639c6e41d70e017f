"""An API is asked for its next page only as the run takes records, so a limit ends the requests.

It prints:

    the server was asked for /items?per_page=2&page=1
    the server was asked for /items?per_page=2&page=2
    3 records written
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

from streamx import Http, Limit, transform

has_ended = threading.Event()


class Items(BaseHTTPRequestHandler):
    """A thousand items in pages. From the third on the server takes its time."""

    def do_GET(self):
        query = parse_qs(urlsplit(self.path).query)
        page, size = int(query["page"][0]), int(query["per_page"][0])
        if page > 2:
            has_ended.wait(10)
            return
        print("the server was asked for", self.path)
        numbers = range((page - 1) * size, min(page * size, 1000))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"items": [{"number": each} for each in numbers]}).encode())

    def log_message(self, *_):
        pass


with HTTPServer(("127.0.0.1", 0), Items) as server:
    threading.Thread(target=server.serve_forever).start()
    report = transform(
        f"http://127.0.0.1:{server.server_port}/items",
        "/dev/null",
        target_format="jsonl",
        operations=[Limit(3)],
        http=Http(paginate="page", page_size=2, records_at="items"),
    )
    has_ended.set()
    server.shutdown()
print(report.records_out, "records written")
