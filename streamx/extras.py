"""Extras: libraries that only some options need, and what to say where one is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from streamx.errors import UsageError


@contextmanager
def needing(what: str, extra: str) -> Iterator[None]:
    """Say how to install what is imported in the body, if it is missing.

    Raises:
        UsageError: it is.

    >>> with needing("--report", "report"):
    ...     import no_such_library
    Traceback (most recent call last):
    streamx.errors.UsageError: --report needs no_such_library, which is not installed; \
pip install 'streamx[report]'
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{what} needs {error.name}, which is not installed; pip install 'streamx[{extra}]'"
        ) from error
