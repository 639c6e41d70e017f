"""Puts a finished file in its place: the path holds the old content or the whole new one."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from streamx.errors import OutputError, UsageError, cannot
from streamx.storage import is_storage_url, shown_url
from streamx.write.temporary import release_temporary, temporary_beside

_HIGHEST_DESCRIPTOR = 2**31 - 1
_MOST_LINKS = 40


@dataclass(frozen=True, slots=True)
class Target:
    """Where output shall go, checked before anything is read.

    Attributes:
        name: the path as the user gave it, or what may be shown of a URL, for messages.
        path: the file behind it, links followed, or the whole URL.
        descriptor: an open descriptor that the path stands for, such as 1 for standard output.
        is_special: a device, FIFO or the like, written directly.
        is_direct: written in place, for a directory that takes no new file.
        is_durable: brought to the disk before it counts as written.
        is_stored: a URL, of a file in a storage.
        backup: where to keep what is replaced, if anywhere.
    """

    name: str
    path: str
    descriptor: int | None = None
    is_special: bool = False
    is_direct: bool = False
    is_durable: bool = True
    is_stored: bool = False
    backup: str | None = None

    @property
    def is_replaceable(self) -> bool:
        """Tell whether it is a file on disk, or may be one, and not what was opened elsewhere."""
        return self.descriptor is None and not self.is_special and not self.is_stored

    @classmethod
    def of(
        cls,
        path: str,
        input_path: str | tuple[str, ...],
        *,
        is_direct: bool,
        is_durable: bool = True,
        replaces_input: bool = False,
        what: str = "output",
    ) -> Target:
        """Look at a path without touching it.

        Args:
            path: where output shall go.
            input_path: where the input is, or its files are.
            is_direct, is_durable: the attributes.
            replaces_input: it may be the input.
            what: what it is to the run, for messages.

        Raises:
            UsageError: it is the input.
            OutputError: it is a directory, or lies in none.
        """
        inputs = (input_path,) if isinstance(input_path, str) else input_path
        if is_storage_url(path):
            if path in inputs:
                raise UsageError(
                    f"input and output are the same file ({shown_url(path)}); name another output"
                )
            return cls(shown_url(path), path, is_durable=is_durable, is_stored=True)
        descriptor = _descriptor_of(path)
        if descriptor is not None:
            name = "standard output" if descriptor == 1 else path
            _refuse_same(descriptor, name, inputs, what)
            return cls(name, path, descriptor=descriptor)
        try:
            status = os.stat(path)
        except FileNotFoundError as error:
            if not path:
                raise OutputError(cannot("write", path, error)) from error
            return cls(path, _new_path(path), is_direct=is_direct, is_durable=is_durable)
        except OSError as error:
            raise OutputError(cannot("write", path, error)) from error
        if stat.S_ISDIR(status.st_mode):
            raise OutputError(f"cannot write {path}: it is a directory; name a file in it")
        if not stat.S_ISREG(status.st_mode):
            return cls(path, path, is_special=True)
        if not replaces_input:
            _refuse_same(path, path, inputs, what)
        return cls(path, os.path.realpath(path), is_direct=is_direct, is_durable=is_durable)

    def create(self) -> Unpublished:
        """Create the file that is written to: a temporary one, or the target itself if direct.

        Raises:
            OutputError: it cannot be created.
        """
        if self.is_direct:
            return self._open_directly()
        temporary = temporary_beside(self.path)
        try:
            descriptor = os.open(
                temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666
            )
        except OSError as error:
            release_temporary(temporary)
            raise OutputError(
                f"{cannot('write', self.name, error)}; a new file in "
                f"{os.path.dirname(self.path)} is needed, or --direct to write in place"
            ) from error
        unpublished = self.unpublished(descriptor, temporary)
        try:
            unpublished.adopt_mode()
        except OSError as error:
            os.close(descriptor)
            unpublished.discard()
            raise OutputError(cannot("keep the mode of", self.name, error)) from error
        return unpublished

    def unpublished(self, descriptor: int, temporary: str | None) -> Unpublished:
        """Return an open file as one that is to become this target."""
        return Unpublished(descriptor, temporary, self.path, self.is_durable, self.backup)

    def _open_directly(self) -> Unpublished:
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
            descriptor = os.open(self.path, flags, 0o666)
            return self.unpublished(descriptor, None)
        except OSError as error:
            raise OutputError(cannot("write", self.name, error)) from error


@dataclass(frozen=True, slots=True)
class Unpublished:
    """A file that is being written; `temporary` is None if it is the target itself."""

    descriptor: int
    temporary: str | None
    path: str
    is_durable: bool = True
    backup: str | None = None

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

    def place(self) -> None:
        """Put the file in its place, without waiting for the disk."""
        if self.temporary is not None:
            if self.backup is not None:
                _keep(self.path, self.backup)
            os.replace(self.temporary, self.path)
            release_temporary(self.temporary)

    def publish(self) -> None:
        """Put the file in its place and bring the directory's change to the disk, if it is durable.

        Raises:
            OSError: the file is not in its place.
            OutputError: it is, but whether that would survive a loss of power is not known.
        """
        if not self.is_durable:
            self.place()
            return
        with directory_of(self.path) as directory:
            self.place()
            sync_directory(directory, f"{self.path} has its new content")

    def discard(self) -> None:
        """Remove the temporary file; a direct one stays as far as it was written."""
        if self.temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(self.temporary)
            release_temporary(self.temporary)


def _keep(path: str, backup: str) -> None:
    """Give what is at a path one more name, in the place of what has that; or else copy it."""
    temporary = temporary_beside(backup)
    try:
        try:
            os.link(path, temporary)
        except OSError:  # this file system knows one name for each
            import shutil  # which other runs do without

            shutil.copy2(path, temporary)
        os.replace(temporary, backup)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    finally:
        release_temporary(temporary)


def remove(path: str, *, is_durable: bool) -> None:
    """Remove a file that may not be there, and bring that to the disk, if it is to be durable.

    Raises:
        OSError: the file is still there.
        OutputError: it is not, but whether that would survive a loss of power is not known.
    """
    with directory_of(path) as directory:
        try:
            os.unlink(path)
        except FileNotFoundError:
            return
        if is_durable:
            sync_directory(directory, f"{path} is removed")


def sync_directory(directory: int | None, fact: str) -> None:
    """Bring a directory to the disk, or say what holds all the same."""
    try:
        if directory is not None:
            os.fsync(directory)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOTSUP):
            return  # this file system has no such thing as syncing a directory
        raise OutputError(
            f"{fact}, but its directory could not be brought to the disk: {error.strerror}"
        ) from error


@contextlib.contextmanager
def directory_of(path: str) -> Iterator[int | None]:
    """Open a file's directory; None if it can be written but not read."""
    try:
        directory = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:
        yield None
        return
    try:
        yield directory
    finally:
        with contextlib.suppress(OSError):  # nothing was written through it
            os.close(directory)


