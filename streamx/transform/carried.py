"""Carried: a function that goes to other machines, with its source or a digest of it."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.abc import SourceLoader
from operator import attrgetter
from types import ModuleType
from typing import Any

from streamx.errors import InputError, UsageError, cannot
from streamx.transform.functions import Apply, executed, module_name

_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Carried(Apply):
    """A function named by its place, for a machine where that may hold something else, or nothing.

    One of a file, `path.py:name`, brings the file's text along. One of a module that is installed,
    `package.module:name`, is imported where it is called, and must be the same there.

    Attributes:
        path: of the file, absolute, for tracebacks.
        source: the file's text; None for a module.
        sha256: digest of the file, or of the one that the module's function stands in; None if it
            is not written in Python.
    """

    path: str = ""
    source: bytes | None = None
    sha256: str | None = None

    @classmethod
    def of(cls, step: Apply) -> Carried:
        """Read the source of a function that is named by its place.

        Raises:
            UsageError: there is no such function.
            InputError: its source cannot be read.
        """
        assert isinstance(step.function, str), "a callable is carried as it is"
        place = step.function.rpartition(":")[0]
        if place.endswith(".py"):
            path = os.path.realpath(place)
            source = _content(path)
            return cls(step.function, path, source, hashlib.sha256(source).hexdigest())
        return cls(step.function, sha256=_digest_of(step.load()))

    def load(self) -> Callable[..., Any]:
        """Return the callable.

        Raises:
            UsageError: it cannot be imported here, or is another one.
        """
        assert isinstance(self.function, str)
        if self.source is not None:
            if hashlib.sha256(self.source).hexdigest() != self.sha256:
                raise UsageError(f"--fn {self.function}: its source came with other bytes")
            module = _module_of(self.function, self.path, self.source, self.sha256)
            return attrgetter(self.function.rpartition(":")[2])(module)  # type: ignore[no-any-return]  # it was callable where it came from
        function = Apply.load(self)
        found_sha256 = _digest_of(function)
        if found_sha256 != self.sha256:
            raise UsageError(
                f"--fn {self.function}: the module on {os.uname().nodename} is another one than "
                f"where the run began ({_shown(found_sha256)}, not {_shown(self.sha256)}); install "
                "the same there, or name a file as path.py:name, which is sent along"
            )
        return function

    def elsewhere(self) -> Carried:
        """Return this function, which any process can load."""
        return self


class _CarriedLoader(SourceLoader):
    """Loads a module from text that came with a plan."""

    def __init__(self, path: str, source: bytes, sha256: str | None) -> None:
        self._path = path
        self._source = source
        self._sha256 = sha256

    def gives(self, path: str, sha256: str | None) -> bool:
        """Tell whether this is the source of a path with such a digest."""
        return (self._path, self._sha256) == (path, sha256)

    def get_filename(self, fullname: str) -> str:
        return self._path

    def get_data(self, path: str) -> bytes:
        if path != self._path:
            raise OSError(f"no bytecode is kept of {path}")
        return self._source


def _module_of(where: str, path: str, source: bytes, sha256: str | None) -> ModuleType:
    """Return the module of a source, loaded once; another text of the same path is another one."""
    name = module_name(path)
    known = sys.modules.get(name)
    loader = getattr(known, "__loader__", None)
    if known is not None and isinstance(loader, _CarriedLoader) and loader.gives(path, sha256):
        return known
    spec = importlib.util.spec_from_file_location(
        name, path, loader=_CarriedLoader(path, source, sha256)
    )
    assert spec is not None
    return executed(spec, where, path)


def _digest_of(function: Callable[..., Any]) -> str | None:
    try:
        path = inspect.getsourcefile(inspect.unwrap(function))
    except TypeError:  # it is not written in Python
        path = None
    return None if path is None else hashlib.sha256(_content(path)).hexdigest()


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise InputError(cannot("read", path, error)) from error


def _shown(sha256: str | None) -> str:
    return "no source" if sha256 is None else f"sha256 {sha256[:_DIGITS]}"
