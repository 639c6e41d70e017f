"""ColumnarSink: JSONL on its way out becomes tables of columns, and these a file."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import pyarrow as pa

from streamx.errors import OutputError
from streamx.transform.expected import Expectation
from streamx.transform.operations import unknown_column
from streamx.write.json_schema import NAMED, Columns, columns_of
from streamx.write.json_table import Made, TableMaker
from streamx.write.sinks import Sink, WrappingSink

# Records are parsed in blocks of so many bytes, wherever parts end: so the bytes of the output
# depend on nothing else.
BLOCK_BYTES = 4 * 1024 * 1024
# The first records decide the types, as those of an input do.
_SAMPLE_BYTES = 1024 * 1024
_SAMPLE_RECORDS = 10_000
_PARSERS = 2

Warn = Callable[[str], None]


class FileBytes:
    """The file that a writer of Arrow's writes to: gathers bytes, for who passes them on."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size_bytes = 0

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._size_bytes += len(part)
        return len(part)

    def tell(self) -> int:
        return self._size_bytes

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def taken(self) -> list[bytes]:
        """Return what was written since this was last called."""
        parts, self._parts = self._parts, []
        return parts


class TableWriter(Protocol):
    """Writes tables to a file of bytes, each to be called in a thread."""

    def write(self, table: pa.Table) -> None: ...

    def close(self) -> None: ...


class ColumnarSink(WrappingSink):
    """Makes a file of tables.

    Args:
        inner: takes its bytes.
        begin: begins the file, of a schema.
        expected: returns what is known of the columns, when the first record comes or none.
        warn: called with what the user should know of the types.
    """

    def __init__(
        self,
        inner: Sink,
        begin: Callable[[pa.Schema, FileBytes], TableWriter],
        expected: Callable[[], Expectation],
        warn: Warn,
    ) -> None:
        super().__init__(inner)
        self._begin = begin
        self._expected = expected
        self._warn = warn
        self._open = bytearray()  # what makes no whole block yet
        self._parsing: deque[asyncio.Future[Made]] = deque()
        self._has_warned = False
        self._records = 0
        self._file = FileBytes()
        self._maker: TableMaker | None = None
        self._writer: TableWriter | None = None

    async def write(self, parts: Sequence[bytes | memoryview]) -> None:
        for part in parts:
            self._open += part
            while len(self._open) >= BLOCK_BYTES and (end := _end_of_block(self._open)):
                await self._parse(end)

    async def _end(self) -> None:
        if self._open or self._maker is None:
            await self._parse(len(self._open))
        while self._parsing:
            await self._write_oldest()
        assert self._writer is not None
        await asyncio.to_thread(self._said, self._writer.close)
        await self._pass_on()

    async def abort(self) -> None:
        for each in self._parsing:
            each.cancel()
        await asyncio.gather(*self._parsing, return_exceptions=True)
        await super().abort()

    async def _parse(self, end: int) -> None:
        """Begin to parse what is open, up to an end."""
        lines = bytes(self._open[:end])
        del self._open[:end]
        if self._maker is None:
            expected = self._expected()
            columns = await asyncio.to_thread(_columns_of, lines, expected)
            self._tell_of_texts(columns, expected)
            self._maker = self._begun(columns, lines, expected)
        if lines:
            loop = asyncio.get_running_loop()
            table_of, first = self._maker.table_of, self._records + 1
            self._parsing.append(loop.run_in_executor(None, table_of, lines, first))
            self._records += lines.count(b"\n")
        while len(self._parsing) > _PARSERS:
            await self._write_oldest()

    def _begun(self, columns: Columns, lines: bytes, expected: Expectation) -> TableMaker:
        if lines and not columns.types:
            raise OutputError(
                f"cannot write {self.name}: no key in the first records to make a column of; name "
                "some with --columns"
            )
        for name in expected.pinned if lines else ():
            if name not in columns.types:
                raise unknown_column(columns.types, name, "--type")
        try:
            self._writer = self._begin(columns.schema, self._file)
        except (pa.ArrowException, OSError) as error:
            raise OutputError(f"cannot write {self.name}: {error}") from error
        return TableMaker(columns, self.name, drops_extra_keys=expected.drops_extra_keys)

    def _tell_of_texts(self, columns: Columns, expected: Expectation) -> None:
        mixed = [name for name in columns.types if name in columns.texts - set(expected.pinned)]
        if mixed:
            shown = ", ".join(map(repr, mixed[:5])) + (" and others" if len(mixed) > 5 else "")
            self._warn(
                f"{self.name}: values of several kinds in {shown} are written as text: what is "
                "none, as its JSON"
            )

    async def _write_oldest(self) -> None:
        made = await self._parsing.popleft()
        if made.remark and not self._has_warned:
            self._has_warned = True
            self._warn(made.remark)
        assert self._writer is not None
        await asyncio.to_thread(self._said, self._writer.write, made.table)
        await self._pass_on()

    def _said(self, function: Callable[..., None], *arguments: Any) -> None:
        try:
            function(*arguments)
        except (pa.ArrowException, OSError) as error:
            raise OutputError(f"cannot write {self.name}: {error}") from error

    async def _pass_on(self) -> None:
        parts = self._file.taken()
        if parts:
            await self._inner.write(parts)


def _columns_of(lines: bytes, expected: Expectation) -> Columns:
    types = {name: NAMED.get(type, type) for name, type in expected.types.items()}
    pinned = {name: NAMED[type] for name, type in expected.pinned.items()}
    return columns_of(_sample_of(lines), expected.names, types, pinned)


def _sample_of(lines: bytes) -> list[bytes]:
    end = (lines.rfind(b"\n", 0, _SAMPLE_BYTES) + 1) or (lines.find(b"\n") + 1)
    return lines[:end].split(b"\n", _SAMPLE_RECORDS)[:-1]


def _end_of_block(data: bytearray) -> int:
    """Return the end of the last line within a block, or of the first that is longer."""
    return (data.rfind(b"\n", 0, BLOCK_BYTES) + 1) or (data.find(b"\n", BLOCK_BYTES) + 1)
