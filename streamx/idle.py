"""Idle options: one that can have no effect in a run is a mistake, so it is refused."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from streamx.errors import UsageError
from streamx.idle_formats import file_format_checks, title_of
from streamx.read.decode import is_utf8
from streamx.read.http_options import is_url
from streamx.storage import is_s3_key, is_storage_url, is_writable_url
from streamx.transform.functions import Apply
from streamx.transform.operations import Limit, Select, before_records

if TYPE_CHECKING:
    from streamx.job import Job

_CSV = "CSV or TSV"
_TO_JSONL = "CSV or TSV input and JSONL output"

# Whether an option is used, whether it can work, its name, and what it needs.
_Check = tuple[bool, bool, str, str]


def refuse_idle_options(job: Job) -> None:
    """Refuse options that can have no effect.

    Raises:
        UsageError: there is one; the text says what it needs.
    """
    # The ends first: what follows asks for the formats, for which a cluster lists its input.
    checks = (_files_checks, _cluster_checks, _ends_checks, _http_checks, file_format_checks)
    for group in checks:
        _refuse(group(job))
    _refuse(_format_checks(job), lambda: f"; this run goes from {job.source} to {job.target}")
    _refuse([*_call_checks(job), *_checkpoint_checks(job)])


def _refuse(checks: Iterable[_Check], and_so: Callable[[], str] = str) -> None:
    for is_used, can_work, option, needed in checks:
        if is_used and not can_work:
            raise UsageError(f"{option} needs {needed}{and_so()}")


def _files_checks(job: Job) -> list[_Check]:
    inputs = job.inputs or (job.input,)
    is_live, is_web = "-" in inputs, any(map(is_url, inputs))
    several, adds_source = bool(job.inputs), job.add_source is not None
    machine = "a run on this machine"
    return [
        (several, not is_live, "--input", "files, if there are several; - is read alone"),
        (several, not is_web, "--input", "files, if there are several; a web URL is read alone"),
        (adds_source, not is_live and not is_web, "--add-source", "an INPUT of files"),
        (job.headers is not None, not is_live and not is_web, "--headers", "an INPUT of files"),
        (job.headers is not None, not job.is_on_cluster, "--headers", machine),
        (adds_source, not job.is_on_cluster, "--add-source", machine),
        (adds_source, job.nested != "flatten", "--add-source", "no --nested flatten beside it"),
        (job.allow_growth, not job.is_many, "--allow-growth", "one INPUT that is a file"),
    ]


def _cluster_checks(job: Job) -> list[_Check]:
    is_used, dask, machine = job.is_on_cluster, "--engine dask", "a run on this machine"
    has_scheduler = job.scheduler is not None or job.client is not None
    own = "a cluster of its own; with --scheduler, how many there are is decided there"
    return [
        (job.scheduler is not None, is_used, "--scheduler", dask),
        (job.client is not None, is_used, "client", dask),
        (job.client is not None, job.scheduler is None, "client", "no --scheduler beside it"),
        (job.split_size_bytes is not None, is_used, "--split-size", dask),
        (job.split_retries is not None, is_used, "--split-retries", dask),
        (job.concat, is_used, "--concat", dask),
        (is_used, job.input != "-" and not is_url(job.input), dask, "an INPUT of files"),
        (is_used, job.output != "-", dask, "an OUTPUT: a directory or, with --concat, a file"),
        (
            is_used,
            not is_used or job.compressing is None,
            dask,
            "plain output; compress it behind the run",
        ),
        (
            is_used and is_storage_url(job.output),
            is_s3_key(job.output),
            dask,
            "an OUTPUT on disk or in S3, such as s3://BUCKET/A/DIRECTORY",
        ),
        (is_used and job.workers is not None, not has_scheduler, "--workers", own),
        (not job.is_ordered, not is_used, "--unordered", machine),
        (job.is_direct, not is_used, "--direct", machine),
        (job.line_buffered, not is_used, "--line-buffered", machine),
        (job.checkpoint is not None, not is_used, "--checkpoint", machine),
        (job.allow_growth, not is_used, "--allow-growth", machine),
        (
            job.checkpoint_interval_seconds is not None,
            not is_used,
            "--checkpoint-interval",
            machine,
        ),
    ]


def _http_checks(job: Job) -> list[_Check]:
    is_paged = job.http is not None and job.http.paginate is not None
    an_option = "--paginate" if is_paged else "--header, --http-timeout or --http-retries"
    return [
        (job.http is not None, is_url(job.input), an_option, "an http:// or https:// INPUT"),
        (is_paged, job.source == "jsonl", "--paginate", "JSONL, which pages become, not --from"),
        (
            is_paged,
            job.encoding is None or is_utf8(job.encoding),
            "--paginate",
            "UTF-8, as JSON is, not --encoding",
        ),
    ]


def _ends_checks(job: Job) -> list[_Check]:
    reads_url = any(map(is_storage_url, job.inputs or (job.input,)))
    writes_url = is_storage_url(job.output)
    a_resumed = "--resume" if job.resume else "--checkpoint"
    on_disk = [
        (is_storage_url(os.fspath(path)), False, option, "a file on disk, not a URL")
        for option, path in (
            *job.accounts,
            ("--lock-file", job.lock_file),
            ("--checkpoint", job.checkpoint),
        )
        if path is not None
    ]
    written = [
        (
            is_storage_url(url),
            is_writable_url(url),
            option,
            "a path, or a URL of s3:// or gs://, which show a file only when it is whole",
        )
        for option, url in (("OUTPUT", job.output), ("--rejects", os.fspath(job.rejects or "")))
    ]
    return [
        *_in_place_checks(job),
        *_division_checks(job),
        *on_disk,
        *written,
        (is_url(job.output), False, "OUTPUT", "a path, or a URL of s3:// or gs://, not the web's"),
        (job.is_direct, not writes_url, "--direct", "an OUTPUT on disk, not a URL"),
        (
            job.lock and job.lock_file is None,
            not writes_url,
            "--lock",
            "--lock-file with a file on disk, since OUTPUT is a URL",
        ),
        (
            job.is_checkpointed,
            not writes_url,
            a_resumed,
            "an OUTPUT on disk; what was uploaded of a URL is taken back when a run ends early",
        ),
        (job.is_checkpointed, not reads_url, a_resumed, "an INPUT on disk, not a URL"),
    ]


def _in_place_checks(job: Job) -> list[_Check]:
    is_file = job.input != "-" and not is_url(job.input) and not is_storage_url(job.input)
    is_file = is_file and not job.is_many
    is_replaceable = not os.path.exists(job.input) or os.path.isfile(job.input)
    suffix, is_used = job.backup, job.in_place
    return [
        (is_used, is_file and is_replaceable, "--in-place", "one INPUT that is a file on disk"),
        (is_used, job.output == job.input, "--in-place", "no OUTPUT: INPUT is replaced"),
        (is_used, not job.is_direct, "--in-place", "a new file beside INPUT, so no --direct"),
        (is_used, not job.is_on_cluster, "--in-place", "a run on this machine"),
        (is_used, not job.allow_growth, "--in-place", "an INPUT that is not read again"),
        (suffix is not None, is_used, "--backup", "--in-place"),
        (
            suffix is not None,
            bool(suffix) and "/" not in (suffix or ""),
            "--backup",
            "an ending for the file's name, such as .bak",
        ),
    ]


def _division_checks(job: Job) -> list[_Check]:
    if not job.is_divided:
        return []
    option = "--partition-by" if job.partition_by else "--split-records"
    adds_unnamed = job.target != "jsonl" and not job.has_header and job.columns is None
    calls = any(isinstance(operation, Apply) for operation in job.chain)
    files = (("--rejects", job.rejects), ("--lock-file", job.lock_file), *job.accounts)
    beside = "a place outside of OUTPUT, since that directory is there when it is whole"
    return [
        (True, job.output != "-", option, "an OUTPUT: a directory, which is made"),
        (True, not is_storage_url(job.output), option, "an OUTPUT on disk, not a URL"),
        (True, not job.is_on_cluster, option, "a run on this machine"),
        (True, not job.is_direct, option, "a new directory beside OUTPUT, so no --direct"),
        (True, not job.in_place, option, "an OUTPUT of its own, so no --in-place"),
        (
            True,
            not job.is_checkpointed,
            option,
            "a run from start to end: a directory is there when it is whole, so no --resume and no "
            "--checkpoint",
        ),
        (
            True,
            job.writes is None,
            option,
            f"CSV, TSV or JSONL output, not {title_of(job.writes)}",
        ),
        (
            bool(job.partition_by) and calls,
            not adds_unnamed,
            option,
            "--columns, since functions may add columns and without a header they have no names",
        ),
        *(
            (path is not None, not _is_within(path, job.output_path), other, beside)
            for other, path in files
        ),
    ]


def _is_within(path: str | os.PathLike[str] | None, directory: str) -> bool:
    """Tell whether a path on disk is a directory or leads into it."""
    if path is None or is_storage_url(os.fspath(path)) or is_storage_url(directory):
        return False
    real, real_directory = os.path.realpath(path), os.path.realpath(directory)
    return real == real_directory or real.startswith(os.path.join(real_directory, ""))


def _format_checks(job: Job) -> list[_Check]:
    reads_csv, writes_csv = job.source != "jsonl", job.target != "jsonl"
    selects = any(isinstance(operation, Select) for operation in job.chain)
    edits = any(not isinstance(operation, Limit) for operation in job.chain)
    opens = len(before_records(job.chain)) < len(job.chain)
    to_csv, to_json = not reads_csv and writes_csv, reads_csv and not writes_csv
    names_output, decodes = opens and writes_csv, to_json or (opens and reads_csv)
    has_columns, has_extra = job.columns is not None, job.extra_keys is not None
    options = frozenset() if job.writes is None else job.writes.options
    is_table = any(each is not None and "has_header" in each.options for each in job.formats_read)
    return [
        (job.delimiter is not None, reads_csv, "--delimiter", f"{_CSV} input"),
        (job.output_delimiter is not None, writes_csv, "--output-delimiter", f"{_CSV} output"),
        (job.quote is not None, reads_csv or writes_csv, "--quote", _CSV),
        (job.crlf, writes_csv, "--crlf", f"{_CSV} output"),
        (job.escape_formulas, writes_csv, "--escape-formulas", f"{_CSV} output"),
        (job.add_bom, writes_csv, "--add-bom", f"{_CSV} output"),
        (job.sniff, reads_csv, "--sniff", f"{_CSV} input"),
        (
            job.headers is not None,
            reads_csv and job.has_header,
            "--headers",
            f"{_CSV} input with headers",
        ),
        (job.ragged is not None, reads_csv, "--ragged", f"{_CSV} input"),
        (job.lenient, reads_csv, "--lenient", f"{_CSV} input"),
        (not job.has_header, reads_csv or writes_csv or is_table, "--no-header", _CSV),
        (bool(job.pinned_types), decodes or "pinned_types" in options, "--type", _TO_JSONL),
        (job.strict_types, to_json, "--strict-types", _TO_JSONL),
        (bool(job.nulls), decodes, "--null", _TO_JSONL),
        (
            has_columns,
            not reads_csv or names_output,
            "--columns",
            "JSONL input, or functions and CSV output",
        ),
        (
            has_columns,
            writes_csv or edits or "columns" in options,
            "--columns",
            "CSV output or --select",
        ),
        (
            has_extra,
            to_csv or names_output or ("extra_keys" in options and not reads_csv),
            "--extra-keys",
            "JSONL input, or functions, and CSV output",
        ),
        (has_extra, not selects, "--extra-keys", "no --select, which decides"),
        (job.nested is not None, to_csv, "--nested", "JSONL input and CSV output"),
    ]


def _checkpoint_checks(job: Job) -> list[_Check]:
    is_used = job.is_checkpointed
    option = "--resume" if job.resume else "--checkpoint"
    outputs = [job.output, *(os.fspath(path) for _, path in job.written if path is not None)]
    writes_files = any(path != "-" and not is_storage_url(path) for path in outputs)
    return [
        (not job.fsync, writes_files, "--no-fsync", "an output file"),
        (not job.fsync, not is_used, "--no-fsync", f"a run without {option}, which counts on it"),
        (is_used, job.is_ordered, option, "the order of the input, so it goes without --unordered"),
        (is_used, not is_url(job.input), option, "an input file; what the web gives may differ"),
        (is_used, job.input != "-", option, "an input file: standard input cannot be read again"),
        (is_used, job.output != "-", option, "an output file: what was passed on cannot be cut"),
        (is_used, not job.is_direct, option, "a partial output of its own, so no --direct"),
        (job.allow_growth, job.resume, "--allow-growth", "--resume"),
        (
            job.checkpoint_interval_seconds is not None,
            is_used,
            "--checkpoint-interval",
            "--checkpoint or --resume",
        ),
    ]


def _call_checks(job: Job) -> list[_Check]:
    calls = any(isinstance(operation, Apply) for operation in job.chain)
    is_async = job.placement.kind == "loop"
    opens = len(before_records(job.chain)) < len(job.chain)
    has_batches = job.batch_records is not None
    an_async = "a function that is asynchronous (async def)"
    return [
        (
            job.on_full is not None,
            job.input == "-",
            "--on-full",
            "a live standard input; a file or FIFO named as INPUT is read when there is room",
        ),
        (job.lenient, job.ragged != "error", "--lenient", "no --ragged error beside it"),
        (job.rejects is not None, job.writes_rejects, "--rejects", "--on-error reject"),
        (
            job.max_errors is not None,
            job.writes_rejects or job.on_error == "skip",
            "--max-errors",
            "--on-error skip or reject",
        ),
        (
            job.nested == "flatten",
            not opens,
            "--nested flatten",
            "a chain without --fn, --where and --set, which see nested values; flatten before",
        ),
        (has_batches, calls, "--batch-size", "--fn"),
        (job.batch_wait_seconds is not None, is_async, "--batch-wait", an_async),
        (job.batch_wait_seconds is not None, has_batches, "--batch-wait", "--batch-size"),
        (job.concurrency is not None, is_async, "--concurrency", an_async),
        (job.priority is not None, is_async, "--priority", an_async),
        (job.priority is not None, not job.is_ordered, "--priority", "--unordered"),
        (job.rate is not None, calls, "--rate-limit", "--fn"),
        (job.retries is not None, calls, "--retries", "--fn"),
        (bool(job.retry_on), bool(job.retries), "--retry-on", "--retries"),
        (job.timeout_seconds is not None, calls, "--timeout", "--fn"),
    ]
