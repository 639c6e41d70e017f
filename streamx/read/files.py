"""The files behind an INPUT: itself, or those that a pattern or a directory names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from streamx.errors import InputError, UsageError, cannot
from streamx.storage import is_storage_url, shown_url

HIDDEN = (".", "_")
_MAGIC = "*?["
_STORED_MAGIC = "*["  # a question mark begins a query
_NUMBER = re.compile("([0-9]+)")


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


def is_several(input: str) -> bool:
    """Tell whether an input is a directory or a pattern, and so may be several files.

    A name that exists is no pattern, whatever characters it has. In a storage a directory is what
    ends with a slash, as it would have to be asked for any other.
    """
    if is_storage_url(input):
        return input.endswith("/") or any(each in input for each in _STORED_MAGIC)
    if any(each in input for each in _MAGIC) and not os.path.lexists(input):
        return True
    return os.path.isdir(input)


def natural_key(path: str) -> tuple[list[list[str | int]], str]:
    """Return what paths are sorted by: name by name, numbers in them by their value.

    >>> sorted(["file10.csv", "file2.csv", "file02.csv", "b/1", "a.csv"], key=natural_key)
    ['a.csv', 'b/1', 'file02.csv', 'file2.csv', 'file10.csv']
    """
    return [_texts_and_numbers(name) for name in path.split("/")], path


def _texts_and_numbers(name: str) -> list[str | int]:
    parts: list[str | int] = [*_NUMBER.split(name)]
    parts[1::2] = map(int, parts[1::2])
    return parts


def files_of(inputs: Iterable[str]) -> tuple[InputFile, ...]:
    """Return the files of several inputs, one input after the other.

    Raises:
        InputError, UsageError: see `input_files`.
    """
    return tuple(file for input in inputs for file in input_files(input))


def input_files(input: str) -> tuple[InputFile, ...]:
    """Return the files of an input in natural order (see `natural_key`), if there are several.

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
    if not is_several(input):
        return (_input_file(input),)
    if os.path.isdir(input):
        names = [each for each in _listed(input) if not each.startswith(HIDDEN)]
        paths = [os.path.join(input, name) for name in names]
    else:
        import glob  # few runs need it

        paths = glob.glob(input, recursive=True)
    # Directories are passed over, but nothing else: a link that leads nowhere was once a file.
    paths = sorted((path for path in paths if not os.path.isdir(path)), key=natural_key)
    if not paths:
        raise no_file(input)
    return tuple(map(_input_file, paths))


def first_file(input: str) -> str:
    """Return the first file of an input that may be several, or what is no such.

    Raises:
        InputError: there is none.
    """
    return input_files(input)[0].address if is_several(input) else input


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
        raise UsageError(f"{path} is no file; expected one, since inputs are read file by file")
    return InputFile(os.path.abspath(path), path, status.st_size, str(status.st_mtime_ns))
