"""The exceptions of streamx, each with the exit code that it stands for.

    StreamxError                 1   anything that ends a run
    ├── UsageError               2   the options cannot work; said before reading
    ├── CheckpointError          1   a run cannot go on where another ended
    ├── LockedError             75   another run holds the lock
    ├── InputError               1   the input cannot be read or decoded
    │   ├── BadRecordError       1   one record is not what its format allows
    │   └── InputOverflowError   1   a live input came faster than it was taken
    ├── FunctionError            1   a user's function failed, or its result cannot be written
    ├── TooManyBadRecordsError   1   more records were bad than may be
    ├── OutputError              1   the output cannot be written
    │   └── ReaderGoneError    141   the process that read our output went away
    ├── ClusterError             1   the cluster was lost, or cannot run the job
    └── WorkerError              1   code in a worker process failed, not by an exception
        └── WorkerDiedError      1   its process died, twice on the same chunk

Every exception pickles, so that it can cross a process boundary unchanged.
"""

from __future__ import annotations

import errno
import os


class StreamxError(Exception):
    """Base of every error that streamx raises on purpose; its text is the whole message."""

    exit_code = 1


class UsageError(StreamxError):
    """The run cannot start: an option or a column name is wrong, or two do not go together."""

    exit_code = 2


class CheckpointError(StreamxError):
    """A run cannot go on where another ended; the text says what is not as it was."""


class LockedError(StreamxError):
    """Another run holds the lock; the code is EX_TEMPFAIL of sysexits.h: try again later."""

    exit_code = 75


class InputError(StreamxError):
    """The input cannot be opened, read, decompressed or decoded."""


class BadRecordError(InputError):
    """A record breaks the rules of its format.

    Attributes:
        source: the input's name as the user gave it.
        line: number of the record's first line, from 1.
        offset: byte position in the (decompressed, UTF-8) input, from 0: the record's, or that of
            the byte at fault where one is.
        found: what was found, as one clause.
        expected: what was expected, and the option that helps.
    """

    def __init__(self, source: str, line: int, offset: int, found: str, expected: str) -> None:
        super().__init__(source, line, offset, found, expected)
        self.source = source
        self.line = line
        self.offset = offset
        self.found = found
        self.expected = expected

    def __str__(self) -> str:
        return (
            f"{self.source}, line {self.line} (byte {self.offset}): "
            f"{self.found}; expected {self.expected}"
        )


class InputOverflowError(InputError):
    """A live input came faster than it was taken, and `--on-full error` ends the run then."""


class FunctionError(StreamxError):
    """A user's function raised an exception, or what it returned cannot be a record.

    Attributes:
        source, line, offset: where the record came from, as in a BadRecordError.
        found: what happened, as one clause.
        expected: what was expected instead, if that says more.
        traceback: of the user's code alone, in lines, if an exception was raised.
    """

    def __init__(
        self, source: str, line: int, offset: int, found: str, expected: str, traceback: str
    ) -> None:
        super().__init__(source, line, offset, found, expected, traceback)
        self.source = source
        self.line = line
        self.offset = offset
        self.found = found
        self.expected = expected
        self.traceback = traceback

    def __str__(self) -> str:
        text = f"{self.source}, line {self.line} (byte {self.offset}): {self.found}"
        if self.expected:
            text += f"; expected {self.expected}"
        return f"{text}\n{self.traceback}" if self.traceback else text


class TooManyBadRecordsError(StreamxError):
    """More records were bad than --max-errors allows."""


class OutputError(StreamxError):
    """The output cannot be created, written or put in place."""


class ReaderGoneError(OutputError):
    """The reader of our output closed its end (SIGPIPE); the run ends without a word."""

    exit_code = 141


class ClusterError(StreamxError):
    """A cluster cannot be reached, was lost, or cannot run the job."""


class WorkerError(StreamxError):
    """Code that ran in a worker process, or the process itself, failed other than by an exception.

    An exception that cannot be pickled becomes one of these too.
    """


class WorkerDiedError(WorkerError):
    """A worker process died, and so did the one that ran the same chunk again.

    Attributes:
        reason: how the second one died, as the rest of a sentence about it.
        line: number of the first line of the record or batch that it was at, or else of its chunk,
            from 1.
        last_line: number of the last line of the chunk or of the first line of the batch's last
            record, or `line` if the record is known.
        offset: byte position of that record, batch or chunk in the (decompressed, UTF-8) input,
            from 0.
        source: the name of its file, where the input may be several.
    """

    def __init__(
        self, reason: str, line: int, last_line: int, offset: int, source: str | None = None
    ) -> None:
        super().__init__(reason, line, last_line, offset, source)
        self.reason = reason
        self.line = line
        self.last_line = last_line
        self.offset = offset
        self.source = source

    def __str__(self) -> str:
        where = f"line {self.line}"
        if self.last_line != self.line:
            where = f"lines {self.line} to {self.last_line}"
        return (
            f"a worker process {self.reason}, and again when it was replaced, "
            f"at {where} (byte {self.offset}) of {self.source or 'the input'}; {self._advice()}"
        )

    def _advice(self) -> str:
        if self.reason.endswith("SIGKILL"):
            return (
                "if the system ran out of memory, use fewer workers or less memory in the function"
            )
        if self.reason.startswith("took longer"):
            return "see what the function waits for there, or allow it more time"
        return "see what the function, or a library that it uses, does there"


# What the words of the system leave open.
_ADVICE = {
    errno.ENOSPC: "; make room there",
    errno.EDQUOT: "; make room there, or have the quota raised",
    errno.EFBIG: "; have the limit on the size of files raised (ulimit -f)",
    errno.EIO: "; the disk or what connects it has failed, see the system's log",
}


def cannot(action: str, path: str | os.PathLike[str], error: OSError) -> str:
    """Say in one line which action failed on which path, in the system's own words, and what helps.

    >>> cannot("write", "out.csv", OSError(28, "No space left on device"))
    'cannot write out.csv: No space left on device; make room there'
    """
    advice = _ADVICE.get(error.errno or 0, "")
    return f"cannot {action} {os.fspath(path) or repr(path)}: {error.strerror or error}{advice}"


def output_error(path: str | os.PathLike[str], error: OSError) -> OutputError:
    """Translate a failed write; a reader that went away is told from a broken device."""
    if error.errno == errno.EPIPE:
        return ReaderGoneError(f"the reader of {os.fspath(path)} went away")
    return OutputError(cannot("write", path, error))
