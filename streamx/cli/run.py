"""Runs the library for a command: signals become clean ends, errors one line and an exit code."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, TypeVar

from streamx import heap
from streamx.cli.variables import told_in
from streamx.errors import OutputError, ReaderGoneError, StreamxError, UsageError, output_error
from streamx.monitor.stderr import Note, write_line

R = TypeVar("R")

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# How long the event loop may take to hear of a signal: a function of the user's may be blocking it.
_DEAF_SECONDS = 2.0


def run(main: Callable[[], Coroutine[Any, Any, R]]) -> R:
    """Run a coroutine; on failure say why in one line and exit with the error's code.

    The first SIGINT, SIGTERM or SIGHUP cancels the coroutine, which cleans up; then the process
    dies by that signal, so that a shell or a supervisor sees what happened. A second one, or a loop
    that does not hear of the first, is not waited for.
    """
    import asyncio  # takes as long as click itself, which --help and wrong usage can do without

    received: list[signal.Signals] = []
    heap.suit_streaming()
    # A worker in Python code keeps the event loop from the interpreter for this long.
    sys.setswitchinterval(0.001)
    try:
        return asyncio.run(_cancelled_by_signals(main, received))
    except asyncio.CancelledError:
        die_by(received[0])
    except ReaderGoneError:
        die_by(signal.SIGPIPE)
    except UsageError as error:
        fail(told_in(str(error)), error.exit_code)
    except StreamxError as error:
        fail(str(error), error.exit_code)
    except MemoryError:
        fail(
            "there is not enough memory; a smaller --chunk-size, --buffer or --workers needs less, "
            "and --max-memory chooses them",
            1,
        )
    except Exception as error:
        if os.environ.get("STREAMX_TRACEBACK"):
            raise
        fail(
            f"internal error: {type(error).__name__}: {error}; "
            "please report it with what STREAMX_TRACEBACK=1 prints",
            1,
        )


def warn(text: str) -> None:
    """Print a warning, or a note, on standard error, above a progress bar if there is one."""
    kind = "note" if isinstance(text, Note) else "warning"
    write_line(f"streamx: {kind}: {text}")


def print_data(text: str) -> None:
    """Write a command's result to standard output; a failure ends the process as in `run`."""

    async def write() -> None:
        if sys.stdout is None:
            raise OutputError("standard output is closed")
        rest = memoryview(text.encode(errors="surrogateescape"))
        try:
            while rest:
                rest = rest[os.write(1, rest) :]
        except OSError as error:
            raise output_error("standard output", error) from error

    run(write)


def fail(text: str, exit_code: int) -> NoReturn:
    """Print an error on standard error and exit."""
    write_line(f"streamx: error: {text}")
    sys.exit(exit_code)


def die_by(number: signal.Signals) -> NoReturn:
    """End the process by a signal, as its default action would."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    sys.exit(128 + number)


def _discard_outputs() -> None:
    """Remove temporary files, if there can be any: a signal may come amid the imports."""
    temporary = sys.modules.get("streamx.write.temporary")
    discard_all = getattr(temporary, "discard_all", None)
    if discard_all is not None:
        discard_all()


def _repeat_unless(has_heard: threading.Event, number: int) -> None:
    if not has_heard.wait(_DEAF_SECONDS):
        os.kill(os.getpid(), number)


async def _cancelled_by_signals(
    main: Callable[[], Coroutine[Any, Any, R]], received: list[signal.Signals]
) -> R:
    import asyncio

    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None

    has_heard = threading.Event()

    def cancel() -> None:
        has_heard.set()
        task.cancel()

    has_begun = asyncio.Event()
    loop.call_soon(has_begun.set)  # not before `main` first waits

    def stop(number: int, _: object) -> None:
        # Until then it imports what the user named, which no cancellation can interrupt.
        if received or not has_begun.is_set():
            _discard_outputs()
            die_by(signal.Signals(number))
        received.append(signal.Signals(number))
        loop.call_soon_threadsafe(cancel)
        # Not a Thread, whose start takes locks that what was interrupted may hold.
        _thread.start_new_thread(_repeat_unless, (has_heard, number))

    # Not the loop's own handlers: those wait for the loop, which may be busy or stuck.
    handled = [each for each in _SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
    for each in handled:
        signal.signal(each, stop)
    try:
        return await main()
    finally:
        if not received:
            for each in handled:
                signal.signal(each, signal.SIG_DFL)
