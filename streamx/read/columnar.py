"""ColumnarSource: batches of columns as JSONL, read and converted ahead of whoever takes them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import pyarrow as pa

from streamx.errors import InputError
from streamx.read.arrow_json import JsonTexts
from streamx.read.blocks import BlockSource

# What a batch should come to, and its most records, as nobody knows before how long they are.
BATCH_BYTES = 2 * 1024 * 1024
BATCH_RECORDS = 8192
# Batches that are read, converted or wait beside the one that is being taken.
_BATCHES_AHEAD = 3
_CONVERTERS = 2


class Batch(NamedTuple):
    """Some records as columns, and how much of the file has been read with them."""

    columns: pa.RecordBatch
    bytes_read: int


class _Lines(NamedTuple):
    """The same as JSONL; whether some number is none that JSON has."""

    lines: pa.Buffer
    bytes_read: int
    has_odd_numbers: bool


class ColumnarSource(BlockSource):
    """Gives the records of batches as JSONL, in their order.

    One thread reads the batches, others make text of them: Arrow does both without Python's lock.

    Args:
        batches: gives them, and is asked by one thread.
        close: closes what they are read from.
        name: what to call the input.
        total_bytes: how long it is, if that is known.
        types: of all columns, see TypedSource.
        warn: called with what the user should know of the values.
    """

    is_live: bool = False
    is_slow: bool = False
    retries: int = 0

    def __init__(
        self,
        batches: Iterator[Batch],
        close: Callable[[], None],
        name: str,
        total_bytes: int | None,
        types: Mapping[str, pa.DataType],
        warn: Callable[[str], None],
    ) -> None:
        super().__init__()
        self.name = name
        self.types = types
        self.total_bytes = total_bytes
        self.bytes_read = 0
        self._batches = _in_pieces(batches)
        self._close = close
        self._warn = warn
        self._has_warned = False
        self._reading = ThreadPoolExecutor(1, "streamx-read")
        self._converting = ThreadPoolExecutor(_CONVERTERS, "streamx-columns")
        self._ahead: deque[Future[Future[_Lines] | None]] = deque()

    async def close(self) -> None:
        """Let the thread close the file when what it reads has come, without waiting for that."""
        for each in self._ahead:
            each.cancel()
        self._reading.submit(self._close)
        self._reading.shutdown(wait=False)
        self._converting.shutdown(wait=False)

    async def _next_block(self) -> memoryview | None:
        batches_ahead = _BATCHES_AHEAD if self.bytes_read else 0  # some want no more than a head
        while len(self._ahead) <= batches_ahead:
            self._ahead.append(self._reading.submit(self._read))
        try:
            converted = await asyncio.wrap_future(self._ahead.popleft())
            if converted is None:
                return None
            made: _Lines = await asyncio.wrap_future(converted)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise unreadable(self.name, error) from error
        self.bytes_read = made.bytes_read
        if made.has_odd_numbers and not self._has_warned:
            self._has_warned = True
            self._warn(
                f"{self.name}: numbers that are NaN or infinite are written as texts: "
                '"NaN", "Infinity" and "-Infinity", since JSON has no such numbers'
            )
        return memoryview(made.lines).cast("B")

    def _read(self) -> Future[_Lines] | None:
        batch = next(self._batches, None)
        return None if batch is None else self._converting.submit(_lines_of, batch)


def types_of(schema: pa.Schema, name: str) -> dict[str, pa.DataType]:
    """Return the types of columns by their names.

    Raises:
        InputError: two have one name.
    """
    columns: Sequence[str] = schema.names
    if len(set(columns)) < len(columns):
        twin = next(each for each in columns if columns.count(each) > 1)
        raise InputError(f"{name}: two columns are named {twin!r}; expected different names")
    return dict(zip(columns, schema.types, strict=True))


def joined_types(
    types: Mapping[str, pa.DataType | None], others: Mapping[str, pa.DataType]
) -> dict[str, pa.DataType | None]:
    """Return the types of the columns of two files: those that hold the values of both, else None.

    >>> joined_types({"a": pa.int64(), "b": pa.bool_()}, {"a": pa.float64(), "b": pa.string()})
    {'a': DataType(double), 'b': None}
    """
    joined = dict(types)
    for name, type in others.items():
        known = joined.setdefault(name, type)
        if known is not None and known != type:
            joined[name] = _joined_type(known, type)
    return joined


def _joined_type(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    schemas = [pa.schema([("", type)]) for type in (one, other)]
    try:
        return pa.unify_schemas(schemas, promote_options="permissive").field(0).type
    except pa.ArrowException:
        return None


def unreadable(name: str, error: Exception) -> InputError:
    """Return what to say of a file that Arrow cannot read."""
    reason = " ".join(str(error).split()).rstrip(".")
    return InputError(f"cannot read {name}: {reason}; get a whole copy, if it is damaged")


def _lines_of(batch: Batch) -> _Lines:
    texts = JsonTexts()
    lines = texts.lines(batch.columns)
    return _Lines(lines, batch.bytes_read, texts.has_odd_numbers)


def _in_pieces(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Give batches that are larger than they should be piece by piece."""
    for batch in batches:
        columns = batch.columns
        count = max(1, min(columns.num_rows, columns.nbytes // BATCH_BYTES))
        records = max(1, -(-columns.num_rows // count))
        for start in range(0, columns.num_rows, records):
            yield batch._replace(columns=columns.slice(start, records))
