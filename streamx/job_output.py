"""JobOutput: what a run writes, as its options say."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import get_args

from streamx.compression import (
    Compressing,
    Compression,
    CompressionName,
    compression_named,
    compression_of,
)
from streamx.formats import FileFormat
from streamx.job_input import JobInput, shown_address
from streamx.sizing import (
    DIVISION_BUFFER_BYTES,
    DIVISION_NAMES_BYTES,
    STORAGE_BYTES,
    STORED_INPUT_BYTES,
    STORED_OUTPUT_BYTES,
    available_cpus,
)
from streamx.storage import is_storage_url
from streamx.values import FormatName, file_format, format_of, record_format

# What a file is to the run, in messages, and its path if there is one.
NamedPath = tuple[str, str | os.PathLike[str] | None]


@dataclass(frozen=True, kw_only=True)
class JobOutput(JobInput):
    """The options of a run, and what follows from them for what it writes, and for both ends."""

    @property
    def output_name(self) -> str:
        """The output as it may be shown, likewise."""
        return shown_address(self.output)

    @property
    def output_path(self) -> str:
        """The output, without the slash that a directory may end with."""
        return self.output.rstrip("/") or self.output

    @property
    def output_format(self) -> str:
        """The name of the output's format, as named or by extension."""
        if self.target_format is None and self.writes_directory:
            return "jsonl"
        return self.target_format or format_of(self.output_name, "output", "--to")

    @property
    def writes(self) -> FileFormat | None:
        """What the output is made by of JSONL; None for CSV, TSV and JSONL itself."""
        return file_format(self.output_format)

    @property
    def target(self) -> FormatName:
        """The format of the output's records."""
        return record_format(self.output_format)

    @property
    def is_divided(self) -> bool:
        """Tell whether the output goes to many files that its records decide."""
        return bool(self.partition_by) or self.split_records is not None

    @property
    def writes_directory(self) -> bool:
        """Tell whether the output is a directory."""
        return self.is_divided or (self.is_on_cluster and not self.concat)

    @cached_property
    def compressing(self) -> Compressing | None:
        """How the output is compressed as a whole, if it is."""
        if self.writes is not None and self.writes.compressions:
            return None
        if self.compress is None:
            by_name = None if self.is_divided else compression_of(self.output_name)
            return self._compressing(by_name, self.compression_level)
        named = next((each for each in get_args(CompressionName) if each == self.compress), None)
        compression = named and compression_named(named)
        return self._compressing(compression, self.compression_level)

    @property
    def compressing_rejects(self) -> Compressing | None:
        """How the rejects are compressed, if they are."""
        if self.rejects is None:
            return None
        return self._compressing(compression_of(os.fspath(self.rejects)), None)

    def _compressing(
        self, compression: Compression | None, level: int | None
    ) -> Compressing | None:
        if compression is None:
            return None
        compressing = Compressing.of(compression, level, available_cpus())
        if self.max_memory_bytes is None:
            return compressing
        return compressing.within(self.max_memory_bytes // 4)

    @property
    def writes_rejects(self) -> bool:
        """Tell whether bad records go to a rejects file."""
        return (self.on_error or (self.rejects and "reject")) == "reject"

    @property
    def is_checkpointed(self) -> bool:
        """Tell whether the run writes checkpoints."""
        return self.checkpoint is not None or (self.resume and not self.is_on_cluster)

    @property
    def checkpoint_path(self) -> str:
        """The checkpoint's file, where there is one."""
        return os.fspath(self.checkpoint or f"{self.output}.checkpoint")

    @property
    def is_locked(self) -> bool:
        """Tell whether the run keeps others away from its lock file."""
        return self.lock or self.lock_file is not None

    @property
    def written(self) -> list[NamedPath]:
        """The files that hold what the run makes, where it makes them."""
        beside = self.writes_rejects and self.output != "-"
        return [
            ("the output", None if self.writes_directory else self.output),
            (
                "the rejects file",
                self.rejects or (f"{self.output_path}.rejects.jsonl" if beside else None),
            ),
            ("the checkpoint", self.checkpoint_path if self.is_checkpointed else None),
        ]

    @property
    def accounts(self) -> list[NamedPath]:
        """The files that tell of the run, where they are asked for."""
        return [("--summary", self.summary), ("--metrics", self.metrics), ("--report", self.report)]

    @property
    def ends_bytes(self) -> int:
        """What inputs and outputs hold that are in a storage, compressed, or many."""
        outputs = [os.fspath(path) for _, path in self.written if path is not None]
        stored = sum(map(is_storage_url, outputs))
        reads = any(map(is_storage_url, self.inputs or (self.input,)))
        ends_bytes = reads * STORED_INPUT_BYTES + stored * STORED_OUTPUT_BYTES
        if ends_bytes:
            ends_bytes += STORAGE_BYTES
        ends_bytes += self.reader_bytes
        ends_bytes += max(each.memory_bytes if each else 0 for each in self.formats_read)
        ends_bytes += self.writes.memory_bytes if self.writes else 0
        written = (self.compressing, self.compressing_rejects)
        ends_bytes += sum(each.held_bytes for each in written if each is not None)
        if self.is_divided:
            # The buffers, and as much again where a part of them is being compressed.
            ends_bytes += self.division_buffer_bytes * (1 if self.compressing is None else 2)
        return ends_bytes + (DIVISION_NAMES_BYTES if self.partition_by else 0)

    @property
    def division_buffer_bytes(self) -> int:
        """What waits in memory for the files of a divided output."""
        if self.max_memory_bytes is None:
            return DIVISION_BUFFER_BYTES
        return min(DIVISION_BUFFER_BYTES, self.max_memory_bytes // 8)
