"""File formats beside CSV, TSV and JSONL: what each is known by, what makes JSONL of it and back.

A run knows CSV and JSONL alone. A format's source gives the records of a file as JSONL, and its
sink is given JSONL. Those that come with streamx are in `BUILT_IN`; others are objects of
`FileFormat` that a package names as an entry point of the group `streamx.formats`. These are only
looked for where a name or an extension is none of ours, since that takes as long as a short run.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from streamx.errors import UsageError
from streamx.extras import needing

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from streamx.read.sources import Source
    from streamx.transform.expected import Expectation
    from streamx.write.sinks import Sink

GROUP = "streamx.formats"
_MIB = 1024 * 1024
# Options of formats that have types for columns.
_OF_COLUMNS = frozenset({"columns", "extra_keys", "pinned_types"})


@dataclass(frozen=True, slots=True)
class Reading:
    """What a format's source is made from.

    Attributes:
        path: of the file: a path, a URL, or `-` for standard input.
        opened: opens it as a source of bytes, decompressed, and of text in UTF-8; not to be called
            by a format that opens the file by its path.
        max_record_bytes: how long a record may become.
        warn: called with what the user should know.
        records_at: where in a larger text the records are, see `--records-at`.
        columns: the only ones that the run looks at, if those are known; others may be left out.
        sheet: which one to read of a file that has several.
        has_header: the first row names the columns.
        skip_lines: rows to pass over before that.
        max_memory_bytes: what the run may take, where that is bounded.
    """

    path: str
    opened: Callable[[], Awaitable[Source]]
    max_record_bytes: int
    warn: Callable[[str], None]
    records_at: str = ""
    columns: Collection[str] | None = None
    sheet: str | None = None
    has_header: bool = True
    skip_lines: int = 0
    max_memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Writing:
    """What a format's sink is made from.

    Attributes:
        inner: takes the bytes of the file.
        expected: returns what is known of the columns, once a record comes, or none.
        warn: called with what the user should know.
        compression, compression_level: of the data in the file, for formats that compress them.
        row_group_bytes: how many bytes of JSONL make a row group; None for the format's own.
    """

    inner: Sink
    expected: Callable[[], Expectation]
    warn: Callable[[str], None]
    compression: str | None = None
    compression_level: int | None = None
    row_group_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFormat:
    """A format of files that hold records.

    Attributes:
        name: as `--from` and `--to` say it.
        title: as messages say it.
        extensions: how the names of such files end, in lower case, each with its dot.
        source: opens what gives the records as JSONL, each in a line that ends with a line feed;
            None for a format that is only written.
        sink: makes what is given JSONL, in parts that may end anywhere, and passes the file's bytes
            on; None for a format that is only read.
        is_text: a file is text, so it may have an encoding.
        is_streamed: it is read from start to end, so it may be compressed as a whole, or a pipe.
        compressions: names of `--compress` for the data within a file, the usual one first; none
            where the file as a whole may be compressed.
        memory_bytes: what reading or writing such a file takes, beside what any run takes.
        options: names of options that have an effect with this format and not with JSONL.
        extra: of streamx, that has the format's libraries; None if it needs none.
    """

    name: str
    title: str
    extensions: tuple[str, ...]
    source: Callable[[Reading], Awaitable[Source]] | None = None
    sink: Callable[[Writing], Sink] | None = None
    is_text: bool = False
    is_streamed: bool = True
    compressions: tuple[str, ...] = ()
    memory_bytes: int = 0
    options: frozenset[str] = frozenset()
    extra: str | None = None


async def _json_source(reading: Reading) -> Source:
    from streamx.read.json_array import JsonArraySource  # for this alone

    inner = await reading.opened()
    return JsonArraySource(inner, reading.records_at, reading.max_record_bytes)


def _json_sink(writing: Writing) -> Sink:
    from streamx.write.json_array import JsonArraySink  # for this alone

    return JsonArraySink(writing.inner)


async def _parquet_source(reading: Reading) -> Source:
    with needing("Parquet", "parquet"):
        from streamx.read.parquet import open_parquet
    return await open_parquet(reading.path, reading.columns, reading.warn)


def _parquet_sink(writing: Writing) -> Sink:
    with needing("Parquet", "parquet"):
        from streamx.write.parquet import parquet_sink
    return parquet_sink(
        writing.inner,
        writing.expected,
        writing.warn,
        writing.compression or "snappy",
        writing.compression_level,
        writing.row_group_bytes,
    )


async def _arrow_source(reading: Reading) -> Source:
    with needing("Arrow", "parquet"):
        from streamx.read.arrow_ipc import open_arrow
    return await open_arrow(await reading.opened(), reading.columns, reading.warn)


def _arrow_sink(writing: Writing, *, is_stream: bool) -> Sink:
    with needing("Arrow", "parquet"):
        from streamx.write.arrow_ipc import arrow_sink
    return arrow_sink(
        writing.inner,
        writing.expected,
        writing.warn,
        writing.compression or "none",
        writing.compression_level,
        is_stream=is_stream,
    )


async def _excel_source(reading: Reading) -> Source:
    with needing("Excel", "excel"):
        from streamx.read.excel import SheetOptions, open_sheet
    options = SheetOptions(
        reading.sheet, reading.has_header, reading.skip_lines, reading.max_memory_bytes
    )
    return await open_sheet(reading.path, options, reading.warn)


BUILT_IN = (
    FileFormat(
        name="json",
        title="JSON",
        extensions=(".json",),
        source=_json_source,
        sink=_json_sink,
        options=frozenset({"records_at"}),
        is_text=True,
    ),
    FileFormat(
        name="parquet",
        title="Parquet",
        extensions=(".parquet", ".pq"),
        is_streamed=False,
        memory_bytes=160 * _MIB,
        source=_parquet_source,
        sink=_parquet_sink,
        compressions=("snappy", "zstd", "gzip", "lz4", "none"),
        options=_OF_COLUMNS | {"row_group_bytes"},
        extra="parquet",
    ),
    FileFormat(
        name="arrow",
        title="Arrow",
        extensions=(".arrow", ".feather"),
        source=_arrow_source,
        sink=partial(_arrow_sink, is_stream=False),
        compressions=("none", "zstd", "lz4"),
        memory_bytes=128 * _MIB,
        options=_OF_COLUMNS,
        extra="parquet",
    ),
    FileFormat(
        name="arrows",
        title="Arrow streams",
        extensions=(".arrows",),
        source=_arrow_source,
        sink=partial(_arrow_sink, is_stream=True),
        compressions=("none", "zstd", "lz4"),
        memory_bytes=128 * _MIB,
        options=_OF_COLUMNS,
        extra="parquet",
    ),
    FileFormat(
        name="excel",
        title="Excel",
        extensions=(".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"),
        source=_excel_source,
        is_streamed=False,
        options=frozenset({"sheet", "has_header", "skip_lines"}),
        extra="excel",
    ),
)


def format_named(name: str) -> FileFormat | None:
    """Return the format of a name, or None if there is none."""
    return next((each for each in known_formats() if each.name == name), None)


def format_with(extension: str) -> FileFormat | None:
    """Return the format whose files have an extension, in lower case, or None if there is none."""
    return next((each for each in known_formats() if extension in each.extensions), None)


def known_formats() -> Iterator[FileFormat]:
    """Give the formats of streamx, then those that other packages have registered, by name.

    Raises:
        UsageError: one of these cannot be loaded.
    """
    yield from BUILT_IN
    from importlib.metadata import entry_points  # which takes long, see above

    for entry in sorted(entry_points(group=GROUP), key=lambda each: each.name):
        yield _loaded(entry)


def _loaded(entry: EntryPoint) -> FileFormat:
    try:
        format = entry.load()
    except Exception as error:  # whatever importing a package may raise
        raise _unusable(entry, f"cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(format, FileFormat):
        raise _unusable(entry, f"is {format!r}; expected a streamx.formats.FileFormat")
    if format.name != entry.name:
        raise _unusable(entry, f"calls itself {format.name!r}; expected {entry.name!r}")
    return format


def _unusable(entry: EntryPoint, reason: str) -> UsageError:
    package = entry.dist.name if entry.dist else "a package"
    return UsageError(f"the format {entry.name!r} of {package} {reason}; mend or remove {package}")
