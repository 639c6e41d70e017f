"""FileRunner: runs a Plan on chunks of files that differ, each as its file needs it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

from streamx.chunk import Chunk, ChunkResult, FileOfInput
from streamx.codec.layout import Part
from streamx.transform.plan import Plan, Runner
from streamx.transform.programs import named


class FileRunner:
    """A Plan in one worker, with the layout of one file at a time.

    It is kept from chunk to chunk, since codecs know a layout again by its identity.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._file: FileOfInput | None = None
        self._runner: Runner = plan

    def run(self, chunk: Chunk, limits: tuple[int, ...] = ()) -> Generator[Part, None, ChunkResult]:
        """Convert a chunk: yield bounded parts of output, return what it amounted to."""
        assert chunk.file is not None, "a plan for several files gets chunks of such"
        if chunk.file != self._file:
            self._runner, self._file = self._runner_of(chunk.file), chunk.file
        return self._runner.run(chunk, limits)

    def _runner_of(self, file: FileOfInput) -> Runner:
        layout = self._plan.shapes[file.shape] if self._plan.shapes else self._plan.layout
        own = replace(self._plan, layout=named(layout, file), shapes=())
        if own.lenience is None:
            return own
        from streamx.transform.lenient_plan import LenientRunner

        return LenientRunner(own, own.lenience)
