"""Reads the head of an input: preamble, header and the sample that decides types and keys."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from streamx.codec import column_types, last_boundary, record_start
from streamx.codec.layout import (
    BYTE_ORDER_MARK,
    MAX_RECORD_BYTES,
    MOST_COLUMNS,
    Bad,
    Column,
    CsvFormat,
    Format,
    excerpt,
)
from streamx.codec.reference.csv_records import csv_scanner
from streamx.codec.reference.slices import scanner_of, too_long
from streamx.errors import BadRecordError

SAMPLE_RECORDS = 10_000
SAMPLE_BYTES = 1024 * 1024
_MOST_WARNINGS = 20
_LOOKED_AT_RECORDS = 10
_LOOKED_AT_BYTES = 64 * 1024
# What no blank line has: with what comes before it in its line, a record begins.
_CONTENT = re.compile(rb"[^\r\n]|\r(?!\n)")


@dataclass(frozen=True, slots=True)
class Header:
    """A CSV header: the cells as they stand, their names made unique, and where it ends."""

    cells: tuple[bytes, ...]
    names: tuple[str, ...]
    end: int
    warnings: tuple[str, ...]


def preamble_end(head: bytes, skip_lines: int, is_complete: bool) -> int | None:
    """Return where the records start, past a byte order mark and the lines to skip.

    None means that the head is too short to tell.
    """
    if not is_complete and len(head) < 3 and BYTE_ORDER_MARK.startswith(head):
        return None
    start = 3 if head.startswith(BYTE_ORDER_MARK) else 0
    for _ in range(skip_lines):
        line_end = head.find(b"\n", start)
        if line_end < 0:
            return len(head) if is_complete else None
        start = line_end + 1
    return start


def first_record(
    head: bytes, start: int, format: CsvFormat, is_complete: bool
) -> tuple[int, int] | None:
    """Return the bounds of the first record that is not blank; an empty range if there is none.

    None means that the head is too short to tell.
    """
    scanner = csv_scanner(format)
    start = skip_blank_lines(head, start)
    end = scanner.next_boundary(head, start)
    if not is_complete and (start == end or not _ends_at(head, start, end, format)):
        return None
    return start, end


def skip_blank_lines(head: bytes, start: int) -> int:
    """Return where the first line is that is not blank."""
    content = _CONTENT.search(head, start)
    return len(head) if content is None else content.start()


def read_header(
    head: bytes,
    bounds: tuple[int, int],
    format: CsvFormat,
    *,
    is_named: bool,
    source: str,
    max_record_bytes: int,
) -> Header:
    """Read the names of the columns, or make them up for a table that has no header.

    Raises:
        BadRecordError: the record is too long, cannot be split into cells, has too many of them,
            or is not UTF-8.
    """
    start, end = bounds
    scanner = csv_scanner(format)
    refuse_endless(head[:end], start, format, max_record_bytes, source)
    record = head[start:end]
    if record.endswith(b"\n"):
        record = record[:-1].removesuffix(b"\r")
    cells = scanner.cells(record)
    if cells is None:
        raise bad_head(head, scanner.diagnose(record, start, max_record_bytes), source)
    if len(cells) > MOST_COLUMNS:
        found = f"{len(cells)} columns: {excerpt(record)}"
        expected = f"at most {MOST_COLUMNS}; --delimiter names another character between them"
        raise bad_head(head, Bad(start, found, expected), source)
    if not is_named:
        names = tuple(f"column_{number}" for number in range(1, len(cells) + 1))
        return Header((), names, start, ())
    try:
        texts = [scanner.value(cell).decode() for cell in cells]
    except UnicodeDecodeError:
        found = f"a header that is not UTF-8: {excerpt(record)}"
        expected = "UTF-8, or the input's encoding named with --encoding (such as latin-1)"
        raise bad_head(head, Bad(start, found, expected), source) from None
    names, warnings = unique_names(texts)
    return Header(tuple(cells), names, end, warnings)


def refuse_endless(
    head: bytes, start: int, format: CsvFormat, max_record_bytes: int, source: str
) -> None:
    """Refuse a first record that is longer than allowed, whether or not it has ended yet."""
    first_line = skip_blank_lines(head, start)
    if first_line - start > max_record_bytes:
        found = f"only blank lines in the first {max_record_bytes} bytes"
        raise bad_head(head, Bad(start, found, "a header (--skip-lines passes over lines)"), source)
    start = first_line
    if len(head) - start > max_record_bytes:
        bad = too_long(head, start, csv_scanner(format), max_record_bytes)
        raise bad_head(head, bad, source)


def width_with(delimiter: bytes, head: bytes, header: Header, format: CsvFormat) -> int | None:
    """Return into how many cells another delimiter splits the header and the records behind it.

    None means one, or not all into as many; looked at are the first few records that are there.
    """
    scanner = csv_scanner(replace(format, delimiter=delimiter))
    behind = head[header.end : header.end + _LOOKED_AT_BYTES]
    whole = filter(None, scanner.records(behind[: behind.rfind(b"\n") + 1]))
    records = [*header.cells, *islice(whole, _LOOKED_AT_RECORDS)]
    widths = {len(scanner.cells(record) or ()) for record in records}
    width = widths.pop() if len(widths) == 1 else 0
    return width if width > 1 else None


def bad_head(head: bytes, bad: Bad, source: str) -> BadRecordError:
    """Return the error for something bad in the head."""
    line = head.count(b"\n", 0, bad.position) + 1
    return BadRecordError(source, line, bad.position, bad.found, bad.expected)


def unique_names(texts: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return names with empty and repeated ones replaced, and a warning for each of these.

    >>> unique_names(["x", "", "x"])[0]
    ('x', 'column_2', 'x_2')
    """
    names: list[str] = []
    warnings: list[str] = []
    taken = set(texts)
    first_number: dict[str, int] = {}
    next_suffix: dict[str, int] = {}
    for number, text in enumerate(texts, 1):
        name = text or f"column_{number}"
        if (text and text in first_number) or (not text and name in taken):
            suffix = next_suffix.get(name, 2)
            while f"{name}_{suffix}" in taken:
                suffix += 1
            next_suffix[name] = suffix + 1
            name = f"{name}_{suffix}"
        if not text:
            warnings.append(f"column {number} has no name in the header and is called {name!r}")
        elif text in first_number:
            warnings.append(
                f"columns {first_number[text]} and {number} are both named {text!r}; "
                f"column {number} is called {name!r}"
            )
        first_number.setdefault(text, number)
        taken.add(name)
        names.append(name)
    if len(warnings) > _MOST_WARNINGS:
        rest = len(warnings) - _MOST_WARNINGS
        warnings[_MOST_WARNINGS:] = [f"{rest} more columns had no name of their own either"]
    return tuple(names), tuple(warnings)


