"""Blame: says what a user's function did wrong, in a traceback that shows the user's code alone."""

from __future__ import annotations

import os
import traceback
from types import TracebackType

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_LIBRARY = os.path.dirname(os.__file__) + os.sep
_OURS = (_PACKAGE, "<frozen ", _LIBRARY + "asyncio" + os.sep, _LIBRARY + "contextlib.py")


def own_traceback(error: BaseException) -> str:
    """Return the traceback of an exception from the first line of code that is not ours on."""
    start = error.__traceback__
    while start is not None and _is_ours(start):
        start = start.tb_next
    lines = traceback.TracebackException(type(error), error, start).format(chain=True)
    return "".join(lines).rstrip("\n")


def summary(error: BaseException) -> str:
    """Say in one line what an exception is.

    >>> summary(KeyError("x"))
    "KeyError: 'x'"
    """
    return traceback.format_exception_only(error)[-1].strip()


def _is_ours(frame: TracebackType) -> bool:
    return frame.tb_frame.f_code.co_filename.startswith(_OURS)
