"""Resuming: what a run is made of, and in what it differs from the one that wrote a checkpoint."""

from __future__ import annotations

import hashlib
import inspect
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any

from streamx.errors import InputError, UsageError, cannot
from streamx.job import Job
from streamx.transform.functions import Apply
from streamx.write.checkpoint import Block, Checkpoint

_BLOCK_BYTES = 64 * 1024
# Of many files, less will do; there may be ten thousand, and all stand in each checkpoint.
_FIRST_BYTES = 4096
_DIGITS = 16
# Options on which no byte of the output or of the rejects depends.
_WITHOUT_EFFECT = frozenset(
    {
        "input", "inputs", "output", "workers", "chunk_size_bytes", "buffer_chunks", "buffer_bytes",
        "max_memory_bytes",
        "line_buffered", "concurrency", "rate", "batch_wait_seconds", "summary", "metrics",
        "report", "progress", "lock", "lock_file", "fsync", "backup", "checkpoint", "resume",
        "allow_growth",
        "checkpoint_interval_seconds", "engine", "scheduler", "client", "split_retries",
    }
)  # fmt: skip


def block_of(data: bytes | memoryview) -> Block:
    """Return what a block of bytes is known by."""
    return Block(len(data), hashlib.sha256(data).hexdigest())


def input_of(path: str) -> dict[str, int]:
    """Return the identity of an input file.

    Raises:
        UsageError: it is no file on disk, so it cannot be read again.
        InputError: there is none.
    """
    try:
        status = os.stat(path)
    except OSError as error:
        raise InputError(cannot("open", path, error)) from error
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(f"--checkpoint and --resume need an input that is a file; {path} is none")
    return {
        "size_bytes": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "device": status.st_dev,
        "inode": status.st_ino,
    }


def files_of(job: Job) -> tuple[str, ...]:
    """Return what each file of an input is known by, if it may be several: a digest in hexadecimal.

    Raises:
        UsageError, InputError: see `input_of`.
    """
    if not job.is_many:
        return ()
    return tuple(_digest_of(file.path) for file in job.files or ())


def _digest_of(path: str) -> str:
    known = path, sorted(input_of(path).items()), first_block_of(path, _FIRST_BYTES)
    return hashlib.sha256(repr(known).encode(errors="surrogateescape")).hexdigest()[:_DIGITS]


def first_block_of(path: str, size_bytes: int = _BLOCK_BYTES) -> Block:
    """Return the first bytes of a file, as they are on disk."""
    try:
        with open(path, "rb") as file:
            return block_of(file.read(size_bytes))
    except OSError as error:
        raise InputError(cannot("read", path, error)) from error


def options_of(job: Job) -> dict[str, str]:
    """Return the options that the output depends on, where they are not as by default."""
    chosen = {}
    for option in fields(job):
        default = option.default if option.default_factory is MISSING else option.default_factory()
        value = getattr(job, option.name)
        if option.name not in _WITHOUT_EFFECT and value != default:
            chosen[option.name] = _text(value)
    chosen["operations"] = _text(job.chain)
    if job.add_source is not None:  # then what the files are called is written
        chosen["add_source"] += f" for {_text(job.inputs or [job.input])}"
    return chosen


def functions_of(job: Job) -> dict[str, str]:
    """Return a digest of the file that each function stands in; what it imports is not looked at.

    Raises:
        InputError: a file cannot be read.
    """
    digests = {}
    for step in job.chain:
        if not isinstance(step, Apply):
            continue
        try:
            path = inspect.getsourcefile(inspect.unwrap(step.load()))
        except TypeError:  # it is not written in Python
            path = None
        if path is None:
            continue
        try:
            with open(path, "rb") as file:
                digests[step.name] = hashlib.sha256(file.read()).hexdigest()
        except OSError as error:
            raise InputError(cannot("read", path, error)) from error
    return digests


def differences(
    before: Checkpoint, job: Job, now: Checkpoint, *, allows_growth: bool
) -> Iterator[str]:
    """Say in what a run differs from the one before, as far as it matters.

    Args:
        before: what the run before was.
        job: the run.
        now: what it is; its columns and its end are not looked at.
        allows_growth: the input may have become longer.
    """
    if before.version != now.version:
        yield f"it was written by streamx {before.version}, and this is {now.version}"
    if job.is_many or before.files:
        yield from _file_differences(before.files, now.files, job.file_names)
    else:
        yield from _input_differences(before, job.input, now.input, allows_growth=allows_growth)
    for name in sorted({*before.options, *now.options}):
        was, is_ = before.options.get(name), now.options.get(name)
        if was != is_:
            yield f"option {name} was {was or 'not given'}, and is {is_ or 'not given'}"
    for name in sorted({*before.functions, *now.functions}):
        if before.functions.get(name) != now.functions.get(name):
            yield f"the file of function {name} has changed"


def _file_differences(
    before: Sequence[str], now: Sequence[str], names: Sequence[str]
) -> Iterator[str]:
    if len(before) != len(now):
        yield f"the input was of {len(before):,} files, and is of {len(now):,}"
    for was, is_, name in zip(before, now, names, strict=False):
        if was != is_:
            yield f"{name} is another file than it was, or has been written to since"
            return


def _input_differences(
    before: Checkpoint, path: str, now: Mapping[str, int], *, allows_growth: bool
) -> Iterator[str]:
    was_bytes, is_bytes = before.input["size_bytes"], now["size_bytes"]
    if is_bytes < was_bytes or (is_bytes > was_bytes and not allows_growth):
        hint = "; --allow-growth goes on in a file to which records are added"
        yield (
            f"{path} had {was_bytes:,} bytes, and has {is_bytes:,}"
            f"{hint if is_bytes > was_bytes else ''}"
        )
    elif is_bytes == was_bytes and before.input["mtime_ns"] != now["mtime_ns"]:
        yield f"{path} has been written to since"
    if any(before.input[each] != now[each] for each in ("device", "inode")):
        yield f"{path} is another file than it was (its inode differs)"
    elif first_block_of(path, before.first.size_bytes) != before.first:
        yield f"the first {before.first.size_bytes:,} bytes of {path} have changed"


def _text(value: Any) -> str:
    if isinstance(value, Apply):
        return f"Apply({value.name!r})"
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, Mapping):
        return repr({str(name): _text(each) for name, each in sorted(value.items())})
    if isinstance(value, os.PathLike):
        return repr(os.fspath(value))
    return repr(value)
