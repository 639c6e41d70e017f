"""Makes Arrow's tables of JSONL; what does not fit its column is an error that names the record.

Arrow's parser takes a block as it stands, or finds that something is wrong with it. Then, and where
values are to be written as their JSON, the values of some columns are put in quotes first.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from streamx.codec.layout import excerpt
from streamx.codec.reference.json_records import raw_pairs
from streamx.errors import OutputError
from streamx.write.json_schema import ODD_NUMBERS, Columns, is_cast

_ODD_NUMBERS = frozenset(f'"{each}"'.encode() for each in ODD_NUMBERS)
# From here on not every integer is a double; so many digits does such a one have.
_LEAST_INEXACT = 2**53
_MAY_BE_INEXACT = re.compile(rb"[0-9]{16}")
_IN_WORDS = {
    pa.string(): "text",
    pa.int64(): "an integer of 64 bits",
    pa.uint64(): "a positive integer of 64 bits",
    pa.float64(): "a number",
    pa.bool_(): "true or false",
    pa.decimal128(38, 0): "an integer of 38 digits",
}


class Made(NamedTuple):
    """The table of a block; what is to be told of the first number in it that is not exact."""

    table: pa.Table
    remark: str


class TableMaker:
    """Makes a table of each block of records; several at a time, in threads.

    Args:
        columns: the columns and their types.
        name: what to call the output.
        drops_extra_keys: leave out what belongs to no column, which is an error else.
    """

    def __init__(self, columns: Columns, name: str, *, drops_extra_keys: bool) -> None:
        self._columns = columns
        self._drops_extra_keys = drops_extra_keys
        self._name = name
        self._doubles = frozenset(
            name for name, type in columns.types.items() if pa.types.is_floating(type)
        )
        self._cast = frozenset(name for name, type in columns.types.items() if is_cast(type))

    def table_of(self, lines: bytes, first: int) -> Made:
        """Return the records of some lines as a table.

        Args:
            lines: whole lines, at least one, as a run writes JSONL.
            first: the number of the first record.

        Raises:
            OutputError: a value does not fit its column, or there is no column for it.
        """
        try:
            table = self._converted(lines)
        except (pa.ArrowException, ValueError) as error:
            raise self._misfit(lines, first) from error
        return Made(table, self._inexact(table, lines, first) if self._doubles else "")

    def _converted(self, lines: bytes) -> pa.Table:
        texts = self._columns.texts
        if not texts:
            try:
                return self._parsed(lines, texts)
            except pa.ArrowException:
                pass  # maybe since there are texts in the place of numbers
        return self._parsed(self._quoted(lines), texts | self._doubles)

    def _parsed(self, lines: bytes, quoted: frozenset[str]) -> pa.Table:
        """Parse lines in which the values of some columns are in quotes."""
        texts = quoted | self._cast
        fields = [
            (name, pa.string() if name in texts else type)
            for name, type in self._columns.types.items()
        ]
        parsing = pa.json.ParseOptions(
            explicit_schema=pa.schema(fields),
            unexpected_field_behavior="ignore" if self._drops_extra_keys else "error",
        )
        reading = pa.json.ReadOptions(use_threads=False, block_size=len(lines) + 1)
        table = pa.json.read_json(pa.BufferReader(lines), reading, parsing)
        for name in self._cast:
            place = table.schema.get_field_index(name)
            values = _from_texts(table[name], self._columns.types[name])
            table = table.set_column(place, name, values)
        return table.cast(self._columns.schema)

    def _quoted(self, lines: bytes) -> bytes:
        texts = {name.encode() for name in self._columns.texts}
        doubles = {name.encode() for name in self._doubles}
        return b"".join(_in_quotes(line, texts, doubles) for line in lines.split(b"\n") if line)

    def _misfit(self, lines: bytes, first: int) -> OutputError:
        """Return what to say of the first record that does not fit, found by halving."""
        records = [line for line in lines.split(b"\n") if line]
        low, high = 0, len(records)
        reason = self._refusal(records)
        while high - low > 1:
            middle = (low + high) // 2
            refusal = self._refusal(records[low:middle])
            low, high = (low, middle) if refusal else (middle, high)
            reason = refusal or reason
        blamed = self._blamed(records[low], reason)
        return OutputError(f"cannot write {self._name}: record {first + low:,}{blamed}")

    def _refusal(self, records: Sequence[bytes]) -> Exception | None:
        """Return why records are refused, None if they are not."""
        try:
            self._converted(b"\n".join([*records, b""]))
        except (pa.ArrowException, ValueError) as error:
            return error
        return None

    def _blamed(self, line: bytes, reason: Exception | None) -> str:
        for key, raw in _pairs(line):
            name = key.decode()
            if name not in self._columns.types and not self._drops_extra_keys:
                return (
                    f": found the key {name!r}, which is none of the columns: those are of the "
                    "first records; name all with --columns, or leave others out with "
                    "--extra-keys drop"
                )
            if self._refusal([b"{%b:%b}" % (orjson.dumps(name), raw)]):
                type = self._columns.types[name]
                return (
                    f", column {name!r}: found {excerpt(raw)}; expected "
                    f"{_IN_WORDS.get(type, str(type))}, as the first records have; "
                    f"--type '{name}=string' makes it text"
                )
        return f": found {excerpt(line)}; expected an object of different keys ({reason})"

    def _inexact(self, table: pa.Table, lines: bytes, first: int) -> str:
        for name in sorted(self._doubles):
            most = pc.max(pc.abs(table[name])).as_py()
            if most is None or most < _LEAST_INEXACT or not _MAY_BE_INEXACT.search(lines):
                continue
            for number, line in enumerate(lines.split(b"\n"), first):
                raw = dict(_pairs(line)).get(name.encode(), b"")
                if raw.lstrip(b"-").isdigit() and int(float(raw)) != int(raw):
                    return (
                        f"{self._name}: record {number:,}, column {name!r}: {raw.decode()} is "
                        f"written as {float(raw):.0f}, as the column is one of doubles; "
                        f"--type '{name}=string' keeps all digits"
                    )
        return ""


def _from_texts(texts: pa.ChunkedArray, type: pa.DataType) -> pa.ChunkedArray:
    if pa.types.is_time(type):  # which Arrow only makes of moments
        moments = pc.binary_join_element_wise("1970-01-01T", texts, "")
        return moments.cast(pa.timestamp(type.unit)).cast(type)
    return texts.cast(type)


def _pairs(line: bytes) -> Iterator[tuple[bytes, bytes]]:
    try:
        if line.lstrip().startswith(b"{"):
            yield from raw_pairs(line).items()
    except ValueError:  # a key comes twice
        return


def _in_quotes(line: bytes, texts: set[bytes], doubles: set[bytes]) -> bytes:
    """Return a record with the values of some columns in quotes.

    Raises:
        ValueError: it is no object, or a text stands where only numbers may.
    """
    if not line.lstrip().startswith(b"{"):
        raise ValueError("no object")
    parts = []
    for key, raw in raw_pairs(line).items():
        if key in texts and not raw.startswith(b'"') and raw != b"null":
            raw = orjson.dumps(raw.decode())
        elif key in doubles and raw != b"null" and raw not in _ODD_NUMBERS:
            if not math.isfinite(float(raw)):
                raise ValueError(f"{excerpt(raw)} is beyond a double")
            raw = b'"%b"' % raw
        parts.append(orjson.dumps(key.decode()) + b":" + raw)
    return b"{%b}\n" % b",".join(parts)
