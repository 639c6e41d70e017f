"""ProcessEngine: runs Plan.run in processes, for plans that hold the interpreter's lock."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Awaitable, Callable
from dataclasses import replace

from streamx import position
from streamx.chunk import Chunk, ChunkResult, Death, RejectLines
from streamx.codec import count_lines
from streamx.codec.layout import Part
from streamx.engine.child import WorkerGoneError, WorkerProcess
from streamx.engine.keeping import KeptProcesses
from streamx.engine.wire import Failed, anonymous_file
from streamx.engine.worker import Workable
from streamx.errors import UsageError, WorkerDiedError, WorkerError, cannot

Emit = Callable[[Part], Awaitable[None]]

_SEAM_BYTES = 16 * 1024


class ProcessEngine:
    """Runs a plan on chunks, in up to `workers` processes, each started when it is first needed.

    A process that dies is replaced, and its chunk is run once more; what has been emitted of its
    output is not emitted again, so the plan has to give the same output for the same chunk. Where
    the plan goes on without bad records, one at which two processes have died is one of them, or
    a batch.

    Args:
        plan: what to do. It is pickled here, and unpickled in each process.
        workers: most processes; 1 if the plan has a limit, which is counted in input order.
        timeout_seconds: a process that noted no new position (see streamx.position) and made no
            output for so long is killed, and has died in the sense above; None to wait for ever.
        is_lenient: the plan goes on without bad records.
        kept: where processes come from and go to, if they are to outlast the engine.

    Attributes:
        lanes: how many chunks to run at a time: one more than there are processes, so that one
            that has ended a chunk finds the next at hand. A limit is counted chunk by chunk.

    Raises:
        UsageError: the plan cannot be pickled.
    """

    def __init__(
        self,
        plan: Workable,
        workers: int,
        *,
        timeout_seconds: float | None = None,
        is_lenient: bool = False,
        kept: KeptProcesses | None = None,
    ) -> None:
        if plan.limits and workers != 1:
            raise ValueError("a limit is counted in order, by one worker")
        self.lanes = 1 if plan.limits else workers + 1
        self._plan = plan
        self._pickled = _pickled(plan)
        self._is_settled = asyncio.Event()
        if not plan.is_open:
            self._is_settled.set()
        self._limits = plan.limits
        self._timeout_seconds = timeout_seconds
        self._is_lenient = is_lenient
        self._kept = kept
        self._permits = asyncio.Semaphore(workers)
        self._turns = open(anonymous_file(), "rb", buffering=0)  # noqa: SIM115  # closed by close()
        self._idle: list[WorkerProcess] = []
        self._processes: set[WorkerProcess] = set()

    record_latency = None

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes there are."""
        return tuple(process.pid for process in self._processes)

    async def run(self, chunk: Chunk, emit: Emit) -> ChunkResult:
        """Run the plan on one chunk, emitting its output in parts.

        If this is cancelled or `emit` fails, the process that was at work on it is killed.

        Raises:
            WorkerDiedError: the process died, and so did the next one.
            WorkerError: the plan cannot be loaded, raised something that does not pickle or that
                ends processes, or gave other output when it was run again.
            Exception: whatever the plan raised; its last note is the traceback in the process.
        """
        output = _Output(emit)
        if chunk.sequence != 0:
            await self._is_settled.wait()
        async with self._permits:
            last_part, outcome = await self._run_until_it_ends(chunk, output)
        await output.emit(last_part)
        if isinstance(outcome, Failed):
            raise outcome.error()
        output.end()
        self._limits = outcome.left_of(self._limits)
        if not self._is_settled.is_set():
            self._pickled = _pickled(self._plan.settled(outcome.new_columns))
            self._is_settled.set()
        return outcome

    async def close(self) -> None:
        """End the processes: idle ones when they have closed the plan, all others at once.

        Idle ones that are to outlast the engine stay as they are.

        Raises:
            Exception: what a process raised when it closed the plan.
        """
        self._turns.close()
        ending, idle = self._processes, self._idle
        self._processes, self._idle = set(), []
        if self._kept is not None:
            for process in idle:
                self._kept.keep(process)
            ending, idle = ending.difference(idle), []
        for process in ending.difference(idle):
            process.kill()
        leaving = (process.leave() for process in idle)
        failures = await asyncio.gather(*leaving, return_exceptions=True)
        await asyncio.gather(*(process.end() for process in ending))
        for failure in filter(None, failures):
            raise failure

    async def _run_until_it_ends(
        self, chunk: Chunk, output: _Output
    ) -> tuple[bytes, ChunkResult | Failed]:
        """Run a chunk, again where its process dies, and then without the record that it was at."""
        before: WorkerGoneError | None = None
        while True:
            try:
                return await self._run_in_process(chunk, output)
            except WorkerGoneError as gone:
                output.begin_again()
                if before is None:
                    before = gone
                elif self._is_lenient and _is_at_one_place(before, gone, chunk):
                    death = Death(gone.first, gone.last, gone.reason)
                    chunk = replace(chunk, deaths=(*chunk.deaths, death))
                    before = None
                else:
                    raise _died(gone, chunk) from None

    async def _run_in_process(
        self, chunk: Chunk, output: _Output
    ) -> tuple[bytes, ChunkResult | Failed]:
        """Emit all of a chunk's output but the last part; when this returns the process is idle."""
        process = self._take_process()
        try:
            await process.load(self._pickled)
            await process.begin(chunk, self._limits)
            with process.limited_to(self._timeout_seconds):
                part, outcome = await process.step()
                while outcome is None:
                    await output.emit(part)
                    part, outcome = await process.step()
        except WorkerGoneError:
            self._processes.discard(process)
            raise
        except BaseException:
            process.kill()
            raise
        self._idle.append(process)
        return part, outcome

    def _take_process(self) -> WorkerProcess:
        if self._idle:
            return self._idle.pop()
        process = None if self._kept is None else self._kept.take(self._pickled)
        process = process or self._started_process()
        self._processes.add(process)
        return process

    def _started_process(self) -> WorkerProcess:
        try:
            return WorkerProcess(self._turns.fileno())
        except OSError as error:
            raise WorkerError(cannot("start", "a worker process", error)) from error


