"""A server is asked no faster than the output is taken, in flat memory, and can be left."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import STREAMX, TIMEOUT_SECONDS
from read.web_server import Answer, Request, serving

MIB = 1024 * 1024
RECORD = b'{"id": 1, "text": "' + b"x" * 100 + b'"}'
RECORDS = 500
PAGE = b"[\n" + b",\n".join([RECORD] * RECORDS) + b"]"
PAGES = 200
# Five credits, 1 MiB of window, 512 KiB of output buffer, a part more of each, the pipe's 1 MiB, a
# page that is being read and one ahead.
MOST_IN_FLIGHT_BYTES = 4 * MIB
# What the kernel holds of a connection to itself.
SOCKETS_BYTES = 16 * MIB
SMALL = ("--chunk-size", "64K", "--buffer", "1", "-j", "1")


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the command with its output in the hands of the test."""
    process = subprocess.Popen([*STREAMX, "transform", *arguments], stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def blocks(process: subprocess.Popen[bytes]) -> Iterator[int]:
    """Take all output, block by block; yield how many bytes have been taken."""
    assert process.stdout is not None
    taken = 0
    while block := os.read(process.stdout.fileno(), 64 * 1024):
        taken += len(block)
        yield taken


def wait_until_quiet(has_news: threading.Event) -> None:
    """Wait until something has happened, and then nothing more for a while."""
    assert has_news.wait(TIMEOUT_SECONDS)
    while has_news.is_set():
        has_news.clear()
        has_news.wait(0.5)


def peak_memory_bytes(process: subprocess.Popen[bytes]) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def test_pages_are_asked_for_only_as_the_output_is_taken_in_flat_memory() -> None:
    has_news = threading.Event()

    def answer(request: Request) -> Answer:
        has_news.set()
        number = int(request.query["page"])
        return Answer(PAGE.replace(b"x" * 7, b"%07d" % number, 1) if number <= PAGES else b"[]")

    taken = 0
    with (
        serving(answer) as server,
        running(f"{server.url}/api", "--to", "jsonl", "--paginate", "page", *SMALL) as process,
    ):
        wait_until_quiet(has_news)
        stuck_at = len(server.requests)
        full_bytes = peak_memory_bytes(process)
        assert stuck_at * len(PAGE) < MOST_IN_FLIGHT_BYTES
        for taken in blocks(process):
            assert len(server.requests) * len(PAGE) - taken < MOST_IN_FLIGHT_BYTES
            if len(server.requests) <= PAGES:
                assert peak_memory_bytes(process) < full_bytes + 8 * MIB
        assert process.wait(TIMEOUT_SECONDS) == 0
    assert taken == PAGES * RECORDS * (len(RECORD) + 1)
    assert stuck_at < PAGES / 4
    assert len(server.requests) == PAGES + 1


def test_a_file_stays_in_the_socket_while_nobody_takes_the_output() -> None:
    content, sent, has_news = (RECORD + b"\n") * 300_000, [], threading.Event()

    def note(size_bytes: int) -> None:
        sent.append(size_bytes)
        has_news.set()

    taken = 0
    with (
        serving(lambda _: Answer(content, sent=note)) as server,
        running(f"{server.url}/a.jsonl", "--to", "jsonl", *SMALL) as process,
    ):
        wait_until_quiet(has_news)
        assert sum(sent) < MOST_IN_FLIGHT_BYTES + SOCKETS_BYTES < len(content)
        full_bytes = peak_memory_bytes(process)
        for taken in blocks(process):
            if taken < len(content) / 2:
                assert peak_memory_bytes(process) < full_bytes + 8 * MIB
        assert process.wait(TIMEOUT_SECONDS) == 0
    assert taken == len(content)


@pytest.mark.parametrize("path", ["/api", "/a.jsonl"])
def test_ctrl_c_ends_a_run_whose_server_is_silent(tmp_path: Path, path: str) -> None:
    is_asked, has_ended = threading.Event(), threading.Event()

    def answer(_: Request) -> Answer:
        is_asked.set()
        has_ended.wait(TIMEOUT_SECONDS)
        return Answer(b"[]")

    options = ("--paginate", "page") if path == "/api" else ()
    with serving(answer) as server:
        try:
            output = tmp_path / "out.jsonl"
            with running(f"{server.url}{path}", str(output), *options) as process:
                assert is_asked.wait(TIMEOUT_SECONDS)
                process.send_signal(signal.SIGINT)
                assert process.wait(TIMEOUT_SECONDS) == -signal.SIGINT
        finally:
            has_ended.set()
    assert list(tmp_path.iterdir()) == []
