"""StoredFolder: where the output of a run is, in S3: all whose keys begin alike."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from typing import Any

from streamx.cluster.parts import Draft, Written
from streamx.errors import OutputError, UsageError
from streamx.storage import StoredFile
from streamx.write import stored_sink
from streamx.write.uploads import complete, give_up_all

_LOG_NAME = "_manifest"
_READ_BYTES = 1024 * 1024
# How many lines wait to be kept together at most, and how long is waited between two times that
# some are kept; what they tell of is done again after a crash.
_LINES_TOGETHER = 1000
_LINES_SECONDS = 5.0


class StoredFolder:
    """What begins with one URL and a slash.

    Drafts are uploads that nobody has completed, so they are at their places and not seen.

    Args:
        url: without the slash.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._stored = StoredFile(url)
        self.name = self._stored.name
        self.log = _StoredLog(self)

    def open(self) -> list[str]:
        return self.names()

    def begin_drafts(self) -> None:
        self.remove_drafts()

    def names(self) -> list[str]:
        return self.names_below("")

    def names_below(self, name: str) -> list[str]:
        """Return the names of what is there, or below one of these."""
        system, path = self._place
        start = f"{path}/{name}/" if name else f"{path}/"
        with self._asked("read", name):
            try:
                listed = system.ls(start, detail=False)
            except FileNotFoundError:
                return []
        names = (each.removeprefix(start) for each in listed if each.startswith(start))
        return [each for each in names if each]

    def path_of(self, name: str) -> str:
        return f"{self._url}/{name}"

    def draft_path(self, name: str) -> str:
        return self.path_of(name)

    async def place(self, draft: Draft, name: str) -> Written:
        return await asyncio.to_thread(self._place_now, draft, name)

    def lines(self, name: str) -> Iterator[bytes]:
        file = StoredFile(self.path_of(name))
        with self._asked("read", name), BufferedReader(file.open_reading(), _READ_BYTES) as lines:
            yield from lines

    def write(self, name: str, blocks: Iterable[bytes]) -> None:
        file = StoredFile(self.path_of(name))
        with self._asked("write", name):
            upload = file.open_writing(stored_sink.BLOCK_BYTES)
            try:
                for block in blocks:
                    upload.write(block)
                upload.close()
                upload.commit()
            except BaseException:
                upload.discard()
                upload.closed = True  # or it would upload the rest when it is collected
                raise

    def remove(self, name: str) -> None:
        self._remove(f"{self._place[1]}/{name}")

    def remove_drafts(self) -> None:
        system, path = self._place
        with self._asked("remove"):
            give_up_all(system, path)

    def remove_all(self) -> None:
        self._remove(self._place[1])

    @contextmanager
    def _asked(self, action: str, name: str = "") -> Iterator[None]:
        """Say what the storage has against something."""
        shown = f"{self.name}/{name}" if name else self.name
        try:
            yield
        except (OutputError, UsageError):
            raise
        except Exception as error:  # every storage has its own
            raise OutputError(f"cannot {action} {shown}: {self._stored.said(error)}") from error

    def _remove(self, path: str) -> None:
        system, _ = self._place
        with self._asked("remove"):
            if found := system.find(path):
                system.rm(found)

    def _place_now(self, draft: Draft, name: str) -> Written:
        assert draft.upload is not None, "what is written to a storage is an upload"
        system, path = self._place
        with self._asked("write", name):
            tag = complete(system, f"{path}/{name}", draft.upload)
        return Written(name, draft.size_bytes, draft.crc32, tag)

    @property
    def _place(self) -> tuple[Any, str]:
        return self._stored.place()


class _StoredLog:
    """Files of some lines each, since nothing can be added to one; their names are numbers."""

    name = _LOG_NAME

    def __init__(self, folder: StoredFolder) -> None:
        self._folder = folder
        self._next = 0
        self._lines: list[bytes] = []
        self._flushed_at = -_LINES_SECONDS

    def begin(self, lines: Iterable[bytes]) -> None:
        self._next = 0
        self._write(lines)  # first, as it says best what is wrong with where the output is to be
        for name in self._names()[1:]:
            self._folder.remove(f"{_LOG_NAME}/{name}")

    def lines(self) -> Iterator[bytes]:
        for name in self._names():
            yield from self._folder.lines(f"{_LOG_NAME}/{name}")

    def resume(self) -> None:
        self._next = max(map(int, self._names()), default=-1) + 1

    async def append(self, line: bytes) -> None:
        self._lines.append(line)
        waited_seconds = time.monotonic() - self._flushed_at
        if len(self._lines) == _LINES_TOGETHER or waited_seconds >= _LINES_SECONDS:
            await self.flush()

    async def flush(self) -> None:
        if self._lines:
            lines, self._lines = self._lines, []
            await asyncio.to_thread(self._write, lines)
            self._flushed_at = time.monotonic()

    def remove(self) -> None:
        self._folder.remove(_LOG_NAME)

    def _write(self, lines: Iterable[bytes]) -> None:
        self._folder.write(f"{_LOG_NAME}/{self._next:010}", lines)
        self._next += 1

    def _names(self) -> list[str]:
        return sorted(self._folder.names_below(_LOG_NAME))
