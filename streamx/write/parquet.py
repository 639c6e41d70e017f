"""Parquet files, written row group by row group."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq

from streamx.transform.expected import Expectation
from streamx.write.columnar import BLOCK_BYTES, ColumnarSink, FileBytes, Warn
from streamx.write.sinks import Sink

_ROW_GROUP_BYTES = 64 * 1024 * 1024


def parquet_sink(
    inner: Sink,
    expected: Callable[[], Expectation],
    warn: Warn,
    compression: str,
    level: int | None,
    row_group_bytes: int | None,
) -> ColumnarSink:
    """Return a sink that makes a Parquet file of JSONL.

    Args:
        inner, expected, warn: see ColumnarSink.
        compression, level: of the columns' pages.
        row_group_bytes: how many bytes of JSONL make a row group, in blocks of BLOCK_BYTES; 64 MiB
            if None.
    """
    blocks = max((row_group_bytes or _ROW_GROUP_BYTES) // BLOCK_BYTES, 1)

    def begin(schema: pa.Schema, file: FileBytes) -> ParquetTables:
        return ParquetTables(schema, file, compression, level, blocks)

    return ColumnarSink(inner, begin, expected, warn)


class ParquetTables:
    """Gathers tables to row groups, and writes these.

    Statistics, dictionaries and pages are as pyarrow has them by default.

    Args:
        schema: of the tables.
        file: where to write.
        compression: of the columns' pages, by pyarrow's name.
        level: how hard to compress, for codecs that know levels.
        row_group_blocks: how many tables make a row group.
    """

    def __init__(
        self,
        schema: pa.Schema,
        file: FileBytes,
        compression: str,
        level: int | None,
        row_group_blocks: int,
    ) -> None:
        self._writer = pq.ParquetWriter(
            pa.PythonFile(file, "w"), schema, compression=compression, compression_level=level
        )
        self._row_group_blocks = row_group_blocks
        self._tables: list[pa.Table] = []

    def write(self, table: pa.Table) -> None:
        self._tables.append(table)
        if len(self._tables) == self._row_group_blocks:
            self._write_row_group()

    def close(self) -> None:
        if self._tables:
            self._write_row_group()
        self._writer.close()

    def _write_row_group(self) -> None:
        table = pa.concat_tables(self._tables)
        self._tables.clear()
        self._writer.write_table(table, row_group_size=max(table.num_rows, 1))
