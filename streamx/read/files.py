"""The files behind an INPUT: itself, or those that a pattern or a directory names."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass

from streamx.errors import InputError, UsageError, cannot

_HIDDEN = (".", "_")


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file to be read.

    Attributes:
        path: where it is, for every worker alike: absolute.
        name: as the user gave it, for messages.
        size_bytes, mtime_ns: by which a change is seen.
    """

    path: str
    name: str
    size_bytes: int
    mtime_ns: int


def input_files(input: str) -> tuple[InputFile, ...]:
    """Return the files of an input, sorted by name, if there are several.

    Of a directory these are all files in it whose names do not start with a dot or an underscore,
    so that what one run has written as parts is the input of another. A name that exists is no
    pattern, whatever characters it has.

    Raises:
        InputError: there is no such file, or it cannot be looked at.
        UsageError: it is no file on disk, such as a pipe, so that parts of it cannot be read.
    """
    if os.path.isdir(input):
        names = sorted(each for each in _listed(input) if not each.startswith(_HIDDEN))
        paths = [os.path.join(input, name) for name in names]
        paths = [path for path in paths if os.path.isfile(path)]
    elif glob.has_magic(input) and not os.path.exists(input):
        paths = sorted(glob.glob(input, recursive=True))
        paths = [path for path in paths if os.path.isfile(path)]
    else:
        paths = [input]
    if not paths:
        raise InputError(f"{input}: there is no file; name one, a directory of some or a pattern")
    return tuple(map(_input_file, paths))


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
    return InputFile(os.path.abspath(path), path, status.st_size, status.st_mtime_ns)
