"""WorkerProcess: the event loop's end of one worker process, from its start to its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import signal
import socket
import subprocess
import sys
from contextlib import AbstractContextManager
from functools import partial

from streamx import position
from streamx.chunk import Chunk, ChunkResult, RejectLines
from streamx.engine import wire
from streamx.engine.watch import Watch
from streamx.engine.wire import PARENTS_SIGNALS, SLOT_READ, Failed, Order, Step
from streamx.errors import StreamxError, WorkerError

_GRACE_SECONDS = 1.0
# How long it may take to leave the contexts of functions: time to write down what they hold.
_LEAVING_SECONDS = 30.0
_RECEIVE_BYTES = 64 * 1024
# Memory for chunks that is kept from one to the next.
_KEPT_BYTES = 4 * 1024 * 1024


class WorkerGoneError(Exception):
    """A worker process ended, or was ended, before it had run its chunk.

    Attributes:
        reason: how, as the rest of a sentence about the process.
        first, last: where in the chunk it was, in bytes: at a record, or from the first to the
            last one of a batch; both position.UNKNOWN where it had noted nothing.
    """

    def __init__(self, reason: str, first: int, last: int) -> None:
        super().__init__(reason, first, last)
        self.reason = reason
        self.first = first
        self.last = last


class WorkerProcess:
    """A process of its own that runs a plan on one chunk at a time.

    It is started by the constructor, within the event loop's thread, which has to live as long:
    the system ends the process with the thread that started it.

    Args:
        turns: descriptor of the file from which all processes of a run take their turns.

    Attributes:
        loaded: the pickled plan that it runs; None before it has one.

    Raises:
        WorkerError: the system starts no further process.
    """

    def __init__(self, turns: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket, other_end = socket.socketpair()
        self._socket.setblocking(False)
        self._input, output = wire.anonymous_file(), wire.anonymous_file()
        self._output = output
        self._slots = wire.Slots(output)
        self._slots.position[0] = self._slots.last[0] = position.UNKNOWN
        self._frames = wire.Frames()
        self.loaded: bytes | None = None
        self._is_open = True
        self._killed_because: str | None = None
        self._exited = asyncio.Event()
        self._pidfd: int | None = None
        with other_end:
            try:
                self._process = _start(other_end.fileno(), self._input, output, turns)
            except OSError as error:
                self._close()
                raise WorkerError(f"cannot start a worker process: {error.strerror}") from error
        self._sees_exit = self._watch_for_exit()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Tell whether it is known to have ended."""
        return self._exited.is_set() if self._sees_exit else self._process.poll() is not None

    async def load(self, plan: bytes) -> None:
        """Hand over the pickled plan, unless that has been done, and wait until it is loaded.

        Raises:
            WorkerGoneError: the process died on it.
            WorkerError: the plan cannot be unpickled there.
        """
        if self.loaded is not None:
            return
        await self._send(plan)
        outcome = (await self._receive()).outcome
        if isinstance(outcome, Failed):
            known = outcome.error()
            if isinstance(known, StreamxError) and not isinstance(known, WorkerError):
                raise known
            error = WorkerError(
                f"a worker process cannot load what it is to run: {outcome.text}; "
                "define functions in a module that can be imported"
            )
            error.add_note(outcome.traceback)
            raise error
        self.loaded = plan

    async def begin(self, chunk: Chunk, limits: tuple[int, ...]) -> None:
        """Hand over a chunk; its output and outcome come in steps."""
        self._slots.position[0] = self._slots.last[0] = position.UNKNOWN
        size_bytes = len(chunk.data)
        if size_bytes < _KEPT_BYTES < os.fstat(self._input).st_size:
            os.ftruncate(self._input, 0)
        wire.write_at(self._input, chunk.data, 0)
        place = chunk.sequence, chunk.offset, chunk.line
        order = Order(*place, size_bytes, limits, chunk.deaths, chunk.file)
        await self._send(pickle.dumps(order))

    async def step(self) -> tuple[bytes, ChunkResult | Failed | None]:
        """Wait for the next output, and the outcome if that was the last.

        Raises:
            WorkerGoneError: there will be none.
        """
        step = await self._receive()
        if step.filled_bytes == 0:
            return b"", step.outcome
        part = self._slots.read(step.filled_bytes)
        if step.is_rejects:
            part = RejectLines(part)
        self._slots.turn()
        with contextlib.suppress(OSError):  # it is gone, as the next step will say
            # Never waits: no more of these are under way than there are slots.
            self._socket.send(wire.frame(SLOT_READ))
        return part, step.outcome

    def limited_to(self, seconds: float | None) -> AbstractContextManager[object]:
        """Kill the process when it shows no sign of life for so long; None for no limit."""
        if seconds is None:
            return contextlib.nullcontext()
        return Watch(self._slots, seconds, partial(self.kill, f"took longer than {seconds:g} s"))

    def kill(self, because: str | None = None) -> None:
        """End the process at once, without waiting for that."""
        if self._process.returncode is None:
            self._killed_because = self._killed_because or because
            self._process.kill()

    async def leave(self) -> None:
        """Say that there will be no further chunk, and wait until the plan has been closed.

        Raises:
            WorkerError: that took too long, or the process died before.
            Exception: whatever it raised.
        """
        with contextlib.suppress(OSError):  # it is gone, as the next step will say
            self._socket.shutdown(socket.SHUT_WR)
        try:
            async with asyncio.timeout(_LEAVING_SECONDS):
                outcome = (await self._receive()).outcome
        except TimeoutError:
            text = f"a worker process took longer than {_LEAVING_SECONDS:g} s to end"
            raise WorkerError(f"{text}; see what the function does when it is left") from None
        except WorkerGoneError as gone:
            raise WorkerError(f"a worker process {gone.reason} when the run had ended") from None
        if isinstance(outcome, Failed):
            raise outcome.error()

    async def end(self) -> int:
        """Let the process end by itself, but not for long, and give back all that it needed.

        Returns:
            Its exit status, or the negative number of the signal that ended it.
        """
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        try:
            status = await asyncio.wait_for(self._wait(), _GRACE_SECONDS)
        except TimeoutError:
            self.kill("went on without a connection to its parent")
            status = await self._wait()
        self._close()
        return status

    async def _send(self, content: bytes) -> None:
        with contextlib.suppress(ConnectionError):  # it is gone, as the next step will say
            await self._loop.sock_sendall(self._socket, wire.frame(content))

    async def _receive(self) -> Step:
        while (content := self._frames.next()) is None:
            try:
                data = await self._loop.sock_recv(self._socket, _RECEIVE_BYTES)
            except ConnectionError:
                data = b""
            if not data:
                raise await self._gone()
            self._frames.feed(data)
        step: Step = pickle.loads(content)
        return step

    async def _gone(self) -> WorkerGoneError:
        first, last = self._slots.position[0], self._slots.last[0]
        status = await self.end()
        return WorkerGoneError(self._killed_because or describe(status), first, max(first, last))

    def _watch_for_exit(self) -> bool:
        """See the end of the process also where children of its own hold its socket open."""
        try:
            self._pidfd = os.pidfd_open(self.pid)
        except (AttributeError, OSError):  # this system, or its sandbox, has no such thing
            return False
        self._loop.add_reader(self._pidfd, self._note_exit)
        return True

    def _note_exit(self) -> None:
        self._forget_pidfd()
        self._exited.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def _forget_pidfd(self) -> None:
        if self._pidfd is not None:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None

    async def _wait(self) -> int:
        if not self._sees_exit:
            return await asyncio.to_thread(self._process.wait)
        await self._exited.wait()
        return self._process.wait()  # it has ended, so this takes no time

    def _close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._forget_pidfd()
            self._socket.close()
            self._slots.close()
            os.close(self._input)
            os.close(self._output)


