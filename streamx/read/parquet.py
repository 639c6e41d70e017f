"""Parquet files as JSONL, row group by row group, of these one batch of records after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from streamx.read.columnar import (
    BATCH_BYTES,
    BATCH_RECORDS,
    Batch,
    ColumnarSource,
    types_of,
    unreadable,
)
from streamx.read.seekable import file_size_bytes, input_name, open_seekable
from streamx.storage import is_storage_url

# What is read of a column's pages at a time.
_PAGE_BYTES = 256 * 1024


async def open_parquet(
    path: str, columns: Collection[str] | None, warn: Callable[[str], None]
) -> ColumnarSource:
    """Open a Parquet file.

    Args:
        path: where it is, see open_seekable.
        columns: those that are wanted; None for all.
        warn: called with what the user should know of the values.

    Raises:
        InputError: it cannot be opened, or is no Parquet file.
        UsageError: it cannot be sought in.
    """
    return await asyncio.to_thread(_opened, path, columns, warn)


def _opened(
    path: str, columns: Collection[str] | None, warn: Callable[[str], None]
) -> ColumnarSource:
    raw = open_seekable(path, "Parquet", pa.OSFile)
    name = input_name(path)
    try:
        # From a storage whole columns of a row group are fetched, since each request takes long.
        is_stored = is_storage_url(path)
        file = pq.ParquetFile(raw, buffer_size=_PAGE_BYTES, pre_buffer=is_stored)
        types = types_of(file.schema_arrow, name)
    except (pa.ArrowException, OSError, ValueError) as error:
        raw.close()
        raise unreadable(name, error) from error
    except BaseException:
        raw.close()
        raise
    total_bytes = file_size_bytes(raw)
    batches = _batches(file, _wanted(list(types), columns), total_bytes)
    return ColumnarSource(batches, raw.close, name, total_bytes, types, warn)


def _wanted(names: list[str], columns: Collection[str] | None) -> list[str] | None:
    """Return the columns to read, None for all.

    All are read if one is not there, since who says so names those that are, or if names hold dots,
    which in Parquet lead to what is nested.
    """
    if columns is None or not set(columns) <= set(names) or any("." in each for each in names):
        return None
    return [each for each in names if each in columns]


def _batches(file: pq.ParquetFile, columns: list[str] | None, total_bytes: int) -> Iterator[Batch]:
    read_bytes = 0
    for number in range(file.num_row_groups):
        group = file.metadata.row_group(number)
        parts = [group.column(each) for each in range(group.num_columns)]
        group_bytes = sum(each.total_compressed_size for each in parts)
        record_bytes = group.total_byte_size // max(group.num_rows, 1) + 1
        records = max(1, min(BATCH_RECORDS, BATCH_BYTES // record_bytes))
        passed = 0
        for batch in file.iter_batches(records, row_groups=[number], columns=columns):
            passed += batch.num_rows
            share_bytes = group_bytes * passed // group.num_rows
            yield Batch(batch, min(read_bytes + share_bytes, total_bytes))
        read_bytes += group_bytes