class _Output:
    """Emits a chunk's output and rejects once, also where they are made again from the start."""

    def __init__(self, emit: Emit) -> None:
        self._streams = _Stream(emit), _Stream(lambda part: emit(RejectLines(part)))

    async def emit(self, part: bytes) -> None:
        """Emit what is new of a part."""
        await self._streams[isinstance(part, RejectLines)].emit(part)

    def begin_again(self) -> None:
        """Expect all that was emitted once more."""
        for stream in self._streams:
            stream.begin_again()

    def end(self) -> None:
        """Check that nothing is missing."""
        for stream in self._streams:
            stream.end()


class _Stream:
    """Emits parts of one kind once, also where they are made a second time from the start.

    The second time has to fit where the first one ended: it must be as long and end alike there.
    To compare all of it would take a checksum of all output, a tenth of the parent's work.
    """

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._emitted_bytes = 0
        self._seam = b""  # the end of what was emitted
        # Of what was emitted before, how much is still to come again, and the end of what has come.
        self._repeated_bytes = 0
        self._repeated_seam = b""

    async def emit(self, part: bytes) -> None:
        """Emit what is new of a part."""
        if self._repeated_bytes:
            part = self._new_in(part)
        if part:
            self._emitted_bytes += len(part)
            self._seam = _end_of(self._seam, part)
            await self._emit(part)

    def begin_again(self) -> None:
        """Expect all that was emitted once more."""
        self._repeated_bytes, self._repeated_seam = self._emitted_bytes, b""

    def end(self) -> None:
        """Check that nothing is missing."""
        if self._repeated_bytes:
            raise _differs()

    def _new_in(self, part: bytes) -> bytes:
        known, new = part[: self._repeated_bytes], part[self._repeated_bytes :]
        self._repeated_bytes -= len(known)
        self._repeated_seam = _end_of(self._repeated_seam, known)
        if not self._repeated_bytes and self._repeated_seam != self._seam:
            raise _differs()
        return new


def _end_of(before: bytes, part: bytes) -> bytes:
    return part[-_SEAM_BYTES:] if len(part) >= _SEAM_BYTES else (before + part)[-_SEAM_BYTES:]


def _differs() -> WorkerError:
    return WorkerError(
        "a worker process died, and its chunk gave other output when it was run again; "
        "the output for a record must not depend on time, chance or the records before"
    )


def _is_at_one_place(before: WorkerGoneError, gone: WorkerGoneError, chunk: Chunk) -> bool:
    """Tell whether two processes died at the same records, and these were to be tried."""
    place = gone.first, gone.last
    is_known = gone.first != position.UNKNOWN
    is_new = all((death.first, death.last) != place for death in chunk.deaths)
    return is_known and is_new and (before.first, before.last) == place


def _died(gone: WorkerGoneError, chunk: Chunk) -> WorkerDiedError:
    """Name the record or batch if the plan has noted where it was, else the lines of the chunk."""
    source = None if chunk.file is None else chunk.file.name
    if gone.first == position.UNKNOWN:
        size_bytes = len(chunk.data)
        lines = count_lines(chunk.data, size_bytes)
        ends_with_line_end = chunk.data[size_bytes - 1 :] == b"\n"
        last_line = chunk.line + lines - ends_with_line_end
        return WorkerDiedError(gone.reason, chunk.line, last_line, chunk.offset, source)
    first_line, last_line = (
        chunk.line + count_lines(chunk.data, at) for at in (gone.first, gone.last)
    )
    return WorkerDiedError(gone.reason, first_line, last_line, chunk.offset + gone.first, source)


def _pickled(plan: Workable) -> bytes:
    try:
        return pickle.dumps(plan)
    except Exception as error:  # pickling raises whatever an object's methods raise
        raise UsageError(
            f"what worker processes are to run cannot be pickled ({error}); "
            "define functions at the top level of a module, not within others or as a lambda"
        ) from error