def describe(status: int) -> str:
    """Say how a process ended, as the rest of a sentence.

    >>> describe(3), describe(-11)
    ('exited with status 3', 'was killed by SIGSEGV')
    """
    if status >= 0:
        return f"exited with status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:  # a real-time signal has no name
        return f"was killed by signal {-status}"


def _start(*descriptors: int) -> subprocess.Popen[bytes]:
    """Start a process of a fresh interpreter that imports what this one would.

    Not a fork, which would copy threads' locks, and not multiprocessing's ways, which run the
    main script again. The working directory is no place to import from unless it is one here.
    """
    numbers = (*descriptors, os.getpid())
    program = (
        f"import sys; sys.path[:] = {sys.path!r}; "
        f"from streamx.engine.worker import main; main{numbers}"
    )
    has_stderr = sys.__stderr__ is not None
    # These wait until the worker can leave them to its parent; Ctrl-C would print a traceback.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, PARENTS_SIGNALS)
    try:
        return subprocess.Popen(
            [sys.executable, *_interpreter_options(), "-c", program],
            stdin=subprocess.DEVNULL,
            stdout=2 if has_stderr else subprocess.DEVNULL,
            stderr=None if has_stderr else subprocess.DEVNULL,
            pass_fds=descriptors,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _interpreter_options() -> list[str]:
    """Return the options that this interpreter was started with, such as -O and -W."""
    options: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return options
