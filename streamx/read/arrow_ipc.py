"""Arrow's IPC files and streams as JSONL, read from start to end, so also from a pipe.

A file is a stream of record batches between a mark and a table of contents, which only those need
who want some batches and not all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import CancelledError, Future

import pyarrow as pa

from streamx.read.columnar import Batch, ColumnarSource, types_of, unreadable
from streamx.read.sources import Source

_MARK = b"ARROW1\0\0"


class _Bytes:
    """The bytes of a source, as a file for a thread that waits for them.

    Args:
        source: gives them, on the event loop.
    """

    closed = False

    def __init__(self, source: Source) -> None:
        self._source = source
        self._loop = asyncio.get_running_loop()
        self._reading: Future[bytes] | None = None
        self._start = b""
        self._is_over = False

    @property
    def bytes_read(self) -> int:
        return self._source.bytes_read

    def read(self, size: int) -> bytes:
        """Return so many bytes, fewer at the end."""
        if self._is_over:
            return b""
        self._reading = asyncio.run_coroutine_threadsafe(self.take(size), self._loop)
        return self._reading.result()

    async def take(self, size: int) -> bytes:
        """Do the same on the event loop."""
        block = bytearray(size)
        count = min(size, len(self._start))
        block[:count] = self._start[:count]
        self._start = self._start[count:]
        while count < size:
            more = await self._source.read_into(memoryview(block)[count:])
            if not more:
                return bytes(block[:count])
            count += more
        return bytes(block)

    def give_back(self, start: bytes) -> None:
        """Have what was taken read once more."""
        self._start = start

    def close(self) -> None:
        """Let no thread wait any longer."""
        self._is_over = True
        if self._reading is not None:
            self._reading.cancel()


async def open_arrow(
    source: Source, columns: Collection[str] | None, warn: Callable[[str], None]
) -> Source:
    """Return the records of an IPC file or stream.

    Args:
        source: gives its bytes.
        columns: those that are wanted; None for all.
        warn: called with what the user should know of the values.

    Raises:
        InputError: it cannot be read.
    """
    file = _Bytes(source)
    try:
        start = await file.take(len(_MARK))
        if start != _MARK:
            file.give_back(start)
        return await asyncio.to_thread(_opened, file, source, columns, warn)
    except BaseException:
        file.close()
        await source.close()
        raise


class ArrowSource(ColumnarSource):
    """The records of an IPC file or stream.

    Args:
        reader: Arrow's, of its batches.
        file: gives it its bytes, in a thread.
        source: gives them, on the event loop.
        columns: those that are wanted; None for all.
        warn: called with what the user should know of the values.
    """

    def __init__(
        self,
        reader: pa.RecordBatchReader,
        file: _Bytes,
        source: Source,
        columns: Collection[str] | None,
        warn: Callable[[str], None],
    ) -> None:
        types = types_of(reader.schema, source.name)
        is_known = columns is not None and set(columns) <= set(types)
        wanted = [each for each in types if not is_known or each in (columns or ())]
        batches = _batches(reader, wanted, file)
        super().__init__(batches, file.close, source.name, source.total_bytes, types, warn)
        self.is_live = source.is_live
        self.is_slow = source.is_slow
        self._source = source
        self._file = file

    async def close(self) -> None:
        self._file.close()
        await super().close()
        await self._source.close()


def _opened(
    file: _Bytes, source: Source, columns: Collection[str] | None, warn: Callable[[str], None]
) -> ArrowSource:
    try:
        reader = pa.ipc.open_stream(pa.PythonFile(file, "r"))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise unreadable(source.name, error) from error
    return ArrowSource(reader, file, source, columns, warn)


def _batches(reader: pa.RecordBatchReader, wanted: list[str], file: _Bytes) -> Iterator[Batch]:
    try:
        for batch in reader:
            yield Batch(batch.select(wanted), file.bytes_read)
    except CancelledError:  # nobody wants more
        return
