"""Blame: says what a user's function did wrong, in a traceback that shows the user's code alone."""

from __future__ import annotations

import os
import traceback
from itertools import takewhile
from types import FrameType

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_LIBRARY = os.path.dirname(os.__file__) + os.sep
# Compiled code names its source by the path that setup.py has.
_COMPILED = ("streamx/codec/_native", "streamx/transform/_native")
_STANDARD = (_LIBRARY + "asyncio" + os.sep, _LIBRARY + "contextlib.py")
_OURS = (_PACKAGE, "<frozen ", *_STANDARD, *_COMPILED)


def own_traceback(error: BaseException) -> str:
    """Return the traceback of an exception without the lines of code that are ours."""
    shown = traceback.TracebackException.from_exception(error)
    _leave_out_ours(shown)
    return "".join(shown.format()).rstrip("\n")


def own_stack(frame: FrameType) -> str:
    """Return where code of the user is, as a traceback from where ours has called it, or ""."""
    lines = traceback.StackSummary.extract(traceback.walk_stack(frame))
    own = list(takewhile(lambda line: not line.filename.startswith(_OURS), lines))
    if not own:
        return ""
    shown = traceback.StackSummary.from_list(own[::-1]).format()
    return "".join(["Traceback (most recent call last):\n", *shown]).rstrip("\n")


def summary(error: BaseException) -> str:
    """Say in one line what an exception is.

    >>> summary(KeyError("x"))
    "KeyError: 'x'"
    """
    only = traceback.TracebackException(type(error), error, None)
    only.__notes__ = None
    return list(only.format_exception_only())[-1].strip()


def _leave_out_ours(shown: traceback.TracebackException) -> None:
    told: list[traceback.TracebackException | None] = [shown]
    while told:
        each = told.pop()
        if each is not None:
            each.stack[:] = [line for line in each.stack if not line.filename.startswith(_OURS)]
            told += [each.__cause__, each.__context__, *(getattr(each, "exceptions", None) or ())]
