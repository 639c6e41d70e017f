"""Appenders: write to any number of files by turns, of which one at a time is open."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from streamx.compression import Compressing

Bytes = bytes | bytearray
# A file's path, and what comes behind all that it was given before.
Piece = tuple[str, Bytes]

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC


class Appender(Protocol):
    """Appends to files. All of it raises OSError where that fails."""

    def append(self, pieces: Sequence[Piece]) -> None:
        """Append to files, which are created where they are not there."""
        ...

    def end(self, pieces: Sequence[Piece]) -> None:
        """Append what is the last of some files."""
        ...

    def close(self) -> None:
        """Give back all that is held."""
        ...


class PlainAppender:
    """Appends bytes as they are."""

    def append(self, pieces: Sequence[Piece]) -> None:
        for path, data in pieces:
            if data:
                append_to(path, data)

    def end(self, pieces: Sequence[Piece]) -> None:
        self.append(pieces)

    def close(self) -> None:
        pass


class CompressingAppender:
    """Appends members of a fixed size, so that a file's bytes do not depend on when it was written.

    What makes no whole member yet waits in a file beside it.

    Args:
        compressing: how.
    """

    def __init__(self, compressing: Compressing) -> None:
        self._block_bytes = compressing.compression.block_bytes
        self._level = compressing.level
        self._coder = compressing.compression.loaded()
        self._pool = ThreadPoolExecutor(compressing.threads, "streamx-compress")
        self._begun: set[str] = set()  # files of which something waits

    def append(self, pieces: Sequence[Piece]) -> None:
        rests: list[Piece] = []
        blocks: list[Piece] = []
        for path, data in pieces:
            whole, rest = self._cut(path, data)
            blocks += whole
            rests.append((path, rest))
        self._write(blocks)
        for path, rest in rests:
            if rest:
                append_to(_beside(path), rest)
                self._begun.add(path)

    def end(self, pieces: Sequence[Piece]) -> None:
        blocks: list[Piece] = []
        for path, data in pieces:
            whole, rest = self._cut(path, data)
            blocks += whole
            if rest:
                blocks.append((path, rest))
        self._write(blocks)

    def close(self) -> None:
        self._pool.shutdown(wait=True)

    def _cut(self, path: str, data: Bytes) -> tuple[list[Piece], Bytes]:
        """Return the whole blocks of what waits and what comes, and the rest."""
        if path in self._begun:
            self._begun.remove(path)
            with open(_beside(path), "rb") as file:
                data = file.read() + data
            os.unlink(_beside(path))
        size_bytes = self._block_bytes
        end = len(data) // size_bytes * size_bytes
        blocks = [(path, data[start : start + size_bytes]) for start in range(0, end, size_bytes)]
        return blocks, data[end:]

    def _write(self, blocks: Sequence[Piece]) -> None:
        members = self._pool.map(self._compress, (data for _, data in blocks))
        for (path, _), member in zip(blocks, members, strict=True):
            append_to(path, member)

    def _compress(self, data: Bytes) -> bytes:
        return self._coder.compress(data, self._level)


def _beside(path: str) -> str:
    return f"{path}.block"


def appender_of(compressing: Compressing | None) -> Appender:
    """Return what appends to files, compressed if that is asked for."""
    return PlainAppender() if compressing is None else CompressingAppender(compressing)


def append_to(path: str, data: Bytes) -> None:
    """Append to a file, which is created with its directories where it is not there.

    Raises:
        OSError: that failed.
    """
    try:
        descriptor = os.open(path, _FLAGS, 0o666)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        descriptor = os.open(path, _FLAGS, 0o666)
    try:
        written = os.write(descriptor, data)
        while written < len(data):
            written += os.write(descriptor, memoryview(data)[written:])
    finally:
        os.close(descriptor)
