"""Groups the records of an output by what they hold in some columns."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

from streamx.codec.counting import count_records
from streamx.codec.layout import CsvFormat
from streamx.codec.reference.csv_records import csv_scanner
from streamx.codec.reference.json_records import cell_value, raw_items, string_value
from streamx.codec.sections import MISSING, SEPARATOR, Division, section


def sections_of(data: bytes | memoryview, division: Division) -> bytes:
    r"""Return whole records as sections, each where its first record came.

    Args:
        data: output, as this program has written it.
        division: what it is divided by.

    >>> from streamx.codec.layout import JsonlFormat
    >>> division = Division(JsonlFormat(), ("a",))
    >>> sections_of(b'{"a":7}\n{"a":""}\n{"a":"7"}\n', division)[16:38]
    b'7{"a":7}\n{"a":"7"}\n\x00\x00\x00'
    """
    data = bytes(data)
    if not division.by:
        return section(b"", count_records(data, division.format), data)
    groups: dict[bytes, list[bytes]] = {}
    for label, record in labelled(data, division):
        groups.setdefault(label, []).append(record)
    return b"".join(
        section(label, len(records), b"".join(records)) for label, records in groups.items()
    )


def labelled(data: bytes, division: Division) -> Iterator[tuple[bytes, bytes]]:
    """Yield the label of each record, and the record."""
    if isinstance(division.format, CsvFormat):
        yield from _labelled_csv(data, division, division.format)
        return
    names = [name.encode() for name in division.by]
    for line in BytesIO(data):
        # Of a key that comes twice the last one counts, as for most who read JSON.
        values = {string_value(key): value for key, value in raw_items(line)}
        texts = [cell_value(values[name]) if name in values else MISSING for name in names]
        yield SEPARATOR.join(texts), line


def _labelled_csv(
    data: bytes, division: Division, format: CsvFormat
) -> Iterator[tuple[bytes, bytes]]:
    scanner, indexes = csv_scanner(format), division.indexes
    start = 0
    while start < len(data):
        end = scanner.next_boundary(data, start)
        record = data[start:end]
        cells = scanner.cells(record.removesuffix(b"\n").removesuffix(b"\r"))
        assert cells is not None, "an output holds no bad record"
        yield SEPARATOR.join([scanner.value(cells[index]) for index in indexes]), record
        start = end
