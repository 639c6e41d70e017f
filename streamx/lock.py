"""Lock: while a run holds it, a second run on the same lock file ends before it has begun."""

from __future__ import annotations

import fcntl
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from streamx.errors import LockedError, OutputError, UsageError, cannot
from streamx.job import Job
from streamx.write.publish import Target

_HOLDER = re.compile(rb"process [0-9]+ on [^\s]+ since [^\s]+\n")
_LONGEST_HOLDER_BYTES = 512


@contextmanager
def locked(job: Job) -> Iterator[None]:
    """Hold the job's lock while the body runs.

    The lock ends with the process, however that ends, and is no process's that this one starts.

    Raises:
        LockedError: another run holds it.
        UsageError: the lock file is another file, or there is nothing that it could be beside.
        OutputError: it cannot be opened or locked.
    """
    path = _path_of(job)
    _refuse_file_of_the_run(job, path)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY, 0o666)
    except OSError as error:
        raise _cannot_lock(path, error) from error
    try:
        _take(descriptor, path)
        try:
            yield
        finally:
            _release(descriptor)
    finally:
        with suppress(OSError):  # what hinders nobody needs no word
            os.close(descriptor)


def _path_of(job: Job) -> str:
    if job.lock_file is not None:
        return os.fspath(job.lock_file)
    if job.writes_directory:
        return f"{job.output_path}.lock"
    target = Target.of(
        job.output, job.input_paths, is_direct=job.is_direct, replaces_input=job.in_place
    )
    if not target.is_replaceable:
        raise UsageError(
            f"--lock has no file to put the lock beside, since the output is {target.name}; "
            "name one with --lock-file"
        )
    # Beside the file itself, so that the same output has the same lock by whatever link.
    return f"{target.path if os.path.islink(target.name) else target.name}.lock"


def _refuse_file_of_the_run(job: Job, path: str) -> None:
    inputs = [("the input", path) for path in job.input_paths]
    for name, other in (*inputs, *job.written, *job.accounts):
        if other is not None and other != "-" and _is_same_file(path, other):
            raise UsageError(f"the lock file and {name} are the same file ({path}); name another")


def _is_same_file(path: str, other: str | os.PathLike[str]) -> bool:
    if os.path.realpath(path) == os.path.realpath(other):
        return True
    with suppress(OSError):  # one of them is not there
        return os.path.samefile(path, other)
    return False


def _take(descriptor: int, path: str) -> None:
    """Lock an open file and write into it who holds it."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise UsageError(f"the lock file {path} is a device, FIFO or the like; name another")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LockedError(
            f"another run holds the lock {path}: {_holder(descriptor)}; "
            "wait until it ends, or end it"
        ) from None
    except OSError as error:
        raise _cannot_lock(path, error) from error
    content = os.pread(descriptor, _LONGEST_HOLDER_BYTES, 0)
    if content and _HOLDER.fullmatch(content) is None:
        raise UsageError(
            f"the lock file {path} holds something else than a lock; it is left as it is, "
            "name another"
        )
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, _own_line(), 0)
    except OSError as error:
        raise OutputError(cannot("write the lock file", path, error)) from error


def _release(descriptor: int) -> None:
    """Let others have the lock, and leave its file.

    If it were removed, a run that had just opened it would lock a file that has no name any more,
    the next run would make a new one, and both would hold "the" lock.
    """
    with suppress(OSError):  # what is written there without a lock hinders nobody
        os.ftruncate(descriptor, 0)
    with suppress(OSError):  # closing does it too, unless a function has forked
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def _own_line() -> bytes:
    since = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    return f"process {os.getpid()} on {os.uname().nodename} since {since}\n".encode()


def _holder(descriptor: int) -> str:
    """Return who holds the lock, as it has written there."""
    content = os.pread(descriptor, _LONGEST_HOLDER_BYTES, 0)
    if _HOLDER.fullmatch(content) is None:  # another program, or one that is about to write it
        return "it has not written there who it is"
    return content.decode(errors="replace").strip()


def _cannot_lock(path: str, error: OSError) -> OutputError:
    return OutputError(
        f"{cannot('lock', path, error)}; name a file that can be locked with --lock-file"
    )
