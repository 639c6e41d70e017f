"""Checkpoint: how far a run has come, in a file from which another can go on."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from streamx.errors import InputError, OutputError, cannot
from streamx.write.publish import Target

_FORMAT = 3
# What no run writes; a file that is larger is something else.
_MOST_BYTES = 64 * 1024 * 1024
_MOST_BLOCK_BYTES = 1024 * 1024
_MOST_NUMBER = 2**63 - 1  # as far as a file can reach
_IDENTITY = ("size_bytes", "mtime_ns", "device", "inode")


@dataclass(frozen=True, slots=True)
class Block:
    """Some bytes of the input, by which it is known again.

    Attributes:
        size_bytes: how many.
        sha256: their digest, in hexadecimal.
    """

    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Kept:
    """How much of an output a later run keeps.

    Attributes:
        size_bytes: the length of what was written, before compression.
        file_bytes: where in the file writing begins again: at that length, or, where the file is
            compressed, at the start of a block.
        tail: the last of what was written, before compression, from there on.
    """

    size_bytes: int
    file_bytes: int = 0
    tail: bytes = b""


@dataclass(frozen=True, slots=True)
class Committed:
    """What a run amounts to up to the end of one of its chunks.

    Attributes:
        offset, line: where the next record starts, in the decoded input.
        last: the bytes before it.
        ends_with_line_end: the last record has its line end, so it cannot become longer.
        output, rejects: how much of them belongs to what was read.
        limits: how many records may still pass each limit.
        new_columns: what the first results added to the columns.
        totals: what was counted, see Totals.state.
        file: the number of the file that offset and line are in, where there are several.
    """

    offset: int
    line: int
    last: Block
    ends_with_line_end: bool
    output: Kept
    rejects: Kept
    limits: tuple[int, ...]
    new_columns: tuple[str, ...]
    totals: Mapping[str, Any]
    file: int = 0


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint file holds.

    Attributes:
        version: of the streamx that wrote it.
        input: size_bytes, mtime_ns, device and inode of the input, or its first file.
        first: the first bytes of that.
        files: what each file is known by, where the input may be several.
        options: those that the output depends on, as texts by name.
        functions: digests of the files that user code stands in, by name.
        columns: the columns of the input, with their types.
        committed: how far the run has come.
        is_complete: the input was read to its end.
    """

    version: str
    input: Mapping[str, int]
    first: Block
    options: Mapping[str, str]
    functions: Mapping[str, str]
    columns: Mapping[str, str]
    committed: Committed
    is_complete: bool = False
    files: tuple[str, ...] = ()
    format: int = field(default=_FORMAT, kw_only=True)

    def to_bytes(self) -> bytes:
        """Return it as JSON, with a digest of the rest, by which damage is seen."""
        value = asdict(self)
        for kept in (value["committed"]["output"], value["committed"]["rejects"]):
            kept["tail"] = base64.b64encode(kept["tail"]).decode()
        return json.dumps(value | {"sha256": _digest(value)}, indent=1).encode() + b"\n"

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Read what `to_bytes` gave.

        Raises:
            ValueError: it is something else.
        """
        try:
            value = json.loads(content)
        except RecursionError:
            raise ValueError("nested too deeply") from None
        if not isinstance(value, dict) or value.get("format") != _FORMAT:
            raise ValueError(f"not a checkpoint of format {_FORMAT}")
        if value.pop("sha256", None) != _digest(value):
            raise ValueError("it is damaged: sha256 does not fit the rest")
        if missing := [name for name in _IDENTITY if name not in value["input"]]:
            raise ValueError(f"no {missing[0]} of the input")
        committed = _fitting(Committed, value["committed"])
        committed["last"] = _block(committed["last"])
        for name in ("output", "rejects"):
            committed[name] = _kept(committed[name])
        for name in ("limits", "new_columns"):
            committed[name] = tuple(committed[name])
        if committed["last"].size_bytes > committed["offset"]:
            raise ValueError("last is longer than what comes before it")
        whole = _fitting(cls, value)
        whole["first"] = _block(whole["first"])
        whole["files"] = tuple(whole["files"])
        whole["committed"] = Committed(**committed)
        return cls(**whole)


class CheckpointFile:
    """A checkpoint's place on disk, which holds the old one or all of the new one.

    Args:
        target: where it goes.
    """

    def __init__(self, target: Target) -> None:
        self.name = target.name
        self._target = target

    def load(self) -> Checkpoint | None:
        """Return the checkpoint that is there, or None.

        Raises:
            InputError: it cannot be read, or is none.
        """
        try:
            with open(self._target.path, "rb") as file:
                content = file.read(_MOST_BYTES)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InputError(cannot("read the checkpoint", self.name, error)) from error
        try:
            return Checkpoint.from_bytes(content)
        except (ValueError, TypeError, KeyError) as error:
            raise InputError(
                f"{self.name} is no checkpoint that this version of streamx can read ({error}); "
                "name another file, or remove it to begin anew"
            ) from error

    def save(self, checkpoint: Checkpoint) -> None:
        """Put a checkpoint in the place of the one before, durably.

        Raises:
            OutputError: it cannot be written.
        """
        unpublished = self._target.create()
        try:
            try:
                with os.fdopen(unpublished.descriptor, "wb") as file:
                    file.write(checkpoint.to_bytes())
                    file.flush()
                    os.fsync(file.fileno())
                unpublished.publish()
            except OSError as error:
                raise OutputError(cannot("write the checkpoint", self.name, error)) from error
        except BaseException:
            unpublished.discard()
            raise

    def remove(self) -> None:
        """Remove the checkpoint, if there is one.

        Raises:
            OutputError: it cannot be removed.
        """
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._target.path)
        except OSError as error:
            raise OutputError(cannot("remove the checkpoint", self.name, error)) from error


def _digest(value: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, indent=1).encode()).hexdigest()


def _block(value: Any) -> Block:
    block = Block(**_fitting(Block, value))
    if block.size_bytes > _MOST_BLOCK_BYTES:
        raise ValueError(f"a block of {block.size_bytes} bytes")
    return block


def _kept(value: Any) -> Kept:
    known = _fitting(Kept, value)
    return Kept(**known | {"tail": base64.b64decode(known["tail"], validate=True)})


# What stands in each field of the file. Bool is an int, so its fields are looked at first.
_KINDS: dict[str, type | tuple[type, ...]] = {
    "str": str,
    "bool": bool,
    "int": int,
    "bytes": str,
    "tuple[int, ...]": list,
    "tuple[str, ...]": list,
    "Block": dict,
    "Kept": dict,
    "Committed": dict,
    "Mapping[str, Any]": dict,
    "Mapping[str, int]": dict,
    "Mapping[str, str]": dict,
}
_MEMBERS = {"int": int, "str": str}


def _fitting(kind: type, value: Any) -> dict[str, Any]:
    """Return the fields of a dataclass as they stand in JSON, each of its own kind."""
    if not isinstance(value, dict):
        raise ValueError(f"no {kind.__name__.lower()} in it")
    known = {}
    for each in fields(kind):
        found, annotation = value[each.name], str(each.type)
        is_wrong_bool = isinstance(found, bool) and annotation != "bool"
        if is_wrong_bool or not isinstance(found, _KINDS[annotation]):
            raise ValueError(f"{each.name} is {type(found).__name__}")
        _refuse_other_members(each.name, found, annotation)
        if isinstance(found, int) and not 0 <= found <= _MOST_NUMBER:
            raise ValueError(f"{each.name} is negative or too large")
        known[each.name] = found
    return known


def _refuse_other_members(name: str, found: Any, annotation: str) -> None:
    if annotation.startswith("tuple["):
        member, values = _MEMBERS[annotation[6:9]], found
    elif annotation.startswith("Mapping[") and not annotation.endswith("Any]"):
        member, values = _MEMBERS[annotation[-4:-1]], list(found.values())
    else:
        return
    if not all(isinstance(value, member) and not isinstance(value, bool) for value in values):
        raise ValueError(f"{name} holds something else than {member.__name__}")
