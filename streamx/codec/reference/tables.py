"""Reads the records of a slice of CSV into the table that suits what is wanted of them."""

from __future__ import annotations

from streamx.codec.layout import Layout
from streamx.codec.reference.csv_records import CsvScanner
from streamx.codec.reference.csv_table import CsvTable, CsvTexts
from streamx.codec.reference.lenient_table import LenientTable
from streamx.codec.reference.slices import is_utf8


def read_cells(data: bytes, scanner: CsvScanner, layout: Layout, limit: int | None) -> CsvTable:
    """Read records of which the cells are wanted as they stand."""
    table = LenientTable if layout.is_lenient else CsvTable
    return table(data, scanner, layout, limit)


def read_values(
    data: bytes, scanner: CsvScanner, layout: Layout, limit: int | None
) -> CsvTable | CsvTexts:
    """Read records of which only the texts are wanted, by the quickest way that can judge them."""
    is_text = not layout.is_lenient or is_utf8(data)
    texts = scanner.texts(data) if is_text and scanner.quote in data else None
    if texts is not None and {len(record) for record in texts} <= {0, len(layout.columns)}:
        return CsvTexts(data, scanner, texts, limit)
    return read_cells(data, scanner, layout, limit)
