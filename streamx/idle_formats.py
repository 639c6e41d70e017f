"""Idle options of file formats: what can have no effect on one, or is not known to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from streamx.compression import CompressionName, compression_of
from streamx.errors import UsageError

if TYPE_CHECKING:
    from streamx.formats import FileFormat
    from streamx.job import Job

_COMPRESSIONS = (*get_args(CompressionName), "none")
_LINES = "CSV, TSV or JSONL"

# As in streamx.idle.
_Check = tuple[bool, bool, str, str]


def file_format_checks(job: Job) -> list[_Check]:
    """Return the checks of a job's formats.

    Raises:
        UsageError: one is only read, or only written.
    """
    writes = job.writes
    for reads in job.formats_read:
        if reads is not None and reads.source is None:
            raise UsageError(
                f"{reads.title} is only written, not read; name another input or --from"
            )
    if writes is not None and writes.sink is None:
        raise UsageError(f"{writes.title} is only read, not written; name another output or --to")
    return [*_input_checks(job), *_output_checks(job, writes)]


def _input_checks(job: Job) -> list[_Check]:
    formats = job.formats_read
    others = [each for each in formats if each is not None]
    rows = [_takes(each, "skip_lines") for each in formats]
    needed = f"{_LINES} input, not {title_of(others[0] if others else None)}"
    is_text = any(each is None or each.is_text for each in formats)
    return [
        (
            job.sheet is not None,
            any(_takes(each, "sheet") for each in formats),
            "--sheet",
            "Excel input: --from excel, or a name that ends with .xlsx, .xlsb, .xls or .ods",
        ),
        (job.is_on_cluster, not others, "--engine dask", f"{needed}, which cannot be split"),
        (
            job.records_at is not None,
            any(_takes(each, "records_at") for each in formats),
            "--records-at",
            "--paginate or JSON input: --from json, or a name that ends with .json",
        ),
        (job.encoding is not None, is_text, "--encoding", needed),
        (job.on_full is not None, is_text, "--on-full", needed),
        (
            job.skip_lines > 0 and any(rows),
            all(rows),
            "--skip-lines",
            "files that all have lines, or all rows",
        ),
        (job.skip_lines > 0, any(rows) or not others, "--skip-lines", needed),
        *_packed_checks(job),
    ]


def _packed_checks(job: Job) -> list[_Check]:
    """Return the checks of files that are compressed although their format is not read in order."""
    return [
        (
            True,
            reads is None or reads.is_streamed,
            name if job.is_many else "INPUT",
            f"to be decompressed first, since {title_of(reads)} is not read from its start to its "
            "end",
        )
        for name, reads in job.compressed_files
    ]


def _output_checks(job: Job, writes: FileFormat | None) -> list[_Check]:
    title = title_of(writes)
    option = "--resume" if job.resume else "--checkpoint"
    needed = f"{_LINES} output"
    is_text = writes is None or writes.is_text
    return [
        (job.is_on_cluster, writes is None, "--engine dask", f"{needed}, not {title}"),
        (job.is_checkpointed, writes is None, option, f"{needed}; {title} cannot be continued"),
        *_compression_checks(job, writes),
        (job.line_buffered, is_text, "--line-buffered", f"{needed}, not {title}"),
        (
            job.row_group_bytes is not None,
            _takes(writes, "row_group_bytes"),
            "--row-group-size",
            "Parquet output: --to parquet, or a name that ends with .parquet",
        ),
    ]


def _compression_checks(job: Job, writes: FileFormat | None) -> list[_Check]:
    within = () if writes is None else writes.compressions
    known = within or _COMPRESSIONS
    has_levels = bool(within) and job.compress in ("gzip", "zstd")
    return [
        (
            job.compression_level is not None,
            job.compressing is not None or has_levels,
            "--compression-level",
            "a compressed output: --compress, or a name that ends with .gz, .bz2, .xz or .zst",
        ),
        (
            job.compress is not None,
            job.compress in known,
            f"--compress {job.compress}",
            f"an output that knows it; this one takes {', '.join(known)}",
        ),
        (
            compression_of(job.output_name) is not None,
            not within,
            "OUTPUT",
            f"a name without that ending, since {title_of(writes)} is compressed within the file: "
            "say --compress",
        ),
    ]


def _takes(format: FileFormat | None, option: str) -> bool:
    return format is not None and option in format.options


def title_of(format: FileFormat | None) -> str:
    """Return what to call a format, nothing for one that is read and written as it is."""
    return "" if format is None else format.title
