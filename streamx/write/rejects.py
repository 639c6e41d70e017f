"""The rejects file: written with the care of an output, and there only if a record was bad."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streamx.compression import Compressing
from streamx.errors import OutputError, UsageError, cannot
from streamx.write.compress import compressed
from streamx.write.publish import Target, remove
from streamx.write.sinks import Sink, open_sink

if TYPE_CHECKING:
    from streamx.write.divided import DividedFiles


class NoRejects:
    """Stands for the rejects file of a run that writes none."""

    name = "no rejects file"
    is_empty = True

    async def write(self, parts: Sequence[bytes | memoryview]) -> None:
        raise AssertionError("nothing is rejected in this run")

    async def prepare(self) -> None:
        pass

    async def commit(self) -> None:
        pass

    async def abort(self) -> None:
        pass


class RejectsSink:
    """A sink that, when nothing was written, leaves no file: one from an earlier run is removed.

    Args:
        inner: the file.
        target: what it is to become; None where there can be none of an earlier run.
        is_empty: nothing was written before, either.

    Attributes:
        is_empty: nothing was written.
    """

    def __init__(self, inner: Sink, target: Target | None, *, is_empty: bool = True) -> None:
        self.name = inner.name
        self._inner = inner
        self._target = target
        self.is_empty = is_empty

    async def write(self, parts: Sequence[bytes | memoryview]) -> None:
        self.is_empty = False
        await self._inner.write(parts)

    async def prepare(self) -> None:
        if not self.is_empty:
            await self._inner.prepare()

    async def commit(self) -> None:
        if not self.is_empty:
            await self._inner.commit()
            return
        await self._inner.abort()
        if self._target is not None:
            await asyncio.to_thread(remove_rejects, self._target)

    async def abort(self) -> None:
        await self._inner.abort()


def remove_rejects(target: Target) -> None:
    """Remove the rejects file of an earlier run, if it is there, and may be removed.

    Raises:
        OutputError: it is still there.
    """
    if target.is_stored:
        from streamx.write.stored_sink import remove_stored  # with all that a storage takes

        remove_stored(target.path)
    elif target.is_replaceable:
        try:
            remove(target.path, is_durable=target.is_durable)
        except OSError as error:
            raise OutputError(
                f"{cannot('remove', target.name, error)}; it is of an earlier run, and the "
                "output has its new content"
            ) from error


def rejects_target(
    path: str | os.PathLike[str] | None, input_path: str | tuple[str, ...], output: Target
) -> Target:
    """Return where rejects shall go: to the path, or else beside the output.

    Raises:
        UsageError: it is the input or the output, or there is nothing that they could be beside.
        OutputError: it is a directory, or lies in none.
    """
    if path is None:
        if not output.is_replaceable and not output.is_stored:
            raise UsageError(
                f"--on-error reject has no file to put rejects beside, since the output is "
                f"{output.name}; name one with --rejects"
            )
        path = f"{output.path if output.is_stored else output.name}.rejects.jsonl"
    target = Target.of(os.fspath(path), input_path, is_direct=False, is_durable=output.is_durable)
    if (target.path, target.descriptor) == (output.path, output.descriptor):
        raise UsageError(f"the rejects and the output are both {output.name}; name another file")
    return target


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a run writes: its output, and maybe a rejects file, which stand or fall together.

    Attributes:
        output, rejects: the sinks of both.
        rejects_name: what to call the rejects file, or None if there is to be none.
        files: of an output that is divided, counts them and their bytes.
    """

    output: Sink
    rejects: RejectsSink | NoRejects
    rejects_name: str | None = None
    files: DividedFiles | None = None

    @classmethod
    async def beside(
        cls, output: Sink, rejects: Target | None, compressing: Compressing | None = None
    ) -> Outputs:
        """Open the rejects file, if there is to be one, beside an open output.

        Args:
            output: the output.
            rejects: where rejects go.
            compressing: how to compress them, if they are compressed.

        Raises:
            OutputError: it cannot be opened; then the output is given up.
        """
        if rejects is None:
            return cls(output, NoRejects())
        try:
            sink = await open_sink(rejects)
        except BaseException:
            await output.abort()
            raise
        sink = compressed(sink, compressing)
        return cls(output, RejectsSink(sink, rejects), rejects.name)

    async def commit(self) -> None:
        """Make both whole; rejects come first and go last, so that no record is in neither.

        Both are on the disk before one is put in its place, since little can fail behind that.
        """
        await self.rejects.prepare()
        await self.output.prepare()
        if self.rejects.is_empty:
            await self.output.commit()
            await self.rejects.commit()
        else:
            await self.rejects.commit()
            await self.output.commit()

    async def abort(self, *, keeps_rejects: bool) -> None:
        """Take back both, or the output alone, where the rejects say why the run has failed."""
        try:
            if keeps_rejects:
                await self.rejects.commit()
            else:
                await self.rejects.abort()
        finally:
            await self.output.abort()
