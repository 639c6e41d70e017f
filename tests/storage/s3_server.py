"""An S3 server in a process of its own, for tests, and a way to it that can be cut."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import boto3

BUCKET = "bucket"
SECRET = "a-secret-that-nobody-may-see"
_LISTENING = re.compile(rb"Running on (http://[0-9.:]+)")
_BLOCK_BYTES = 64 * 1024


class S3Server:
    """A running server, with one bucket.

    Attributes:
        url: where it listens.
        client: boto3's, to look at what is there.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.client: Any = boto3.client(
            "s3",
            endpoint_url=url,
            aws_access_key_id="key",
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
        )
        self.client.create_bucket(Bucket=BUCKET)

    @property
    def keys(self) -> set[str]:
        """What is in the bucket."""
        found = self.client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return {each["Key"] for each in found}

    @property
    def uploads(self) -> set[str]:
        """Keys of uploads that have begun and not ended."""
        found = self.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
        return {each["Key"] for each in found}

    def put(self, key: str, content: bytes) -> str:
        """Put an object into the bucket and return its URL."""
        self.client.put_object(Bucket=BUCKET, Key=key, Body=content)
        return f"s3://{BUCKET}/{key}"

    def get(self, key: str) -> bytes:
        """Return an object's content."""
        body: bytes = self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return body

    def clear(self) -> None:
        """Remove all keys, and take back all uploads."""
        for key in self.keys:
            self.client.delete_object(Bucket=BUCKET, Key=key)
        found = self.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
        for each in found:
            place = {"Key": each["Key"], "UploadId": each["UploadId"]}
            self.client.abort_multipart_upload(Bucket=BUCKET, **place)


def environment(url: str, **variables: str) -> dict[str, str]:
    """Return the variables that lead to a server, and to nothing else of this machine."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "2",
        **variables,
    }


@contextmanager
def serving_s3() -> Iterator[S3Server]:
    """Run a server while the body runs."""
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if found := _LISTENING.search(line):
                break
        else:
            raise AssertionError("the S3 server did not start")
        log = threading.Thread(target=process.stderr.read, daemon=True)  # or it would block
        log.start()
        try:
            yield S3Server(found[1].decode())
        finally:
            process.kill()
            log.join()


class Line:
    """A way to a server that breaks once so many bytes of answers, or of requests, have passed.

    Attributes:
        url: of its near end.
        breaks: how often it has broken.
    """

    def __init__(
        self, server: str, *, answered_bytes: int | None, asked_bytes: int | None, heals: bool
    ) -> None:
        host, port = server.removeprefix("http://").split(":")
        self._server = host, int(port)
        self._left = {"answers": answered_bytes, "requests": asked_bytes}
        self._heals = heals
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []
        self._lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.breaks = 0

    def serve(self) -> None:
        """Carry what comes, until the line is closed."""
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._server)
                self._ends += near, far
                for what, source, target in (("requests", near, far), ("answers", far, near)):
                    arguments = (what, source, target)
                    threading.Thread(target=self._carry, args=arguments, daemon=True).start()

    def close(self) -> None:
        """Let nothing pass any more."""
        self._listener.close()
        self._hang_up()

    def _carry(self, what: str, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while block := source.recv(_BLOCK_BYTES):
                if self._is_broken_by(what, len(block)):
                    break
                target.sendall(block)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _is_broken_by(self, what: str, size_bytes: int) -> bool:
        with self._lock:
            left = self._left[what]
            if left is None:
                return False
            self._left[what] = left - size_bytes
            if left > size_bytes:
                return False
            self.breaks += 1
            if self._heals:
                self._left[what] = None
        if not self._heals:
            self.close()
        return True

    def _hang_up(self) -> None:
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@contextmanager
def line_to(
    server: S3Server,
    *,
    answered_bytes: int | None = None,
    asked_bytes: int | None = None,
    heals: bool,
) -> Iterator[Line]:
    """Lay a line to a server that breaks in the middle, once or for good."""
    line = Line(server.url, answered_bytes=answered_bytes, asked_bytes=asked_bytes, heals=heals)
    threading.Thread(target=line.serve, daemon=True).start()
    try:
        yield line
    finally:
        line.close()
