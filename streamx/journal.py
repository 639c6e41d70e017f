"""Journal: follows a run to the ends of its chunks, and writes down how far it has come."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import streamx
from streamx.chunk import Chunk, ChunkResult, Place, RejectLines
from streamx.codec.layout import Part
from streamx.descriptors import uninterrupted
from streamx.errors import CheckpointError, StreamxError, UsageError
from streamx.flow import together
from streamx.job import Job
from streamx.monitor.report import Totals
from streamx.read.reader import ChunkReader
from streamx.resume import (
    block_of,
    differences,
    files_of,
    first_block_of,
    functions_of,
    input_of,
    options_of,
)
from streamx.transform.plan import AnyPlan
from streamx.transform.resolve import Resolution
from streamx.write.checkpoint import Block, Checkpoint, CheckpointFile, Committed, Kept
from streamx.write.partial import Partial, open_partial, partial_path, restore_partial
from streamx.write.publish import Target
from streamx.write.rejects import NoRejects, Outputs, RejectsSink

_LAST_BYTES = 4096
_INTERVAL_SECONDS = 5.0
# A run that is quicker than that is written down after so much output.
_INTERVAL_BYTES = 1024 * 1024 * 1024
# Ends of chunks that wait until their output is safe: of more every second one will do.
_MOST_REACHED = 256
_START = Committed(0, 1, Block(0, ""), True, Kept(0), Kept(0), (), (), {})


@dataclass(frozen=True, slots=True)
class _End:
    """The end of a chunk: where it is in the input, and its last bytes."""

    place: Place
    last: Block
    ends_with_line_end: bool


class Journal:
    """What a run does to be resumed.

    At any time it knows the ends of the last chunks, in input order, with all that a run needs to
    go on there. The newest of them whose output is safely in the partial file is what a checkpoint
    holds; nobody waits for one to be written.

    Args:
        job: the run.
        file: the checkpoint's file.
        checkpoint: what the run is, and where it begins.
        before: the checkpoint from which the run goes on, or None.
    """

    def __init__(
        self, job: Job, file: CheckpointFile, checkpoint: Checkpoint, before: Checkpoint | None
    ) -> None:
        self.is_resumed = before is not None
        self._has_grown = before is not None and before.input != checkpoint.input
        self._job = job
        self._file = file
        self._checkpoint = checkpoint
        self._start = checkpoint.committed
        self._is_saved = self.is_resumed
        self._ends: dict[int, _End] = {}
        self._reached: deque[Committed] = deque()
        self._output_bytes = self._start.output.size_bytes
        self._rejects_bytes = self._start.rejects.size_bytes
        self._limits = self._start.limits
        self._new_columns = self._start.new_columns
        self._totals: Totals | None = None
        self._output: Partial | None = None
        self._rejects: Partial | None = None
        self._due = asyncio.Event()
        self._has_ended = False
        self._saved_at_bytes = self._output_bytes

    @classmethod
    async def open(cls, job: Job, target: Target, rejects: Target | None) -> Journal:
        """Look for a checkpoint, and check that the run can go on there.

        Raises:
            UsageError: an input or output of this kind cannot be continued.
            CheckpointError: something is not as it was.
        """
        return await asyncio.to_thread(cls._open, job, target, rejects)

    @classmethod
    def _open(cls, job: Job, target: Target, rejects: Target | None) -> Journal:
        for each in (target, rejects):
            if each is not None and not each.is_replaceable:
                raise UsageError(
                    f"--checkpoint and --resume need an output that is a file; {each.name} is none"
                )
            if each is not None:
                _refuse_taken(partial_path(each), job.input_paths)
        file = CheckpointFile(_checkpoint_target(job, target, rejects))
        now = Checkpoint(
            streamx.__version__,
            input_of(job.input_paths[0]),
            first_block_of(job.input_paths[0]),
            options_of(job),
            functions_of(job),
            {},
            _START,
            files=files_of(job),
        )
        before = file.load()  # also where it is not wanted: another file must not be replaced
        if before is None or not job.resume:
            return cls(job, file, now, None)
        found = list(differences(before, job, now, allows_growth=job.allow_growth))
        if found:
            raise _refusal(file.name, "; ".join(found))
        if before.is_complete and not os.path.exists(partial_path(target)):
            cls._take_back(before.committed, target, rejects)
        going_on = replace(now, committed=before.committed, columns=before.columns)
        return cls(job, file, going_on, before)

    @staticmethod
    def _take_back(committed: Committed, target: Target, rejects: Target | None) -> None:
        """Make the outputs of a run that had ended partial ones."""
        if rejects is not None and committed.rejects.size_bytes:
            restore_partial(rejects)
        restore_partial(target)

    async def open_outputs(self, target: Target, rejects: Target | None) -> Outputs:
        """Open the partial outputs at the place where the run begins.

        Raises:
            OutputError: one cannot be opened.
            LockedError: another run is writing one.
            CheckpointError: one holds less than it should.
        """
        start = self._start
        self._output = await open_partial(target, start.output, self._job.compressing)
        if rejects is None:
            return Outputs(self._output, NoRejects())
        try:
            how = self._job.compressing_rejects
            self._rejects = await open_partial(rejects, start.rejects, how)
        except BaseException:
            await self._output.suspend()
            raise
        sink = RejectsSink(self._rejects, rejects, is_empty=start.rejects.size_bytes == 0)
        return Outputs(self._output, sink, rejects.name)

    async def begin(self, resolution: Resolution, reader: ChunkReader) -> Resolution:
        """Stand where the run begins; return what is to be done from there on.

        Args:
            resolution: of the whole run.
            reader: has read no more than the head.

        Raises:
            CheckpointError: the input there is not as it was.
        """
        plan = resolution.plan
        columns = {column.name: str(column.type) for column in plan.layout.columns}
        if not self.is_resumed:
            self._checkpoint = replace(self._checkpoint, columns=columns)
            self._output_bytes += len(plan.header)
            self._limits = plan.limits
            return resolution
        start = self._start
        if list(columns.items()) != list(self._checkpoint.columns.items()):
            found = _changed_columns(self._checkpoint.columns, columns)
            raise _refusal(self._file.name, f"{found}, by its first records")
        place = Place(start.line, start.offset, start.file)
        name = (self._job.file_names or (self._job.input,))[place.file]
        before = await reader.move_to(place, start.last.size_bytes)
        if block_of(before) != start.last:
            raise _refusal(
                self._file.name,
                f"the {start.last.size_bytes:,} bytes before byte {start.offset:,} of {name} "
                "have changed",
            )
        if self._has_grown and not start.ends_with_line_end:
            raise _refusal(
                self._file.name,
                f"the last record of {name} (line {start.line}) had no line end when it was read, "
                "so it may have become longer",
            )
        return _continued(resolution, start)

    def count_in(self, totals: Totals) -> None:
        """Let the totals be those of the whole, with what an earlier run had counted.

        Raises:
            CheckpointError: that cannot be read.
        """
        self._totals = totals
        if self.is_resumed:
            try:
                totals.begin_with(self._start.totals)
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                raise _refusal(self._file.name, f"its totals cannot be read ({error})") from error

    async def noting(
        self, chunks: AsyncIterator[Chunk], reader: ChunkReader
    ) -> AsyncIterator[Chunk]:
        """Pass chunks on, and note where each ends."""
        async for chunk in chunks:
            place = reader.next_place
            if place is not None:
                last = bytes(chunk.data[-_LAST_BYTES:])
                self._ends[chunk.sequence] = _End(place, block_of(last), last.endswith(b"\n"))
            yield chunk

    def take(self, item: Part | ChunkResult) -> None:
        """Take note of what is on its way to the outputs, in input order.

        A result has to be in the totals, and that of a chunk that failed is not to be taken.
        """
        if isinstance(item, RejectLines):
            self._rejects_bytes += len(item)
        elif not isinstance(item, ChunkResult):
            self._output_bytes += len(item)
        else:
            self._reach(item)

    def _reach(self, result: ChunkResult) -> None:
        self._limits = result.left_of(self._limits)
        self._new_columns += result.new_columns
        end = self._ends.pop(result.sequence, None)
        if end is None:
            return
        assert self._totals is not None, "what is counted is known before anything is"
        self._forget_superseded()
        self._reached.append(
            Committed(
                end.place.offset,
                end.place.line,
                end.last,
                end.ends_with_line_end,
                Kept(self._output_bytes),
                Kept(self._rejects_bytes),
                self._limits,
                self._new_columns,
                self._totals.state(),
                end.place.file,
            )
        )
        if len(self._reached) > _MOST_REACHED:
            self._reached = deque(list(self._reached)[::2])
        if self._output_bytes - self._saved_at_bytes >= _INTERVAL_BYTES:
            self._due.set()

    def _is_settled(self, reached: Committed) -> bool:
        assert self._output is not None
        rejects_bytes = 0 if self._rejects is None else self._rejects.settled_bytes
        return (
            reached.output.size_bytes <= self._output.settled_bytes
            and reached.rejects.size_bytes <= rejects_bytes
        )

    def _forget_superseded(self) -> None:
        while len(self._reached) > 1 and self._is_settled(self._reached[1]):
            self._reached.popleft()

    async def run_beside(self, flow: Awaitable[Any]) -> None:
        """Run a flow to its end, and write checkpoints while it runs.

        Raises:
            OutputError: a checkpoint cannot be written.
        """

        async def run() -> None:
            await flow
            self._has_ended = True
            self._due.set()

        await together(run(), self._save_at_intervals())

    async def _save_at_intervals(self) -> None:
        seconds = self._job.checkpoint_interval_seconds or _INTERVAL_SECONDS
        while not self._has_ended:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._due.wait()
            self._due.clear()
            if not self._has_ended:
                await self._save()

    async def _save(self, *, is_complete: bool = False) -> None:
        """Write down the newest end of a chunk whose output could be kept."""
        self._forget_superseded()
        if not self._reached or not self._is_settled(self._reached[0]):
            return
        reached = self._reached[0]
        assert self._output is not None
        self._saved_at_bytes = self._output_bytes
        kept = await self._output.kept(reached.output.size_bytes)
        committed = replace(reached, output=kept)
        await self._output.sync()
        if self._rejects is not None:
            kept = await self._rejects.kept(reached.rejects.size_bytes)
            committed = replace(committed, rejects=kept)
            await self._rejects.sync()
        checkpoint = replace(self._checkpoint, committed=committed, is_complete=is_complete)
        await uninterrupted(asyncio.to_thread(self._file.save, checkpoint))
        self._is_saved = True

    async def commit(self, outputs: Outputs) -> None:
        """Put the outputs in their places; the checkpoint goes, unless the input may grow."""
        for partial in (self._rejects, self._output):
            if partial is not None:
                await partial.prepare()
        if self._job.allow_growth:
            await self._save(is_complete=True)
        else:
            await asyncio.to_thread(self._file.remove)
        await outputs.commit()

    async def suspend(self, outputs: Outputs) -> None:
        """Keep what there is for a later run; where nothing can be kept, remove it."""
        with suppress(StreamxError, OSError):  # what ended the run says more
            await self._save()
        if not self._is_saved:
            await outputs.abort(keeps_rejects=False)
            return
        for partial in (self._rejects, self._output):
            if partial is not None:
                with suppress(OSError):
                    await partial.suspend()


def _refuse_taken(partial: str, inputs: tuple[str, ...]) -> None:
    """Refuse to cut off and write what stands where a partial output would."""
    place = Target.of(partial, inputs, is_direct=False, what="partial output")
    if not place.is_replaceable or os.path.islink(partial):
        raise UsageError(
            f"--checkpoint and --resume need a partial output that is a file; {partial} is none"
        )


def _checkpoint_target(job: Job, target: Target, rejects: Target | None) -> Target:
    """Return where the checkpoint goes, which is a file of its own."""
    path = job.checkpoint_path
    place = Target.of(path, job.input_paths, is_direct=False, what="checkpoint")
    if not place.is_replaceable:
        raise UsageError(f"the checkpoint must be a file; {place.name} is none")
    for each in (target, rejects):
        if each is not None and place.path in (each.path, partial_path(each)):
            raise UsageError(f"the checkpoint and an output are both {path}; name another file")
    return place


def _changed_columns(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    for name in {**before, **now}:
        was, is_ = before.get(name), now.get(name)
        if was != is_:
            return f"column {name} was {was or 'not there'}, and is {is_ or 'not there'}"
    return "the order of the columns has changed"


def _continued(resolution: Resolution, start: Committed) -> Resolution:
    plan: AnyPlan = resolution.plan
    if plan.is_open:
        plan = plan.settled(start.new_columns)
    plan = replace(plan, header=b"", limits=start.limits)  # type: ignore[type-var]  # all are dataclasses
    return replace(
        resolution, plan=plan, start=start.offset, line=start.line, warnings=(), opening_bytes=None
    )


def _refusal(name: str, found: str) -> CheckpointError:
    return CheckpointError(
        f"cannot resume from {name}: {found}. Begin anew without --resume, or remove the checkpoint"
    )
