"""Runs the command in processes forked from an interpreter that has imported it, to save its start.

Such a process is one of its own, with arguments, directory, environment and pipes as a shell would
give them, and ends as any interpreter does. What it does not show is the start: tests of imports,
of signals at any moment, of memory and of the choice of a codec start a fresh interpreter.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import IO, NamedTuple

# What an interpreter, or the command amid its imports, reads of the environment once and for all.
_READ_AT_START = ("LANG", "LC_", "PYTHON", "STREAMX_CODEC", "TZ")
# Descriptors are sent with a byte at least.
_ONE_BYTE = b"."
# What most runs import, with what that imports.
_IMPORTED = (
    "aiofiles.tempfile",
    "ctypes",
    "orjson",
    "pyarrow.json",
    "pyarrow.parquet",
    "streamx.cli.retry",
    "streamx.cli.run_options",
    "streamx.cli.schema",
    "streamx.cli.transform",
    "streamx.engine.processes",
    "streamx.engine.threads",
    "streamx.pipeline",
    "streamx.transform.opening",
    "streamx.transform.programs",
)


class _Request(NamedTuple):
    arguments: Sequence[str]
    directory: str
    environment: Mapping[str, str]


def run_forked(
    arguments: Sequence[str],
    *,
    stdin: bytes,
    directory: Path,
    environment: Mapping[str, str],
    timeout_seconds: float,
) -> subprocess.CompletedProcess[bytes]:
    """Run `streamx` with arguments, its standard streams being pipes.

    Raises:
        subprocess.TimeoutExpired: it had not ended in time, and was killed.
    """
    at_start = {name: text for name, text in environment.items() if name.startswith(_READ_AT_START)}
    server = _server(tuple(sorted(at_start.items())))
    return server.run(
        _Request(arguments, str(directory), dict(environment)), stdin, timeout_seconds
    )


class _Server:
    """The warm interpreter, which runs one command at a time.

    Args:
        environment: what it starts in.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._socket, theirs = socket.socketpair()
        self._answers = self._socket.makefile("rb")
        command = [sys.executable, __file__, str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
            )
        atexit.register(self._close)

    def _close(self) -> None:
        self._answers.close()
        self._socket.close()
        self._process.wait()

    def run(
        self, request: _Request, stdin: bytes, timeout_seconds: float
    ) -> subprocess.CompletedProcess[bytes]:
        with _Pipe("wb") as feeding, _Pipe("rb") as output, _Pipe("rb") as errors:
            theirs = [feeding.their_end, output.their_end, errors.their_end]
            socket.send_fds(self._socket, [_ONE_BYTE], theirs)
            self._socket.sendall(pickle.dumps(request))
            process = pickle.load(self._answers)
            for descriptor in theirs:
                os.close(descriptor)
            has_overrun = threading.Event()
            timer = threading.Timer(timeout_seconds, _kill, [process, has_overrun])
            timer.start()
            found: list[bytes] = []
            threads = [
                threading.Thread(target=_feed, args=(feeding.file, stdin)),
                threading.Thread(target=lambda: found.append(errors.file.read())),
            ]
            for thread in threads:
                thread.start()
            written = output.file.read()
            for thread in threads:
                thread.join()
            status = pickle.load(self._answers)
            timer.cancel()
            timer.join()
        if has_overrun.is_set():
            raise subprocess.TimeoutExpired(request.arguments, timeout_seconds, written, found[0])
        return subprocess.CompletedProcess(request.arguments, status, written, found[0])


class _Pipe:
    """A pipe between a test and a process: a file for the test, a descriptor for the process."""

    def __init__(self, mode: str) -> None:
        reading, writing = os.pipe()
        ours, self.their_end = (reading, writing) if mode == "rb" else (writing, reading)
        self.file: IO[bytes] = os.fdopen(ours, mode)

    def __enter__(self) -> _Pipe:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


def _feed(file: IO[bytes], data: bytes) -> None:
    with contextlib.suppress(BrokenPipeError), file:
        file.write(data)


def _kill(process: int, has_overrun: threading.Event) -> None:
    has_overrun.set()
    os.kill(process, signal.SIGKILL)


@functools.cache
def _server(at_start: tuple[tuple[str, str], ...]) -> _Server:
    others = {n: text for n, text in os.environ.items() if not n.startswith(_READ_AT_START)}
    return _Server({**others, **dict(at_start)})


def _serve(connection: socket.socket) -> None:
    """Fork a process for each request and tell how it ended; return in these processes only."""
    requests = connection.makefile("rb")
    while True:
        start, descriptors, _, _ = socket.recv_fds(connection, len(_ONE_BYTE), 3)
        if not start:
            sys.exit()
        request = pickle.load(requests)
        process = os.fork()
        if process == 0:
            requests.close()
            connection.close()
            _become(request, descriptors)
            return
        for descriptor in descriptors:
            os.close(descriptor)
        connection.sendall(pickle.dumps(process))
        _, status = os.waitpid(process, 0)
        connection.sendall(pickle.dumps(os.waitstatus_to_exitcode(status)))


def _become(request: _Request, descriptors: Sequence[int]) -> None:
    """Make of this process what a fresh one would be."""
    for standard, descriptor in enumerate(descriptors):
        os.dup2(descriptor, standard)
        os.close(descriptor)
    os.chdir(request.directory)
    os.environ.clear()
    os.environ.update(request.environment)
    sys.path[0] = request.directory
    sys.argv[:] = ["streamx", *request.arguments]


if __name__ == "__main__":
    for name in _IMPORTED:
        import_module(name)
    gc.freeze()
    _serve(socket.socket(fileno=int(sys.argv[1])))
    from streamx.__main__ import main

    main()
