"""DirectorySink: an output of many files, which are there all at once or not at all.

They are written in a hidden directory beside the place of the output, and that is renamed at the
end. What comes for a file waits in memory, until it is much or others need the room; a file is open
only while it is written to. So there may be any number of files.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from streamx.codec.layout import Format
from streamx.compression import Compressing
from streamx.descriptors import uninterrupted
from streamx.errors import OutputError, cannot, output_error
from streamx.write.divided import DividedFiles
from streamx.write.publish import Target, directory_of, sync_directory
from streamx.write.temporary import release_temporary, temporary_beside


@dataclass(frozen=True, slots=True)
class DirectoryLayout:
    """What the files of a directory are.

    Attributes:
        by: columns whose values give each file its name; without any, files are numbered.
        records_per_file: after so many the next file begins; None for one file of each name.
        format: theirs.
        suffix: how their names end.
        buffer_bytes: what may wait in memory for all of them.
        compressing: how they are compressed.
    """

    by: tuple[str, ...]
    records_per_file: int | None
    format: Format
    suffix: str
    buffer_bytes: int
    compressing: Compressing | None = None


class DirectorySink:
    """Writes sections, see streamx.codec.sections, to the files that they are for.

    Args:
        target: what the directory is to become.
        temporary: where it is.
        layout: what its files are.

    Attributes:
        files: counts files and their bytes.
    """

    def __init__(self, target: Target, temporary: str, layout: DirectoryLayout) -> None:
        self.name = target.name
        self.files = DividedFiles(temporary, layout)
        self._target = target
        self._temporary = temporary
        self._thread = ThreadPoolExecutor(1, "streamx-write")
        self._is_prepared = False

    async def write(self, parts: Sequence[bytes | memoryview]) -> None:
        await self._call(self.files.take, parts)

    async def prepare(self) -> None:
        if not self._is_prepared:
            await self._call(self.files.end)
            if self._target.is_durable:
                await self._call(self.files.sync)
            self._is_prepared = True

    async def commit(self) -> None:
        await self.prepare()
        await self._call(self._publish)
        self._thread.shutdown()

    async def abort(self) -> None:
        with contextlib.suppress(OutputError):
            await self._call(self._discard)
        self._thread.shutdown()

    async def _call(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Call a function on the thread; cancelled, it ends first."""
        loop = asyncio.get_running_loop()
        try:
            await uninterrupted(loop.run_in_executor(self._thread, function, *arguments))
        except OSError as error:
            raise output_error(self.name, error) from error

    def _publish(self) -> None:
        if not self._target.is_durable:
            self._place()
            return
        with directory_of(self._target.path) as directory:
            self._place()
            sync_directory(directory, f"{self.name} is there as a whole")

    def _place(self) -> None:
        try:
            os.rename(self._temporary, self._target.path)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                raise _not_empty(self.name) from error
            raise
        release_temporary(self._temporary)

    def _discard(self) -> None:
        self.files.close()
        shutil.rmtree(self._temporary, ignore_errors=True)
        release_temporary(self._temporary)


def directory_target(path: str, *, is_durable: bool) -> Target:
    """Look at where a directory is to be, without touching it.

    Raises:
        OutputError: something is there, or it cannot be there.
    """
    real_path = os.path.realpath(path)
    try:
        status = os.stat(real_path)
    except FileNotFoundError:
        parent = os.path.dirname(real_path)
        if not os.path.isdir(parent):
            raise OutputError(
                f"cannot write {path}: {parent!r} is not a directory; create it first"
            ) from None
        return Target(path, real_path, is_durable=is_durable)
    except OSError as error:
        raise OutputError(cannot("write", path, error)) from error
    if not stat.S_ISDIR(status.st_mode):
        raise OutputError(
            f"cannot write {path}: it is a file, and there will be many; name a directory"
        )
    if os.path.ismount(real_path):
        raise OutputError(
            f"cannot write {path}: a file system is mounted there, so it cannot be replaced as a "
            "whole; name a directory in it"
        )
    try:
        if os.listdir(real_path):
            raise _not_empty(path)
    except OSError as error:
        raise OutputError(cannot("read", path, error)) from error
    return Target(path, real_path, is_durable=is_durable)


def open_directory(target: Target, layout: DirectoryLayout) -> DirectorySink:
    """Create the directory that is written to, a hidden one beside the target.

    Raises:
        OutputError: it cannot be created.
    """
    temporary = temporary_beside(target.path)
    try:
        os.mkdir(temporary)
        with contextlib.suppress(FileNotFoundError):
            os.chmod(temporary, stat.S_IMODE(os.stat(target.path).st_mode))
        return DirectorySink(target, temporary, layout)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        release_temporary(temporary)
        if isinstance(error, OSError):
            raise OutputError(
                f"{cannot('write', target.name, error)}; a new directory in "
                f"{os.path.dirname(target.path)} is needed"
            ) from error
        raise


def _not_empty(name: str) -> OutputError:
    return OutputError(f"{name} is not empty; name another output, or empty it")
