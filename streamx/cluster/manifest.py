"""Manifest: what each part of an output holds, one line for each, noted as the run goes on."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from streamx.chunk import ChunkResult
from streamx.cluster.folders import Log
from streamx.cluster.parts import Written
from streamx.cluster.splits import Split
from streamx.errors import CheckpointError
from streamx.monitor.report import Totals
from streamx.read.files import InputFile
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
        totals = Totals(split.file.name, plan)
        totals.add(result)
        return cls(
            split.without_secrets(),
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
        totals = Totals(self.split.file.name, plan)
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
        split, rejects = value["split"], value["rejects"]
        return cls(
            Split(**{**split, "file": InputFile(**split["file"])}),
            Written(**value["output"]),
            None if rejects is None else Written(**rejects),
            value["counts"],
            tuple(value["taken"]),
            bool(value["is_last"]),
            tuple(value["new_columns"]),
            tuple(value["bad_places"]),
        )


class Manifest:
    """The parts of a run in order, each noted when it is in its place.

    Memory does not grow with them: who wants to see them again reads the log.

    Args:
        log: where they are noted while the run goes on.
        name: what to call the output in messages.
        identity: what the run is known again by.

    Attributes:
        parts: how many there are.
    """

    def __init__(self, log: Log, name: str, identity: Mapping[str, Any]) -> None:
        self._log = log
        self._name = name
        self._identity = identity
        self.parts = 0

    def begin(self) -> None:
        """Begin anew.

        Raises:
            OutputError: the log cannot be written.
        """
        self.parts = 0
        self._log.begin([_line_of({"format": _FORMAT, "identity": self._identity})])

    def resume(self) -> None:
        """Go on where an earlier run had ended.

        Raises:
            CheckpointError: it was another run, as this one would be.
            OutputError: the log cannot be read.
        """
        lines = self._log.lines()
        try:
            first = json.loads(next(lines))
            before = first["identity"] if first["format"] == _FORMAT else {}
            changed = list(_differences(before, self._identity))
        except (StopIteration, ValueError, TypeError, KeyError, AttributeError) as error:
            raise CheckpointError(
                f"{self._name} has no manifest that this version of streamx can read; name another "
                "output, or remove this one to begin anew"
            ) from error
        if changed:
            raise CheckpointError(
                f"cannot resume from {self._name}, as this run differs in: {', '.join(changed)}; "
                "name another output to begin anew"
            )
        self.parts = sum(1 for _ in lines)
        self._log.resume()

    async def add(self, part: Part) -> None:
        """Add the next part.

        Raises:
            OutputError: the log cannot be written.
        """
        await self._log.append(part.to_line())
        self.parts += 1

    async def flush(self) -> None:
        """Keep all parts that were added.

        Raises:
            OutputError: the log cannot be written.
        """
        await self._log.flush()

    def __iter__(self) -> Iterator[Part]:
        """Yield the parts, in order."""
        lines = self._log.lines()
        next(lines)
        return map(Part.from_line, lines)

    def restore(self, document: Iterator[bytes]) -> None:
        """Make the log again of the lines of what `document` gave.

        Raises:
            OutputError: it cannot be written.
        """
        self._log.begin(_log_of(document))

    def document(self, totals: Mapping[str, Any]) -> Iterator[bytes]:
        """Yield the whole of it as one JSON object, a line for each part."""
        lines = self._log.lines()
        yield next(lines).removesuffix(b"}\n") + b',"parts":[\n'
        separator = b""
        for line in lines:
            yield separator + line.rstrip(b"\n")
            separator = b",\n"
        yield b'\n],"totals":' + _line_of(totals).rstrip(b"\n") + b"}\n"

    def remove(self) -> None:
        """Remove the log.

        Raises:
            OutputError: it is still there.
        """
        self._log.remove()


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Name what differs; of what has names itself also which of these."""
    for name, value in now.items():
        was = before.get(name)
        if was == value:
            continue
        if isinstance(was, dict) and isinstance(value, dict):
            names = sorted(each for each in {*was, *value} if was.get(each) != value.get(each))
            yield f"{name} ({', '.join(names)})"
        else:
            yield name


def _log_of(document: Iterator[bytes]) -> Iterator[bytes]:
    yield next(document).removesuffix(b',"parts":[\n') + b"}\n"
    for line in document:
        if line.startswith(b"{"):
            yield line.rstrip(b",\n") + b"\n"


def _line_of(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"
