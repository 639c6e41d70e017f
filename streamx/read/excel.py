"""Sheets of Excel and LibreOffice as JSONL: a row is a record, and the first one names the columns.

The library (calamine) holds a sheet as a whole, so memory grows with it. Empty cells, and those
that show an error, come from there as empty texts, and are null.
"""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain, islice
from typing import Any

import orjson
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from streamx.codec.head import unique_names
from streamx.errors import InputError, UsageError
from streamx.read.blocks import BlockSource
from streamx.read.seekable import file_size_bytes, input_name, open_seekable

_RECORDS_AT_ONCE = 1000
# Beyond that, a float is written as one, although it is whole.
_MOST = 2**63
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class SheetOptions:
    """How to read a sheet.

    Attributes:
        sheet: its name, or its number from 1; None for the first.
        has_header: its first row names the columns.
        skip_rows: rows to pass over before that.
        max_memory_bytes: what the run may take, where that is bounded.
    """

    sheet: str | None = None
    has_header: bool = True
    skip_rows: int = 0
    max_memory_bytes: int | None = None


class SheetSource(BlockSource):
    """Gives the rows of a sheet as records; rows without a value are none.

    Args:
        rows: those behind the header.
        names: of the columns.
        name: what to call the input.
        total_bytes: how long its file is.
        total_rows: how many rows there are.
    """

    is_live: bool = False
    is_slow: bool = False
    retries: int = 0

    def __init__(
        self,
        rows: Iterator[Sequence[Any]],
        names: Sequence[str],
        name: str,
        total_bytes: int,
        total_rows: int,
    ) -> None:
        super().__init__()
        self.name = name
        self.total_bytes: int | None = total_bytes
        self.bytes_read = 0
        self._bytes_per_row = total_bytes / max(total_rows, 1)
        self._rows = rows
        self._names = names
        self._thread = ThreadPoolExecutor(1, "streamx-read")

    async def close(self) -> None:
        self._thread.shutdown(wait=False)

    async def _next_block(self) -> bytes | None:
        loop = asyncio.get_running_loop()
        rows, lines = await loop.run_in_executor(self._thread, self._read)
        self.bytes_read += int(len(rows) * self._bytes_per_row)
        return lines if rows else None

    def _read(self) -> tuple[list[Sequence[Any]], bytes]:
        rows = list(islice(self._rows, _RECORDS_AT_ONCE))
        return rows, b"".join([_line(self._names, row) for row in rows if any(map(_is_value, row))])


async def open_sheet(path: str, options: SheetOptions, warn: Callable[[str], None]) -> SheetSource:
    """Open a sheet of an .xlsx, .xlsm, .xlsb, .xls or .ods file.

    Args:
        path: where it is, see open_seekable.
        options: how to read it.
        warn: called with what the user should know of its header.

    Raises:
        InputError: it cannot be read.
        UsageError: there is no such sheet, or it needs more memory than it may have.
    """
    return await asyncio.to_thread(_opened, path, options, warn)


def _opened(path: str, options: SheetOptions, warn: Callable[[str], None]) -> SheetSource:
    name = input_name(path)
    with open_seekable(path, "Excel") as file:
        total_bytes = file_size_bytes(file)
        if options.max_memory_bytes is not None:
            _refuse_large(file, name, total_bytes, options.max_memory_bytes)
        try:
            sheet = _chosen(CalamineWorkbook.from_filelike(file), options.sheet, name)
            rows: Iterator[list[Any]] = iter(sheet.iter_rows())
        except (CalamineError, OSError, ValueError) as error:
            raise InputError(
                f"cannot read {name}: {error}; expected .xlsx, .xlsb, .xls or .ods"
            ) from error
    rows = islice(rows, options.skip_rows, None)
    header = next((row for row in rows if any(map(_is_value, row))), [])
    names = [f"column_{number}" for number in range(1, len(header) + 1)]
    if options.has_header:
        found, warnings = unique_names([str(_value(cell) or "") for cell in header])
        names = list(found)
        for text in warnings:
            warn(f"{name}: {text}")
    else:
        rows = chain([header], rows)
    return SheetSource(rows, names, name, total_bytes, sheet.height)


def _chosen(workbook: CalamineWorkbook, wanted: str | None, name: str) -> CalamineSheet:
    """Return the sheet of a name, or of a number."""
    names = workbook.sheet_names
    if wanted in names:
        return workbook.get_sheet_by_name(wanted)
    index = int(wanted or 1) - 1 if (wanted or "1").isdecimal() else -1
    if 0 <= index < len(names):
        return workbook.get_sheet_by_index(index)
    from streamx.nearest import did_you_mean  # for this alone

    hint = did_you_mean(wanted or "", names)
    listed = ", ".join(map(repr, names))
    raise UsageError(f"--sheet {wanted}: {name} has no such sheet{hint or '.'} It has {listed}")


def _refuse_large(file: Any, name: str, size_bytes: int, most_bytes: int) -> None:
    """Refuse a file of which all that is in it would not fit."""
    try:
        with zipfile.ZipFile(file) as packed:
            size_bytes = sum(each.file_size for each in packed.infolist())
    except zipfile.BadZipFile:
        pass  # .xls
    file.seek(0)
    if size_bytes > most_bytes:
        raise UsageError(
            f"{name} holds {size_bytes // _MIB:,} MiB, and a sheet is held as a whole; "
            f"--max-memory {most_bytes // _MIB:,}M is too little"
        )


def _line(names: Sequence[str], row: Sequence[Any]) -> bytes:
    record = dict(zip(names, map(_value, row), strict=True))
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


def _is_value(cell: Any) -> bool:
    return bool(cell != "")


def _value(cell: Any) -> Any:
    """Return what a cell says: Excel knows no integers, and durations are no JSON.

    >>> _value(3.0), _value(""), _value(timedelta(hours=1.5))
    (3, None, 'PT5400S')
    """
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < _MOST:
        return int(cell)
    if isinstance(cell, timedelta):
        return f"PT{cell.total_seconds():.6f}".rstrip("0").rstrip(".") + "S"
    return None if cell == "" else cell
