"""Writes small .xlsx files (ECMA-376), so that tests need no library for that."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
# A date, a moment, a time of day, a duration.
STYLES = {"date": 1, "moment": 2, "time": 3, "duration": 4}
_STYLES = (
    f'<styleSheet xmlns="{_MAIN}"><numFmts count="2">'
    '<numFmt numFmtId="164" formatCode="yyyy-mm-dd hh:mm:ss"/>'
    '<numFmt numFmtId="165" formatCode="[h]:mm:ss"/></numFmts><cellXfs count="5">'
    '<xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="21"/>'
    '<xf numFmtId="165"/></cellXfs></styleSheet>'
)

# A text, a number, a truth value, nothing, or a number of days in one of the styles.
Cell = str | float | bool | None | tuple[float, str]


def write_xlsx(path: Path, sheets: Mapping[str, Sequence[Sequence[Cell]]]) -> None:
    """Write sheets, each a list of rows; a text that begins with # is an error."""
    numbers = range(1, len(sheets) + 1)
    listed = "".join(
        f'<sheet name="{escape(name)}" sheetId="{number}" r:id="r{number}"/>'
        for number, name in zip(numbers, sheets, strict=True)
    )
    parts = [(f"r{number}", "worksheet", f"worksheets/{number}.xml") for number in numbers]
    parts.append(("s", "styles", "styles.xml"))
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("_rels/.rels", _links([("r1", "officeDocument", "xl/workbook.xml")]))
        packed.writestr("xl/_rels/workbook.xml.rels", _links(parts))
        packed.writestr("xl/styles.xml", _STYLES)
        packed.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>{listed}</sheets>'
            "</workbook>",
        )
        for number, rows in zip(numbers, sheets.values(), strict=True):
            body = "".join(f"<row>{''.join(map(_cell, row))}</row>" for row in rows)
            sheet = f'<worksheet xmlns="{_MAIN}"><sheetData>{body}</sheetData></worksheet>'
            packed.writestr(f"xl/worksheets/{number}.xml", sheet)


def _links(parts: Sequence[tuple[str, str, str]]) -> str:
    links = "".join(
        f'<Relationship Id="{id}" Type="{_RELATIONS}/{type}" Target="{target}"/>'
        for id, type, target in parts
    )
    return f'<Relationships xmlns="{_PACKAGE}">{links}</Relationships>'


def _cell(cell: Cell) -> str:
    if cell is None:
        return "<c/>"
    if isinstance(cell, tuple):
        return f'<c s="{STYLES[cell[1]]}"><v>{cell[0]!r}</v></c>'
    if isinstance(cell, bool):
        return f'<c t="b"><v>{cell:d}</v></c>'
    if isinstance(cell, str):
        kind = "e" if cell.startswith("#") else "str"
        return f'<c t="{kind}"><v>{escape(cell)}</v></c>'
    return f"<c><v>{cell!r}</v></c>"
