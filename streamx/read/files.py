"""The files behind an INPUT: itself, or those that a pattern or a directory names."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass, replace

from streamx.errors import InputError, UsageError, cannot
from streamx.storage import is_storage_url, shown_url

HIDDEN = (".", "_")


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file to be read.

    Attributes:
        path: where it is, for every worker alike: absolute, or a URL.
        name: as the user gave it, or what may be shown of a URL, for messages.
        size_bytes: how long it is.
        version: by which a change is seen: a time in nanoseconds, or what a storage has for that.
    """

    path: str
    name: str
    size_bytes: int
    version: str

    @property
    def is_stored(self) -> bool:
        """Tell whether it is in a storage."""
        return is_storage_url(self.path)

    @property
    def address(self) -> str:
        """What it is opened by where the run was begun: the name, or the whole URL."""
        return self.path if self.is_stored else self.name

    def without_secrets(self) -> InputFile:
        """Return the file as it may be shown to everyone."""
        return replace(self, path=shown_url(self.path)) if self.is_stored else self


def input_files(input: str) -> tuple[InputFile, ...]:
    """Return the files of an input, sorted by name, if there are several.

    Of a directory these are all files in it whose names do not start with a dot or an underscore,
    so that what one run has written as parts is the input of another. A name that exists is no
    pattern, whatever characters it has. All of that holds for URLs of storages as well.

    Raises:
        InputError: there is no such file, or it cannot be looked at.
        UsageError: it is a pipe or the like, so that parts of it cannot be read, or nothing is
            known of a URL's storage.
    """
    if is_storage_url(input):
        from streamx.read.stored_files import stored_files  # few runs need it

        return stored_files(input)
    if os.path.isdir(input):
        names = sorted(each for each in _listed(input) if not each.startswith(HIDDEN))
        paths = [os.path.join(input, name) for name in names]
        paths = [path for path in paths if os.path.isfile(path)]
    elif glob.has_magic(input) and not os.path.exists(input):
        paths = sorted(glob.glob(input, recursive=True))
        paths = [path for path in paths if os.path.isfile(path)]
    else:
        paths = [input]
    if not paths:
        raise no_file(input)
    return tuple(map(_input_file, paths))


def no_file(input: str) -> InputError:
    """Return what to say where there is none."""
    return InputError(f"{input}: there is no file; name one, a directory of some or a pattern")


def _listed(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError as error:
        raise InputError(cannot("open", directory, error)) from error


def _input_file(path: str) -> InputFile:
    try:
        status = os.stat(path)
    except OSError as error:
        raise InputError(cannot("open", path, error)) from error
    if not os.path.isfile(path):
        raise UsageError(f"{path} is no file, and workers read parts of files; name one")
    return InputFile(os.path.abspath(path), path, status.st_size, str(status.st_mtime_ns))
