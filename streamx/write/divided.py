"""DividedFiles: the files of a directory, and what waits in memory to be written to them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING

from streamx.codec import record_start
from streamx.codec.sections import MISSING, SEPARATOR, SectionReader
from streamx.errors import OutputError, UsageError
from streamx.write.appending import Piece, appender_of, sync_all
from streamx.write.file_names import FileNames

if TYPE_CHECKING:
    from streamx.write.directory import DirectoryLayout

# As many as a table may have columns: beyond that a value of each record's own was probably named.
MOST_NAMES = 2**17
# What is known of a file, its name included, and what it costs to hold some of its bytes.
NAME_BYTES = 384
_BUFFER_BYTES = 160
# A file gets so much at once, where it has so much.
_APPENDED_BYTES = 1024 * 1024
_ENDED_AT_A_TIME = 1024


class _File:
    """A file or, where files are numbered, all those of one name.

    Attributes:
        path: relative to the directory, without number and suffix.
        number: of the one that is written to.
        records: that it holds.
    """

    __slots__ = ("number", "path", "records")

    def __init__(self, path: str) -> None:
        self.path = path
        self.number = 0
        self.records = 0


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
        self._files: dict[bytes, _File] = {}
        self._header = b""
        self._buffers: dict[_File, bytearray] = {}
        self._held_bytes = 0
        self._full: list[_File] = []
        self._columns = PresentColumns(layout.by)

    def take(self, parts: Iterable[bytes | memoryview]) -> None:
        """Take parts of sections.

        Raises:
            OSError: a file cannot be written.
            OutputError: there would be too many files.
        """
        for part in parts:
            for label, records, data in self._sections.take(part):
                if records == 0:
                    self._header = bytes(data)
                    continue
                self._columns.note(label, data)
                self._add(self._file_of(label), records, data)
            if self._held_bytes > self._layout.buffer_bytes:
                self._make_room()
        full, self._full = self._full, []
        self._appender.append([self._piece(file) for file in full])

    def end(self) -> None:
        """Write all that waits.

        Raises:
            OSError: a file cannot be written.
            UsageError: no record had one of the columns.
        """
        self._columns.refuse_missing()
        files = iter(self._files.values())
        while some := list(islice(files, _ENDED_AT_A_TIME)):
            self._appender.end([self._piece(file) for file in some])
        self.close()

    def sync(self) -> None:
        """Bring all files to the disk.

        Raises:
            OSError: that failed.
        """
        for file in self._files.values():
            sync_all(self._path_of(file, number) for number in range(file.number + 1))
        sync_all(path for path, _, _ in os.walk(self._directory))

    def close(self) -> None:
        """Give back all but the files."""
        self._appender.close()
        self._buffers.clear()

    def _file_of(self, label: bytes) -> _File:
        label = label.replace(MISSING, b"")  # a column that a record lacks is null
        file = self._files.get(label)
        if file is None:
            by = self._layout.by
            if len(self._files) == MOST_NAMES:
                raise OutputError(
                    f"--partition-by {' and '.join(by)} would make more than {MOST_NAMES:,} files; "
                    "name a column of fewer different values"
                )
            values = [text.decode() for text in label.split(SEPARATOR)] if by else []
            file = self._files[label] = _File(self._names.path_of(values))
        return file

    def _add(self, file: _File, records: int, data: memoryview) -> None:
        """Add records to a file, and begin the next where it has all that it may hold."""
        most = self._layout.records_per_file
        while most is not None and file.records + records > most:
            room = most - file.records
            if room:
                end = record_start(data, self._layout.format, room)
                assert end is not None, "there are more records than room"
                self._hold(file, data[:end])
                records, data = records - room, data[end:]
            self._appender.end([self._piece(file)])
            file.number, file.records = file.number + 1, 0
        self._hold(file, data)
        file.records += records

    def _hold(self, file: _File, data: memoryview) -> None:
        buffer = self._buffers.get(file)
        if buffer is None:
            buffer = self._buffers[file] = bytearray()
            self._held_bytes += _BUFFER_BYTES
        before_bytes = len(buffer)
        if file.records == 0:
            self.count += 1
            buffer += self._header
        buffer += data
        added_bytes = len(buffer) - before_bytes
        self._held_bytes += added_bytes
        self.size_bytes += added_bytes
        if before_bytes < self._appended_bytes <= len(buffer):
            self._full.append(file)

    def _make_room(self) -> None:
        """Write the most that waits for single files, until half of the room is free."""
        by_size = sorted(self._buffers.items(), key=lambda each: len(each[1]), reverse=True)
        pieces: list[Piece] = []
        for file, _ in by_size:
            if self._held_bytes <= self._layout.buffer_bytes // 2:
                break
            pieces.append(self._piece(file))
        self._appender.append(pieces)

    def _piece(self, file: _File) -> Piece:
        """Take what waits for a file."""
        buffer = self._buffers.pop(file, None)
        if buffer is not None:
            self._held_bytes -= len(buffer) + _BUFFER_BYTES
        return self._path_of(file, file.number), buffer or b""

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

    def note(self, label: bytes, data: memoryview) -> None:
        """See the label of some records."""
        if not self._missing:
            return
        if self._first_record is None:
            self._first_record = bytes(data).partition(b"\n")[0]
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
