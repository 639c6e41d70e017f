"""DividedFiles: the files of a directory, and what waits in memory to be written to them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING

from streamx.codec import record_start
from streamx.codec.sections import MISSING, SEPARATOR, SectionReader
from streamx.errors import OutputError, UsageError
from streamx.write.appending import Piece, appender_of
from streamx.write.file_names import FileNames
from streamx.write.syncing import sync_all, sync_file_system

if TYPE_CHECKING:
    from streamx.write.directory import DirectoryLayout

# As many as a table may have columns: beyond that a value of each record's own was probably named.
MOST_NAMES = 2**17
# Numbers of five digits, so that names sort in the order of the records.
MOST_NUMBERS = 100_000
# A longer one is known by its digest.
_LONGEST_LABEL_BYTES = 128
# What it costs to hold any bytes for a file, beside them.
_BUFFER_BYTES = 160
# A file gets so much at once, where it has so much.
_APPENDED_BYTES = 1024 * 1024
_ENDED_AT_A_TIME = 1024
# More files are brought to the disk in one call, which takes a tenth of the time.
_MOST_SYNCED = 1_000


class _File:
    """A file or, where files are numbered, all those of one name.

    Attributes:
        path: relative to the directory, without number and suffix.
        number: of the one that is written to.
        records: that it has been given.
        pending: what waits to be written to it; None: nothing.
    """

    __slots__ = ("number", "path", "pending", "records")

    def __init__(self, path: str) -> None:
        self.path = path
        self.number = 0
        self.records = 0
        self.pending: bytearray | None = None


class DividedFiles:
    """Takes sections, and writes them to files.

    Args:
        directory: where they are.
        layout: what they are.

    Attributes:
        count: how many there are.
        size_bytes: what they hold, before compression, with what waits.
    """

    def __init__(self, directory: str, layout: DirectoryLayout) -> None:
        self.count = 0
        self.size_bytes = 0
        self._directory = directory
        self._layout = layout
        self._appender = appender_of(layout.compressing)
        self._appended_bytes = _appended_bytes(layout)
        self._sections = SectionReader()
        self._names = FileNames(layout.by)
        self._columns = PresentColumns(layout.by)
        self._header = b""
        self._files: list[_File] = []
        self._file_of: dict[bytes, _File] = {}  # by label
        self._full: list[_File] = []
        self._pending_bytes = 0

    def take(self, parts: Iterable[bytes | memoryview]) -> None:
        """Take parts of sections.

        Raises:
            OSError: a file cannot be written.
            OutputError: there would be too many files.
        """
        add = self._add if self._layout.records_per_file is None else self._add_numbered
        for part in parts:
            for label, records, data in self._sections.take(part):
                if records:
                    file = self._file_of.get(label) or self._found_file(label, data)
                    add(file, records, data)
                else:
                    self._header = data
            if self._pending_bytes > self._layout.buffer_bytes:
                self._make_room()
        full, self._full = dict.fromkeys(self._full), []
        self._appender.append([self._piece(file) for file in full])

    def end(self) -> None:
        """Write all that waits.

        Raises:
            OSError: a file cannot be written.
            UsageError: no record had one of the columns.
        """
        self._columns.refuse_missing()
        for start in range(0, len(self._files), _ENDED_AT_A_TIME):
            ending = self._files[start : start + _ENDED_AT_A_TIME]
            self._appender.end([self._piece(file) for file in ending])
        self.close()

    def sync(self) -> None:
        """Bring all files to the disk.

        Raises:
            OSError: that failed.
        """
        if self.count > _MOST_SYNCED and sync_file_system(self._directory):
            return
        for file in self._files:
            sync_all(self._path_of(file, number) for number in range(file.number + 1))
        sync_all(path for path, _, _ in os.walk(self._directory))

    def close(self) -> None:
        """Give back all but the files."""
        self._appender.close()

    def _found_file(self, label: bytes, data: bytes) -> _File:
        """Return the file of a label that is new, long, or lacks columns that others have."""
        self._columns.note(label, data)
        known = label.replace(MISSING, b"")  # a column that a record lacks is null
        is_long = len(known) > _LONGEST_LABEL_BYTES
        key = sha256(known).digest() if is_long else known
        file = self._file_of.get(key)
        if file is None:
            file = self._file_of[key] = self._new_file(known)
        if not is_long:
            self._file_of[label] = file
        return file

    def _new_file(self, label: bytes) -> _File:
        by = self._layout.by
        if len(self._files) == MOST_NAMES:
            raise OutputError(
                f"--partition-by {' and '.join(by)} would make more than {MOST_NAMES:,} files; "
                "name a column of fewer different values"
            )
        values = [text.decode() for text in label.split(SEPARATOR)] if by else []
        self._files.append(_File(self._names.path_of(values)))
        return self._files[-1]

    def _add_numbered(self, file: _File, records: int, data: bytes) -> None:
        """Add records to a file, and begin the next where it has all that it may hold."""
        most, rest = self._layout.records_per_file, memoryview(data)
        assert most is not None, "files are numbered"
        while file.records + records > most:
            room = most - file.records
            end = 0
            if room:
                end = record_start(rest, self._layout.format, room) or 0
                self._add(file, room, rest[:end])
            records, rest = records - room, rest[end:]
            if file.number + 1 == MOST_NUMBERS:
                raise OutputError(
                    f"--split-records {most} would make more than {MOST_NUMBERS:,} files of one "
                    "name; more records in each make fewer"
                )
            self._appender.end([self._piece(file)])
            file.number, file.records = file.number + 1, 0
        self._add(file, records, rest)

    def _add(self, file: _File, records: int, data: bytes | memoryview) -> None:
        """Add records to what waits for a file."""
        pending = file.pending
        if pending is None:
            pending = file.pending = bytearray()
            self._pending_bytes += _BUFFER_BYTES
            if file.records == 0:
                self.count += 1
                pending += self._header
                self._pending_bytes += len(pending)
                self.size_bytes += len(pending)
        pending += data
        self._pending_bytes += len(data)
        self.size_bytes += len(data)
        file.records += records
        if len(pending) >= self._appended_bytes:
            self._full.append(file)

    def _make_room(self) -> None:
        """Write the most that waits for single files, until half of the room is free."""
        waiting = [file for file in self._files if file.pending is not None]
        waiting.sort(key=lambda file: len(file.pending or b""), reverse=True)
        pieces: list[Piece] = []
        for file in waiting:
            if self._pending_bytes <= self._layout.buffer_bytes // 2:
                break
            pieces.append(self._piece(file))
        self._appender.append(pieces)

    def _piece(self, file: _File) -> Piece:
        """Take what waits for a file."""
        pending, file.pending = file.pending, None
        if pending is not None:
            self._pending_bytes -= len(pending) + _BUFFER_BYTES
        return self._path_of(file, file.number), pending or b""

    def _path_of(self, file: _File, number: int) -> str:
        name = file.path
        if self._layout.records_per_file is not None:
            name = os.path.join(name, f"part-{number:05}")
        return os.path.join(self._directory, name + self._layout.suffix)


class PresentColumns:
    """Sees whether any record has the columns that files are named by.

    Args:
        by: the columns.
    """

    def __init__(self, by: tuple[str, ...]) -> None:
        self._missing = dict(enumerate(by))
        self._first_record: bytes | None = None

    def note(self, label: bytes, data: bytes) -> None:
        """See the label of some records."""
        if not self._missing:
            return
        if self._first_record is None:
            self._first_record = data.partition(b"\n")[0]
        for index, text in enumerate(label.split(SEPARATOR)):
            if text != MISSING:
                self._missing.pop(index, None)

    def refuse_missing(self) -> None:
        """Refuse a column that no record had, if there were any.

        Raises:
            UsageError: there is one.
        """
        if self._missing and self._first_record is not None:
            import orjson  # for this alone

            from streamx.nearest import did_you_mean  # likewise

            name, known = next(iter(self._missing.values())), list(orjson.loads(self._first_record))
            raise UsageError(
                f"--partition-by: no record has a column {name!r}{did_you_mean(name, known)}"
            )


def _appended_bytes(layout: DirectoryLayout) -> int:
    """Return how much a file gets at once: enough for all threads that compress."""
    compressing = layout.compressing
    if compressing is None:
        return _APPENDED_BYTES
    return max(_APPENDED_BYTES, compressing.threads * compressing.compression.block_bytes)
