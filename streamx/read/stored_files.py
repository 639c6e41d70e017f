"""The files behind a storage's URL: itself, or those that a pattern or a prefix names."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Mapping
from typing import Any

from streamx.errors import InputError, UsageError
from streamx.read.files import HIDDEN, InputFile, natural_key, no_file
from streamx.storage import StoredFile, shown_url, version_of

# What a storage tells of a file.
Details = Mapping[str, Any]


def stored_files(url: str) -> tuple[InputFile, ...]:
    """Return the files of a URL as `input_files` does; a directory is what ends before a slash.

    Raises:
        InputError: there is no such file, or the storage does not tell.
        UsageError: nothing is known of the storage, or its library is not installed.
    """
    stored = StoredFile(url)
    try:
        system, path = stored.place()
        found = list(_found(system, path))
    except UsageError:
        raise
    except Exception as error:  # every storage has its own
        raise InputError(f"cannot read {stored.name}: {stored.said(error)}") from error
    if not found:
        raise no_file(stored.name)
    start = _start_of(url, path)
    files = [_input_file(start + each["name"], each) for each in found]
    return tuple(sorted(files, key=lambda file: natural_key(file.path)))


def _found(system: Any, path: str) -> Iterable[Details]:
    try:
        details = system.info(path)
    except FileNotFoundError:
        if not glob.has_magic(path):
            raise
        return _files_of(system.glob(path, detail=True).values())
    if details["type"] != "directory":
        return [details]
    listed = _files_of(system.ls(path, detail=True))
    return [each for each in listed if not _last_name(each).startswith(HIDDEN)]


def _files_of(listed: Iterable[Details]) -> list[Details]:
    """Return what is a file; some tools mark directories by empty ones whose names end so."""
    return [each for each in listed if each["type"] == "file" and _last_name(each)]


def _last_name(details: Details) -> str:
    name: str = details["name"]
    return name.rpartition("/")[2]


def _start_of(url: str, path: str) -> str:
    """Return what stands before the path in a URL: scheme, user and host."""
    whole = url.rstrip("/")
    if not whole.endswith(path):
        raise UsageError(
            f"{shown_url(url)} is not written as its storage writes it; name it by a URL that "
            f"ends with {path}"
        )
    return whole.removesuffix(path)


def _input_file(url: str, details: Details) -> InputFile:
    return InputFile(url, shown_url(url), int(details["size"]), version_of(details))