def sample_end(
    head: bytes,
    start: int,
    format: Format,
    is_complete: bool,
    max_record_bytes: int = MAX_RECORD_BYTES,
) -> int | None:
    """Return where the sample ends: 10,000 records or 1 MiB of whole records, at least one.

    A first record longer than allowed makes an empty sample. Whatever the sizes of the blocks
    that made up the head, the answer is the same. None means that the head is too short to tell.
    """
    is_whole = is_complete and len(head) <= start + SAMPLE_BYTES
    end = len(head)
    if not is_whole:
        end = whole_records_end(head[: start + SAMPLE_BYTES], start, format)
    if end == start and start < len(head):
        end = scanner_of(format).next_boundary(head, start)
        if end - start > max_record_bytes:
            return start
        if not is_complete and not _ends_at(head, start, end, format):
            return None
    if head.count(b"\n", start, end) >= SAMPLE_RECORDS:
        after = record_start(head[start:end], format, SAMPLE_RECORDS)
        if after is not None:
            return start + after
    return end if is_whole or len(head) >= start + SAMPLE_BYTES else None


def sample_of(head: bytes, start: int, format: Format, is_complete: bool) -> bytes:
    """Return the sample that a head holds, or as much as there is of it."""
    end = sample_end(head, start, format, is_complete)
    return head[start : whole_records_end(head, start, format) if end is None else end]


def whole_records_end(head: bytes, start: int, format: Format) -> int:
    """Return the end of the last record in the head that ends with a line feed, or `start`."""
    return start + last_boundary(memoryview(head)[start:], format)


def infer_columns(
    sample: bytes,
    format: CsvFormat,
    columns: Sequence[Column],
    nulls: frozenset[bytes],
    *,
    pads_short_records: bool = False,
    is_lenient: bool = False,
) -> tuple[Column, ...]:
    """Decide the types of the columns that are not pinned, from a sample of whole records."""
    width = len(columns)
    if is_lenient:
        from streamx.codec.reference.sample import guessed_types  # few runs guess

        types = guessed_types(sample, format, width, nulls)
    else:
        types = column_types(sample, format, width, nulls, pads_short_records=pads_short_records)
    return tuple(
        column if column.is_pinned else Column(column.name, type)
        for column, type in zip(columns, types, strict=True)
    )


def header_record(
    header: Header,
    names: Sequence[str],
    indexes: Sequence[int | None],
    source: Format,
    target: CsvFormat,
) -> bytes:
    """Return the header of the output; a name that nobody changed keeps its bytes if it can.

    Args:
        indexes: for each name the column of the input that it comes from, if it does.
    """
    from streamx.codec.reference.emit import CsvWriter  # which needs orjson

    writer = CsvWriter(target)
    keeps_cells = isinstance(source, CsvFormat) and source.has_cells_of(target)
    cells = [writer.cell(name.encode()) for name in names]
    if keeps_cells and header.cells:
        scanner = csv_scanner(target)
        for position, index in enumerate(indexes):
            if index is None:
                continue
            cell = header.cells[index]
            if scanner.value(cell) == names[position].encode():
                cells[position] = writer.safe_first(cell) if position == 0 else cell
    return writer.records([[cell] for cell in cells])


def _ends_at(head: bytes, start: int, end: int, format: Format) -> bool:
    """Tell whether a record really ends at `end`, and the head does not merely stop there."""
    return start + last_boundary(memoryview(head)[start:end], format) == end