def _descriptor_of(path: str) -> int | None:
    """Return the descriptor that a path names: what was opened must not be replaced or cut off."""
    if path == "-":
        return 1
    own = rf"/(?:dev|proc/(?:self|thread-self|{os.getpid()}))/fd/([0-9]+)"
    for _ in range(_MOST_LINKS):
        match = re.fullmatch(own, path)
        if match is not None:
            return min(int(match[1]), _HIGHEST_DESCRIPTOR)
        try:
            path = os.path.join(os.path.dirname(path), os.readlink(path))
        except OSError:
            break
    return None


def _new_path(path: str) -> str:
    """Return where a file that does not exist yet is created: links are followed."""
    real_path = os.path.realpath(path)
    directory = os.path.dirname(real_path)
    if not os.path.isdir(directory):
        shown = directory if os.path.islink(path) else os.path.dirname(path) or "."
        raise OutputError(f"cannot write {path}: {shown!r} is not a directory; create it first")
    return real_path


def _refuse_same(output: str | int, name: str, inputs: tuple[str, ...], what: str) -> None:
    """Refuse an output that is an input, by whatever name; truncating it would lose the data."""
    try:
        written = os.fstat(output) if isinstance(output, int) else os.stat(output)
    except OSError:
        return
    if not stat.S_ISREG(written.st_mode):
        return
    for path in inputs:
        with contextlib.suppress(OSError):  # it is not there
            read = os.fstat(0) if path == "-" else os.stat(path)
            if os.path.samestat(written, read):
                raise UsageError(
                    f"input and {what} are the same file ({name}); name another {what}"
                )
