"""Manifest: what each part of an output holds, one line for each, written as the run goes on."""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from streamx.chunk import ChunkResult
from streamx.cluster.parts import Written
from streamx.cluster.splits import Split
from streamx.errors import CheckpointError, OutputError, cannot
from streamx.monitor.report import Totals
from streamx.transform.plan import AnyPlan

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the output that is in its place.

    Attributes:
        split: what it was made of.
        output: its file, the path relative to the directory.
        rejects: likewise, or None.
        counts: see Totals.state.
        taken: how many records passed each limit.
        is_last: a limit was reached in it.
        new_columns: what it added to an open header.
        bad_places: see ChunkResult.
    """

    split: Split
    output: Written
    rejects: Written | None
    counts: Mapping[str, Any]
    taken: tuple[int, ...]
    is_last: bool
    new_columns: tuple[str, ...]
    bad_places: tuple[int, ...]

    @classmethod
    def of(
        cls,
        split: Split,
        result: ChunkResult,
        output: Written,
        rejects: Written | None,
        plan: AnyPlan,
    ) -> Part:
        """Return what a split has become."""
        totals = Totals(split.name, plan)
        totals.add(result)
        return cls(
            split,
            output,
            rejects,
            totals.state(),
            result.taken,
            result.is_last,
            result.new_columns,
            tuple(result.bad_places),
        )

    def result(self, plan: AnyPlan) -> ChunkResult:
        """Return the result that it was made of."""
        totals = Totals(self.split.name, plan)
        totals.begin_with(self.counts)
        return replace(
            totals.result(self.split.number),
            taken=self.taken,
            is_last=self.is_last,
            new_columns=self.new_columns,
            bad_places=array("Q", self.bad_places),
        )

    def to_line(self) -> bytes:
        """Return it as a line of JSON."""
        return _line_of(asdict(self))

    @classmethod
    def from_line(cls, line: bytes) -> Part:
        """Read what `to_line` gave.

        Raises:
            ValueError, TypeError, KeyError: it is something else.
        """
        value = json.loads(line)
        rejects = value["rejects"]
        return cls(
            Split(**value["split"]),
            Written(**value["output"]),
            None if rejects is None else Written(**rejects),
            value["counts"],
            tuple(value["taken"]),
            bool(value["is_last"]),
            tuple(value["new_columns"]),
            tuple(value["bad_places"]),
        )


class Manifest:
    """The parts of a run in order, in a file to which each is added as it is put in its place.

    Memory does not grow with them: who wants to see them again reads the file.

    Args:
        path: of the file.
        identity: what the run is known again by.

    Attributes:
        parts: how many there are.
    """

    def __init__(self, path: str, identity: Mapping[str, Any]) -> None:
        self._path = path
        self._identity = identity
        self.parts = 0

    def begin(self) -> None:
        """Begin anew.

        Raises:
            OutputError: the file cannot be written.
        """
        self.parts = 0
        self._write("wb", _line_of({"format": _FORMAT, "identity": self._identity}))

    def resume(self) -> None:
        """Go on where an earlier run had ended, and forget a line that it had not ended.

        Raises:
            CheckpointError: it was another run, as this one would be.
        """
        try:
            with open(self._path, "rb") as file:
                first = json.loads(file.readline())
                before = first["identity"] if first["format"] == _FORMAT else None
                end = file.tell()
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    end += len(line)
                    self.parts += 1
            os.truncate(self._path, end)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise CheckpointError(
                f"{self._path} is no manifest that this version of streamx can read ({error}); "
                "name another output, or remove this one to begin anew"
            ) from error
        before = before or {}
        changed = [name for name, value in self._identity.items() if before.get(name) != value]
        if changed:
            raise CheckpointError(
                f"cannot resume from {self._path}, as this run differs in: {', '.join(changed)}; "
                "name another output to begin anew"
            )

    def add(self, part: Part) -> None:
        """Add the next part.

        Raises:
            OutputError: the file cannot be written.
        """
        self._write("ab", part.to_line())
        self.parts += 1

    def __iter__(self) -> Iterator[Part]:
        """Yield the parts, in order."""
        with open(self._path, "rb") as file:
            file.readline()
            yield from map(Part.from_line, file)

    def restore(self, path: str) -> None:
        """Make the file again of what `complete` made of it, if that is there.

        Raises:
            OutputError: the file cannot be written.
        """
        temporary = f"{self._path}.tmp"
        try:
            with open(path, "rb") as lines, open(temporary, "wb") as file:
                file.write(lines.readline().removesuffix(b',"parts":[\n') + b"}\n")
                for line in lines:
                    if line.startswith(b"{"):
                        file.write(line.rstrip(b",\n") + b"\n")
            os.replace(temporary, self._path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise OutputError(cannot("write", self._path, error)) from error

    def complete(self, path: str, totals: Mapping[str, Any], *, is_durable: bool) -> None:
        """Write the whole of it as one JSON object to another path, and remove this file.

        Raises:
            OutputError: that cannot be written.
        """
        temporary = f"{path}.tmp"
        try:
            with open(self._path, "rb") as lines, open(temporary, "wb") as file:
                head = lines.readline().removesuffix(b"}\n")
                file.write(head + b',"parts":[\n')
                separator = b""
                for line in lines:
                    file.write(separator + line.rstrip(b"\n"))
                    separator = b",\n"
                file.write(b'\n],"totals":' + _line_of(totals).rstrip(b"\n") + b"}\n")
                file.flush()
                if is_durable:
                    os.fsync(file.fileno())
            os.replace(temporary, path)
            os.unlink(self._path)
        except OSError as error:
            raise OutputError(cannot("write", path, error)) from error

    def _write(self, mode: str, line: bytes) -> None:
        try:
            with open(self._path, mode) as file:
                file.write(line)
        except OSError as error:
            raise OutputError(cannot("write", self._path, error)) from error


def _line_of(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"
