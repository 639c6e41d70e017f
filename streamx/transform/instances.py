"""Instances: functions made ready for a worker, and what is said where that or its end fails."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from streamx.blame import own_traceback, summary
from streamx.errors import StreamxError
from streamx.transform.functions import Apply


@contextmanager
def made_ready(step: Apply) -> Iterator[tuple[Any, bool]]:
    """Give what is to be called, and whether it is a new instance, which is to be entered within.

    Raises:
        StreamxError: making or entering it failed.
    """
    function: Any = step.load()
    if not inspect.isclass(function):
        yield function, False
        return
    try:
        yield function(), True
    except (Exception, SystemExit) as error:
        text = f"--fn {step.name}: making it ready raised {summary(error)}"
        raise StreamxError(f"{text}\n{own_traceback(error)}") from error


@contextmanager
def leaving() -> Iterator[None]:
    """Leave within this what has been entered.

    Raises:
        StreamxError: that failed.
    """
    try:
        yield
    except Exception as error:
        text = f"leaving a function's context raised {summary(error)}"
        raise StreamxError(f"{text}\n{own_traceback(error)}") from error
