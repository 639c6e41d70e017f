"""Folders: where the output of a run is, on disk; see stored_folder.py for S3.

Only the owner of the output does anything in one; workers write drafts to where it says.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from streamx.cluster.parts import Draft, Written
from streamx.errors import OutputError, cannot
from streamx.storage import is_storage_url

_DRAFTS_NAME = "_temporary"
_LOG_NAME = "_manifest.jsonl"


class Log(Protocol):
    """Lines to which others are added as a run goes on, each with its line end.

    All of it raises OutputError where it cannot be written, or read again.

    Attributes:
        name: of it in its folder.
    """

    @property
    def name(self) -> str: ...

    def begin(self, lines: Iterable[bytes]) -> None:
        """Begin with some lines, in the place of all that were there."""
        ...

    def lines(self) -> Iterator[bytes]:
        """Yield the lines, without one that a crash has cut off."""
        ...

    def resume(self) -> None:
        """Go on behind the lines."""
        ...

    async def append(self, line: bytes) -> None:
        """Add a line, which is there after a crash when it has been flushed."""
        ...

    async def flush(self) -> None:
        """Keep all lines that were added."""
        ...

    def remove(self) -> None:
        """Remove all of it."""
        ...


class Folder(Protocol):
    """What the output of a run consists of, by names without a path.

    All of it raises OutputError where something cannot be written, or read again.

    Attributes:
        name: what to call it in messages.
        log: see Log.
    """

    @property
    def name(self) -> str: ...

    @property
    def log(self) -> Log: ...

    def open(self) -> list[str]:
        """Create it where that takes something, and return the names of what is there already."""
        ...

    def begin_drafts(self) -> None:
        """Make room for drafts, and remove those of an earlier run."""
        ...

    def names(self) -> list[str]:
        """Return the names of what is there."""
        ...

    def path_of(self, name: str) -> str:
        """Return where whoever reads a file finds it."""
        ...

    def draft_path(self, name: str) -> str:
        """Return where workers write what may get a name; see open_part."""
        ...

    async def place(self, draft: Draft, name: str) -> Written:
        """Give a draft its name, in one step, in the place of what had it."""
        ...

    def lines(self, name: str) -> Iterator[bytes]:
        """Yield the lines of a file, with their ends."""
        ...

    def write(self, name: str, blocks: Iterable[bytes]) -> None:
        """Write a file, which is there when all of it is."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file, or all whose names begin with this one and a slash, if there are any."""
        ...

    def remove_drafts(self) -> None:
        """Remove what workers have written and nobody has given a name."""
        ...

    def remove_all(self) -> None:
        """Remove all that is there."""
        ...


class DiskFolder:
    """A directory on disk.

    Args:
        path: of the directory.
        is_durable: what is whole is brought to the disk.
    """

    def __init__(self, path: str, *, is_durable: bool) -> None:
        self.name = path
        self._path = os.path.abspath(path)
        self._is_durable = is_durable
        self.log = _DiskLog(self.path_of(_LOG_NAME))

    def open(self) -> list[str]:
        try:
            os.makedirs(self._path, exist_ok=True)
            return os.listdir(self._path)
        except OSError as error:
            hint = "; it is a file, which --concat writes" if os.path.isfile(self._path) else ""
            raise OutputError(cannot("write", self.name, error) + hint) from error

    def begin_drafts(self) -> None:
        self.remove_drafts()
        with _asked("write", self._path):
            os.makedirs(self.path_of(_DRAFTS_NAME), exist_ok=True)

    def names(self) -> list[str]:
        with _asked("read", self._path):
            return os.listdir(self._path)

    def path_of(self, name: str) -> str:
        return os.path.join(self._path, name)

    def draft_path(self, name: str) -> str:
        return os.path.join(self._path, _DRAFTS_NAME, name.replace("/", "-"))

    async def place(self, draft: Draft, name: str) -> Written:
        path = self.path_of(name)
        with _asked("write", path):
            if "/" in name:
                os.makedirs(os.path.dirname(path), exist_ok=True)
            os.replace(draft.path, path)
        return Written(name, draft.size_bytes, draft.crc32)

    def lines(self, name: str) -> Iterator[bytes]:
        with _asked("read", self.path_of(name)), open(self.path_of(name), "rb") as file:
            yield from file

    def write(self, name: str, blocks: Iterable[bytes]) -> None:
        path = self.path_of(name)
        with _asked("write", path):
            _write_whole(path, blocks, is_durable=self._is_durable)
            if self._is_durable:
                _sync(self._path)

    def remove(self, name: str) -> None:
        path = self.path_of(name)
        if os.path.isdir(path):
            shutil.rmtree(path, ignore_errors=True)
            return
        with _asked("write", path), suppress(FileNotFoundError):
            os.unlink(path)

    def remove_drafts(self) -> None:
        self.remove(_DRAFTS_NAME)

    def remove_all(self) -> None:
        shutil.rmtree(self._path, ignore_errors=True)


class _DiskLog:
    """A file to which lines are added."""

    name = _LOG_NAME

    def __init__(self, path: str) -> None:
        self._path = path

    def begin(self, lines: Iterable[bytes]) -> None:
        with _asked("write", self._path):
            _write_whole(self._path, lines, is_durable=False)

    def lines(self) -> Iterator[bytes]:
        with _asked("read", self._path), open(self._path, "rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield line

    def resume(self) -> None:
        end = sum(map(len, self.lines()))
        with _asked("write", self._path):
            os.truncate(self._path, end)

    async def append(self, line: bytes) -> None:
        self._append(line)  # which takes less time than to ask a thread for it

    async def flush(self) -> None:
        pass

    def remove(self) -> None:
        with _asked("remove", self._path):
            os.unlink(self._path)

    def _append(self, line: bytes) -> None:
        with _asked("write", self._path), open(self._path, "ab") as file:
            file.write(line)


def folder_of(path: str, *, is_durable: bool) -> Folder:
    """Return the folder of a path or URL; see DiskFolder."""
    if is_storage_url(path):
        from streamx.cluster.stored_folder import StoredFolder  # with all that a storage takes

        return StoredFolder(path)
    return DiskFolder(path, is_durable=is_durable)


@contextmanager
def _asked(action: str, path: str) -> Iterator[None]:
    """Say what cannot be written, or read again."""
    try:
        yield
    except OSError as error:
        raise OutputError(cannot(action, path, error)) from error


def _write_whole(path: str, blocks: Iterable[bytes], *, is_durable: bool) -> None:
    temporary = f"{path}.tmp"
    with open(temporary, "wb") as file:
        file.writelines(blocks)
        file.flush()
        if is_durable:
            os.fsync(file.fileno())
    os.replace(temporary, path)


def _sync(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
