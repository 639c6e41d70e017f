"""The output of a run on a cluster: a folder of parts, of which only one process is the owner.

Workers write drafts; the owner gives those that it accepts their names, and notes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from streamx.cluster.folders import Folder
from streamx.cluster.manifest import Manifest, Part
from streamx.cluster.parts import Draft, Written
from streamx.cluster.split_run import SplitResult
from streamx.cluster.splits import Split
from streamx.errors import CheckpointError, OutputError
from streamx.transform.plan import AnyPlan

_SUCCESS_NAME = "_SUCCESS"
_MANIFEST_NAME = "_manifest.json"
_REJECTS_NAME = "_rejects"
_PART_START = "part-"
_LEAST_DIGITS = 5


class OutputFolder:
    """A folder that becomes the output of a run, part by part.

    Args:
        folder: where it is.
        suffix: of the names of its parts, such as ".jsonl".
        most_parts: how many there may be; so many digits do all names have that they sort.
        identity: what the run is known again by.

    Attributes:
        manifest: of what is in its place.
    """

    def __init__(
        self, folder: Folder, suffix: str, most_parts: int, identity: Mapping[str, Any]
    ) -> None:
        self._folder = folder
        self._suffix = suffix
        self._digits = max(len(str(most_parts - 1)), _LEAST_DIGITS)
        self.manifest = Manifest(folder.log, folder.name, identity)

    def open(self, *, resumes: bool) -> None:
        """Create the folder, or go on in it.

        Raises:
            OutputError: it cannot be created, or holds something already.
            CheckpointError: it holds the parts of another run.
        """
        names = self._folder.open()
        if not names:
            self.manifest.begin()
        elif resumes:
            self._resume(names)
        else:
            raise OutputError(
                f"{self._folder.name} is not empty; --resume goes on with what an earlier run left "
                "there, or name another output"
            )
        self._folder.begin_drafts()

    def _resume(self, names: list[str]) -> None:
        if self._folder.log.name not in names:
            if _MANIFEST_NAME not in names:
                raise CheckpointError(
                    f"{self._folder.name} holds no manifest of a run that could be resumed; name "
                    "another output"
                )
            self.manifest.restore(self._folder.lines(_MANIFEST_NAME))
        self.manifest.resume()
        for name in (_SUCCESS_NAME, _MANIFEST_NAME):
            self._folder.remove(name)

    def draft_paths(self, split: Split, *, has_rejects: bool) -> tuple[str, str | None]:
        """Return where a worker writes the output of a split, and its rejects."""
        output = self._folder.draft_path(self._part_name(split))
        if not has_rejects:
            return output, None
        return output, self._folder.draft_path(self._rejects_name(split))

    async def place(self, split: Split, result: SplitResult, plan: AnyPlan) -> Part:
        """Put what a split has become in its place, as a part that has yet to be noted.

        Raises:
            OutputError: that failed.
        """
        output = await self._folder.place(result.output, self._part_name(split))
        rejects = await self._placed(result.rejects, self._rejects_name(split))
        return Part.of(split, result.result, output, rejects, plan)

    async def replace(self, part: Part, result: SplitResult) -> None:
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
        await self._folder.place(result.output, part.output.path)
        if part.rejects is not None:
            await self._placed(result.rejects, part.rejects.path)

    def files_of(self, part: Part) -> Iterator[Written]:
        """Yield the files of a part, with paths for workers."""
        for file in (part.output, part.rejects):
            if file is not None:
                path = self._folder.path_of(file.path)
                yield Written(path, file.size_bytes, file.crc32, file.tag)

    def complete(self, totals: Mapping[str, Any]) -> None:
        """Write the manifest, then the mark of success, and leave nothing that it does not tell of.

        Raises:
            OutputError: that failed.
        """
        self._folder.write(_MANIFEST_NAME, self.manifest.document(totals))
        self.manifest.remove()
        self._remove_other_parts()
        self._folder.write(_SUCCESS_NAME, ())

    def output_paths(self) -> Iterator[str]:
        """Yield the paths of all parts, in order."""
        return (self._folder.path_of(part.output.path) for part in self.manifest)

    def rejects_paths(self) -> Iterator[str]:
        """Yield the paths of the rejects of parts that have some, in order."""
        rejects = (part.rejects for part in self.manifest)
        return (self._folder.path_of(file.path) for file in rejects if file is not None)

    def remove_drafts(self) -> None:
        """Remove what workers have written and nobody accepted.

        Raises:
            OutputError: that failed.
        """
        self._folder.remove_drafts()

    def remove(self) -> None:
        """Remove all of it."""
        self._folder.remove_all()

    async def _placed(self, draft: Draft | None, name: str) -> Written | None:
        return None if draft is None else await self._folder.place(draft, name)

    def _remove_other_parts(self) -> None:
        """Remove parts that were put in their places and never noted, as their run ended then."""
        for name in self._folder.names():
            number = name.removeprefix(_PART_START).removesuffix(self._suffix)
            if number.isdecimal() and int(number) >= self.manifest.parts:
                self._folder.remove(name)

    def _part_name(self, split: Split) -> str:
        return f"{_PART_START}{split.number:0{self._digits}}{self._suffix}"

    def _rejects_name(self, split: Split) -> str:
        return f"{_REJECTS_NAME}/{split.number:0{self._digits}}.jsonl"
