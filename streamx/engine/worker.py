"""The program of a worker process: load a plan, run it on chunk after chunk, end with the parent.

It is started by `streamx.engine.child` with standard input empty and standard output joined to
standard error, so nothing that a plan reads or prints is data.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Generator
from contextlib import AbstractContextManager
from typing import Any, NoReturn, Protocol

from streamx import heap, position
from streamx.chunk import Chunk, ChunkResult, RejectLines
from streamx.codec.layout import Part
from streamx.engine import wire
from streamx.engine.wire import PARENTS_SIGNALS, SLOT_BYTES, SLOT_READ, SLOTS, Failed, Order, Step
from streamx.errors import WorkerError
from streamx.transform.turns import share_turns

_RECEIVE_BYTES = 64 * 1024
# Objects made between two looks for garbage: more than the records and results that wait together.
_GARBAGE_THRESHOLD = 5_000


class Runnable(Protocol):
    """What runs chunks in a worker."""

    def run(
        self, chunk: Chunk, limits: tuple[int, ...], /
    ) -> Generator[Part, None, ChunkResult]: ...


class Workable(Protocol):
    """What a worker gets: a plan, or whatever can be pickled and has these of it."""

    @property
    def limits(self) -> tuple[int, ...]: ...

    @property
    def is_open(self) -> bool: ...

    def settled(self, new_columns: tuple[str, ...]) -> Workable: ...

    def opened(self) -> AbstractContextManager[Runnable]: ...


def main(socket: int, input: int, output: int, turns: int, parent: int) -> None:
    """Work until the parent closes its end of the socket."""
    heap.suit_streaming()
    gc.set_threshold(_GARBAGE_THRESHOLD)
    _die_with(parent)
    _leave_signals_to_the_parent()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    share_turns(turns)
    with contextlib.suppress(EOFError, ConnectionError):  # the parent has closed, or is gone
        _work(_Link(socket, output), input)


def _work(link: _Link, input: int) -> None:
    stack = contextlib.ExitStack()
    content = link.receive()
    try:
        plan: Workable = pickle.loads(content)
        runner = stack.enter_context(plan.opened())
    except BaseException as error:
        link.send(0, _failed(error))
        return
    link.send(0, None)
    with contextlib.suppress(EOFError):  # there will be no further chunk
        _run_chunks(runner, link, input)
    link.send(0, _left(stack))


def _run_chunks(runner: Runnable, link: _Link, input: int) -> NoReturn:
    while True:
        order = link.next_order()
        data = wire.read_at(input, order.size_bytes, 0)
        chunk = Chunk(order.sequence, order.offset, order.line, data, order.deaths, order.file)
        link.end(_run(runner, chunk, order.limits, link))


def _left(stack: contextlib.ExitStack) -> Failed | None:
    """Leave what the plan has opened."""
    try:
        stack.close()
    except BaseException as error:
        return _failed(error)
    return None


def _run(
    runner: Runnable, chunk: Chunk, limits: tuple[int, ...], link: _Link
) -> ChunkResult | Failed:
    """Write the output of a chunk; whatever the plan raises is its outcome."""
    try:
        run = runner.run(chunk, limits)
    except BaseException as error:
        return _failed(error)
    while True:
        try:
            part = next(run)
        except StopIteration as stop:
            result: ChunkResult = stop.value
            return result
        except BaseException as error:
            return _failed(error)
        try:
            link.write(part)
        except WorkerError as error:
            return _failed(error)


class _Link:
    """The worker's end: orders come in, output goes into the slots, steps say so."""

    def __init__(self, socket: int, output: int) -> None:
        self._socket = socket
        self._frames = wire.Frames()
        self._slots = wire.Slots(output)
        self._free_slots = SLOTS
        self._filled_bytes = 0
        self._is_rejects = False
        position.note_in(self._slots.position, self._slots.last, self._slots.waits)

    def receive(self) -> bytes:
        """Wait for a frame; EOFError means that there will be none."""
        while (content := self._frames.next()) is None:
            data = os.read(self._socket, _RECEIVE_BYTES)
            if not data:
                raise EOFError
            self._frames.feed(data)
        return content

    def next_order(self) -> Order:
        """Wait for the next chunk to run."""
        while (content := self.receive()) == SLOT_READ:
            self._free_slots += 1
        order: Order = pickle.loads(content)
        return order

    def write(self, part: Part) -> None:
        """Add a part to what stands in the slot, or begin another; cut what is longer than one."""
        rest, is_rejects = memoryview(part), isinstance(part, RejectLines)
        if len(rest) > SLOT_BYTES - self._filled_bytes or is_rejects != self._is_rejects:
            self._pass_on(None)
            self._is_rejects = is_rejects
        while rest:
            if self._filled_bytes == 0:
                self._wait_for_slot()
            piece = rest[: SLOT_BYTES - self._filled_bytes]
            self._slots.write(piece, self._filled_bytes)
            self._filled_bytes += len(piece)
            rest = rest[len(piece) :]
            if rest:
                self._pass_on(None)

    def end(self, outcome: ChunkResult | Failed) -> None:
        """Pass on the rest of the output and what the chunk amounted to."""
        self._pass_on(outcome)

    def send(self, filled_bytes: int, outcome: ChunkResult | Failed | None) -> None:
        """Send a step."""
        try:
            content = pickle.dumps(Step(filled_bytes, outcome, self._is_rejects))
        except Exception as error:
            content = pickle.dumps(Step(filled_bytes, _failed(error), self._is_rejects))
        rest = memoryview(wire.frame(content))
        while rest:
            rest = rest[os.write(self._socket, rest) :]

    def _pass_on(self, outcome: ChunkResult | Failed | None) -> None:
        if self._filled_bytes or outcome is not None:
            self.send(self._filled_bytes, outcome)
            self._slots.beats[0] += 1
        if self._filled_bytes:
            self._free_slots -= 1
            self._filled_bytes = 0
            self._slots.turn()

    def _wait_for_slot(self) -> None:
        while self._free_slots == 0:
            self._slots.waits[0] = 1
            assert self.receive() == SLOT_READ
            self._slots.waits[0] = 0
            self._slots.beats[0] += 1
            self._free_slots += 1


def _failed(error: BaseException) -> Failed:
    """Pack an exception; one that would end a process must not end the parent."""
    own_frame = error.__traceback__
    rest = own_frame.tb_next if own_frame is not None else None
    lines = traceback.format_exception(type(error), error, rest)
    text = f"{type(error).__name__}: {error}"
    pickled = None
    if isinstance(error, Exception):
        with contextlib.suppress(Exception):
            pickled = pickle.dumps(error)
    else:
        text = f"the function ended with {text}; raise an exception instead"
    return Failed(pickled, text, "".join(lines))


def _leave_signals_to_the_parent() -> None:
    """Let signals pass by. A handler, unlike ignoring them, is not inherited by other programs."""
    for number in PARENTS_SIGNALS:
        signal.signal(number, _pass_by)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PARENTS_SIGNALS)


def _pass_by(number: int, frame: Any) -> None:
    pass


def _die_with(parent: int) -> None:
    """Have the system kill this process when its parent dies, even where a plan hangs.

    Elsewhere than on Linux the end of the socket has to do, which is seen between two steps.
    """
    if sys.platform == "linux":
        import ctypes

        set_parent_death_signal = 1  # PR_SET_PDEATHSIG in sys/prctl.h
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(0)
