"""Puts a finished file in its place: the path holds the old content or the whole new one."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from dataclasses import dataclass

from streamx.errors import OutputError, UsageError, cannot


@dataclass(frozen=True, slots=True)
class Target:
    """Where output shall go, checked before anything is read.

    Attributes:
        name: the path as the user gave it, for messages.
        path: the file behind it, links followed.
        is_stdout: standard output.
        is_special: a device, FIFO or the like, written directly.
        is_direct: written in place, for a directory that takes no new file.
    """

    name: str
    path: str
    is_stdout: bool = False
    is_special: bool = False
    is_direct: bool = False

    @classmethod
    def of(cls, path: str, input_path: str, *, is_direct: bool) -> Target:
        """Look at a path without touching it.

        Raises:
            UsageError: it is the input.
            OutputError: it is a directory, or lies in none.
        """
        if path == "-":
            _refuse_same(1, path, input_path)
            return cls("standard output", path, is_stdout=True)
        if not path:
            raise OutputError("cannot write '': no file has an empty name")
        real_path = os.path.realpath(path)
        if os.path.isdir(real_path):
            raise OutputError(f"cannot write {path}: it is a directory; name a file in it")
        if not os.path.isdir(os.path.dirname(real_path)):
            directory = os.path.dirname(path) or "."
            raise OutputError(
                f"cannot write {path}: {directory} is not a directory; create it first"
            )
        is_special = False
        if os.path.exists(real_path):
            _refuse_same(real_path, path, input_path)
            is_special = not stat.S_ISREG(os.stat(real_path).st_mode)
        return cls(path, real_path, is_special=is_special, is_direct=is_direct)

    def create(self) -> Unpublished:
        """Create the file that is written to: a temporary one, or the target itself if direct.

        Raises:
            OutputError: it cannot be created.
        """
        if self.is_direct:
            return self._open_directly()
        directory, base = os.path.split(self.path)
        temporary = os.path.join(directory, f".{base[:200]}.{secrets.token_hex(6)}.tmp")
        try:
            descriptor = os.open(
                temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666
            )
        except OSError as error:
            raise OutputError(
                f"{cannot('write', self.name, error)}; a new file in {directory} is needed, "
                "or --direct to write in place"
            ) from error
        unpublished = Unpublished(descriptor, temporary, self.path)
        unpublished.adopt_mode()
        return unpublished

    def _open_directly(self) -> Unpublished:
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
            return Unpublished(os.open(self.path, flags, 0o666), None, self.path)
        except OSError as error:
            raise OutputError(cannot("write", self.name, error)) from error


@dataclass(frozen=True, slots=True)
class Unpublished:
    """A file that is being written; `temporary` is None if it is the target itself."""

    descriptor: int
    temporary: str | None
    path: str

    def adopt_mode(self) -> None:
        """Take over permissions and, where allowed, owner of the file to be replaced."""
        try:
            status = os.stat(self.path)
        except FileNotFoundError:
            return
        own = os.fstat(self.descriptor)
        if (status.st_uid, status.st_gid) != (own.st_uid, own.st_gid):
            with contextlib.suppress(OSError):
                os.fchown(self.descriptor, status.st_uid, status.st_gid)
        os.fchmod(self.descriptor, stat.S_IMODE(status.st_mode))

    def publish(self) -> None:
        """Put the file in its place and bring the directory's change to the disk."""
        if self.temporary is None:
            return
        os.replace(self.temporary, self.path)
        directory = os.open(os.path.dirname(self.path), os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def discard(self) -> None:
        """Remove the temporary file; a direct one stays as far as it was written."""
        if self.temporary is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.temporary)


def _refuse_same(output: str | int, name: str, input_path: str) -> None:
    """Refuse an output that is the input, by whatever name; truncating it would lose the data."""
    try:
        written = os.fstat(output) if isinstance(output, int) else os.stat(output)
        read = os.fstat(0) if input_path == "-" else os.stat(input_path)
    except OSError:
        return
    if stat.S_ISREG(written.st_mode) and os.path.samestat(written, read):
        shown = "standard output" if name == "-" else name
        raise UsageError(f"input and output are the same file ({shown}); name another output")
