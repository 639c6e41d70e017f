"""Plans for tests of the process engine; a worker process imports them from here."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Generator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from streamx.chunk import Chunk, ChunkResult
from streamx.position import note

Run = Generator[bytes | memoryview, None, ChunkResult]


@dataclass
class Base:
    """Gives each line back, noting its position; `act` is called with each before."""

    limits: tuple[int, ...] = ()
    is_open: bool = False

    def settled(self, new_columns: tuple[str, ...]) -> Base:
        return self

    def opened(self) -> AbstractContextManager[Base]:
        return nullcontext(self)

    def run(self, chunk: Chunk, limits: tuple[int, ...] = ()) -> Run:
        position = records = 0
        for line in bytes(chunk.data).splitlines(keepends=True):
            note(position)
            self.act(line)
            yield line
            position += len(line)
            records += 1
        return ChunkResult(chunk.sequence, records, records)

    def act(self, line: bytes) -> None:
        pass


class Echo(Base):
    """Gives the whole chunk back as one part."""

    def run(self, chunk: Chunk, limits: tuple[int, ...] = ()) -> Run:
        yield chunk.data
        return ChunkResult(chunk.sequence, 1, 1)


@dataclass
class Times(Base):
    """Gives the chunk back many times, as many parts."""

    times: int = 1

    def run(self, chunk: Chunk, limits: tuple[int, ...] = ()) -> Run:
        for _ in range(self.times):
            yield chunk.data
        return ChunkResult(chunk.sequence, 1, 1)


@dataclass
class Fatal(Base):
    """Ends its process in one of several ways at each line `fatal`, or only at the first of all.

    Attributes:
        way: which.
        once: a file that is removed by the first who is to die; then nobody dies any more.
    """

    way: str = ""
    once: Path | None = None

    def act(self, line: bytes) -> None:
        if line != b"fatal\n":
            return
        if self.once is not None:
            try:
                self.once.unlink()
            except FileNotFoundError:
                return
        getattr(self, self.way)()

    def kill(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def exit(self) -> NoReturn:
        os._exit(3)

    def segfault(self) -> None:
        ctypes.string_at(0)

    def hang(self) -> NoReturn:
        while True:
            time.sleep(60)

    def hang_in_c(self) -> None:
        """Hold the interpreter's lock for ever, so that not even a signal handler runs."""
        ctypes.PyDLL(None).pause()

    def close_everything(self) -> None:
        os.closerange(3, 100)

    def leave_a_child(self) -> None:
        """Die while a child of its own, which holds the descriptors, lives on for a while."""
        if os.fork() == 0:
            os.closerange(0, 3)
            time.sleep(10)
            os._exit(0)
        self.kill()


class UnpicklableError(Exception):
    def __init__(self, first: str, second: str) -> None:
        super().__init__(first + second)


class TaggedError(Exception):
    """Pickles with what was set on it."""

    tag = ""


@dataclass
class Raising(Base):
    """Raises at each line `fatal`."""

    what: str = ""

    def act(self, line: bytes) -> None:
        if line == b"fatal\n":
            getattr(self, self.what)()

    def an_error(self) -> NoReturn:
        error = TaggedError("no such thing")
        error.tag = "kept"
        raise error

    def unpicklable(self) -> NoReturn:
        raise UnpicklableError("no ", "such thing")

    def sys_exit(self) -> NoReturn:
        sys.exit(3)

    def interrupt(self) -> NoReturn:
        raise KeyboardInterrupt

    def stop(self) -> NoReturn:
        raise StopIteration


class UnpicklableResult(Base):
    def run(self, chunk: Chunk, limits: tuple[int, ...] = ()) -> Run:
        yield b"x"
        return lambda: None  # type: ignore[return-value]


class Printing(Base):
    """Prints in Python and below it, and tells what it reads from standard input."""

    def act(self, line: bytes) -> None:
        print("printed", repr(sys.stdin.read()))  # noqa: T201
        os.write(1, b"written\n")


class Unloadable(Base):
    def __setstate__(self, state: object) -> NoReturn:
        raise ImportError("there is no such module")


class Mute(Base):
    """Ends its process without having noted a position."""

    def run(self, chunk: Chunk, limits: tuple[int, ...] = ()) -> Run:
        os._exit(3)


class FatalToLoad(Base):
    def __setstate__(self, state: object) -> NoReturn:
        os._exit(3)


@dataclass
class Random(Fatal):
    """Gives other output each time."""

    def run(self, chunk: Chunk, limits: tuple[int, ...] = ()) -> Run:
        yield os.urandom(3_000_000)
        return (yield from super().run(chunk, limits))


class Keeping(Base):
    """Keeps the first chunk that it sees, and gives it back for every chunk."""

    data: bytes | memoryview = b""

    def run(self, chunk: Chunk, limits: tuple[int, ...] = ()) -> Run:
        self.data = self.data or chunk.data
        yield self.data
        return ChunkResult(chunk.sequence)


@dataclass
class Gated(Base):
    """Writes its process's number to a file at each line `wait`, and hangs there."""

    here: Path = Path()

    def act(self, line: bytes) -> None:
        if line == b"wait\n":
            with self.here.open("a") as file:
                file.write(f"{os.getpid()}\n")
            time.sleep(600)


@dataclass
class Meeting(Base):
    """Waits at each line `meet` until so many processes do that."""

    here: Path = Path()
    count: int = 0

    def act(self, line: bytes) -> None:
        if line == b"meet\n":
            (self.here / str(os.getpid())).touch()
            while len(os.listdir(self.here)) < self.count:
                time.sleep(0.001)


class ReportingMemory(Base):
    """Gives the peak of its process's memory, in KiB."""

    def run(self, chunk: Chunk, limits: tuple[int, ...] = ()) -> Run:
        yield Path("/proc/self/status").read_bytes()
        return ChunkResult(chunk.sequence)


class Slow(Base):
    """Takes 0.2 s for each line."""

    def act(self, line: bytes) -> None:
        time.sleep(0.2)
