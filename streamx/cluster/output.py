"""The output of a run on a cluster: a directory of parts, of which only one process is the owner.

Workers write files of their own in `_temporary`; the owner gives those that it accepts their names.
So a split that was run twice, as one worker was taken for dead, is in the output once.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from typing import Any

from streamx.cluster.manifest import Manifest, Part
from streamx.cluster.parts import Written
from streamx.cluster.split_run import SplitResult
from streamx.cluster.splits import Split
from streamx.errors import OutputError, cannot
from streamx.transform.plan import AnyPlan

SUCCESS_NAME = "_SUCCESS"
MANIFEST_NAME = "_manifest.json"
_UNFINISHED_NAME = "_manifest.jsonl"
_TEMPORARY_NAME = "_temporary"
_REJECTS_NAME = "_rejects"


class OutputDirectory:
    """A directory that becomes the output of a run, part by part.

    Args:
        path: of the directory.
        suffix: of the names of its parts, such as ".jsonl".
        identity: what the run is known again by.
        is_durable: what is whole is brought to the disk.

    Attributes:
        path: absolute.
        manifest: of what is in its place.
    """

    def __init__(
        self, path: str, suffix: str, identity: Mapping[str, Any], *, is_durable: bool
    ) -> None:
        self.path = os.path.abspath(path)
        self._name = path
        self._suffix = suffix
        self._is_durable = is_durable
        self.manifest = Manifest(self._in(_UNFINISHED_NAME), identity)

    @property
    def temporary(self) -> str:
        """The directory that workers write to."""
        return self._in(_TEMPORARY_NAME)

    def open(self, *, resumes: bool) -> None:
        """Create the directory, or go on in it.

        Raises:
            OutputError: it cannot be created, or holds something already.
            CheckpointError: it holds the parts of another run.
        """
        try:
            os.makedirs(self.path, exist_ok=True)
            names = os.listdir(self.path)
            if resumes and names:
                self._resume(names)
            elif names:
                raise OutputError(
                    f"{self._name} is not empty; --resume goes on with what an earlier run left "
                    "there, or name another output"
                )
            for name in (_TEMPORARY_NAME, _REJECTS_NAME):
                os.makedirs(self._in(name), exist_ok=True)
        except OSError as error:
            hint = "; it is a file, which --concat writes" if os.path.isfile(self.path) else ""
            raise OutputError(cannot("write", self._name, error) + hint) from error
        if not (resumes and names):
            self.manifest.begin()

    def _resume(self, names: list[str]) -> None:
        if _UNFINISHED_NAME not in names:
            self.manifest.restore(self._in(MANIFEST_NAME))
        self.manifest.resume()
        for name in (SUCCESS_NAME, MANIFEST_NAME):
            if name in names:
                os.unlink(self._in(name))
        self.clear_temporary()

    def accept(self, split: Split, result: SplitResult, plan: AnyPlan) -> None:
        """Put what a split has become in its place, as the next part.

        Raises:
            OutputError: that failed.
        """
        output = self._placed(result.output, self._part_name(split))
        rejects = result.rejects
        if rejects is not None:
            rejects = self._placed(rejects, f"{_REJECTS_NAME}/{split.number:05}.jsonl")
        self.manifest.add(Part.of(split, result.result, output, rejects, plan))

    def replace(self, part: Part, result: SplitResult) -> None:
        """Put in the place of a part that was damaged what is the same, made anew.

        Raises:
            OutputError: it is not the same.
        """
        known = part.output.size_bytes, part.output.crc32
        if (result.output.size_bytes, result.output.crc32) != known:
            raise OutputError(
                f"{part.output.path} is not as it was written, and made anew it is another one, "
                "so the parts do not fit together; begin anew with another output"
            )
        self._placed(result.output, part.output.path)
        if part.rejects is not None and result.rejects is not None:
            self._placed(result.rejects, part.rejects.path)

    def files_of(self, part: Part) -> Iterator[Written]:
        """Yield the files of a part, with absolute paths."""
        for file in (part.output, part.rejects):
            if file is not None:
                yield Written(self._in(file.path), file.size_bytes, file.crc32)

    def complete(self, totals: Mapping[str, Any]) -> None:
        """Write the manifest, then the mark of success, and leave nothing else.

        Raises:
            OutputError: that failed.
        """
        self.manifest.complete(self._in(MANIFEST_NAME), totals, is_durable=self._is_durable)
        shutil.rmtree(self._in(_REJECTS_NAME), ignore_errors=True)
        try:
            with open(self._in(SUCCESS_NAME), "wb"):
                pass
            if self._is_durable:
                _sync(self.path)
        except OSError as error:
            raise OutputError(cannot("write", self._in(SUCCESS_NAME), error)) from error

    def output_paths(self) -> Iterator[str]:
        """Yield the paths of all parts, in order."""
        return (self._in(part.output.path) for part in self.manifest)

    def rejects_paths(self) -> Iterator[str]:
        """Yield the paths of the rejects of parts that have some, in order."""
        return (self._in(part.rejects.path) for part in self.manifest if part.rejects is not None)

    def clear_temporary(self) -> None:
        """Remove what workers have written and nobody accepted."""
        shutil.rmtree(self.temporary, ignore_errors=True)

    def remove(self) -> None:
        """Remove all of it."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _part_name(self, split: Split) -> str:
        return f"part-{split.number:05}{self._suffix}"

    def _placed(self, file: Written, name: str) -> Written:
        try:
            os.replace(file.path, self._in(name))
        except OSError as error:
            raise OutputError(cannot("write", self._in(name), error)) from error
        return Written(name, file.size_bytes, file.crc32)

    def _in(self, name: str) -> str:
        return os.path.join(self.path, name)


def _sync(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
