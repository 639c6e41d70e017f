"""Terminals of tests: a screen and a keyboard for a process that runs on one."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PATIENCE_SECONDS = 20.0


class Terminal:
    """The screen and keyboard of a process that runs on a terminal of its own."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.shown = b""

    def type(self, keys: bytes) -> None:
        os.write(self._descriptor, keys)

    def wait_for(self, text: bytes) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while text not in self.shown:
            left = deadline - time.monotonic()
            assert left > 0, f"{text!r} was not shown, but {self.shown!r}"
            if select.select([self._descriptor], [], [], left)[0]:
                self._read()

    def read_to_end(self) -> bytes:
        while self._read():
            pass
        return self.shown

    def _read(self) -> bool:
        assert select.select([self._descriptor], [], [], 60)[0], "the terminal stays silent"
        try:
            block = os.read(self._descriptor, 65536)
        except OSError:  # EIO: the last process on the terminal has closed it
            return False
        self.shown += block
        return bool(block)


@contextmanager
def on_terminal(
    command: Sequence[str], cwd: Path, **environment: str
) -> Iterator[tuple[subprocess.Popen[bytes], Terminal]]:
    """Run a command with all of its standard streams on a new terminal, as its session's own."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (40, 160))
    process = subprocess.Popen(
        [sys.executable, "-c", _CONTROLLING_TERMINAL, *command],
        cwd=cwd,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm", **environment},
    )
    os.close(slave)
    with process:
        try:
            yield process, Terminal(master)
        finally:
            process.kill()
            os.close(master)


# Makes the terminal on standard input the one whose Ctrl-C is a signal, then starts the command.
_CONTROLLING_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def status_of(process: subprocess.Popen[bytes]) -> int:
    return process.wait(PATIENCE_SECONDS)
