"""Table: the columns that several CSV files have together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from streamx.codec.head import Header
from streamx.codec.layout import CsvFormat
from streamx.codec.reference.csv_records import csv_scanner
from streamx.errors import InputError
from streamx.transform.plan import Recipe

_MOST_NAMED = 10


class Kind(NamedTuple):
    """Files whose headers have the same names in the same order.

    Attributes:
        header: of the first of them.
        head: that file's first bytes, where they are looked at once more.
        source: its name.
    """

    header: Header
    head: bytes
    source: str


@dataclass(slots=True)
class Table:
    """The columns of several files, as far as these have been looked at.

    Attributes:
        recipe: says what headers must be.
        format: of the files.
        kinds: in the order in which they first come.
    """

    recipe: Recipe
    format: CsvFormat
    kinds: list[Kind] = field(default_factory=list)
    _numbers: dict[tuple[str, ...], int] = field(default_factory=dict)
    _names: dict[str, bytes] = field(default_factory=dict)

    @property
    def header(self) -> Header:
        """The header of all files as of one."""
        return Header(tuple(self._names.values()), tuple(self._names), 0, ())

    @property
    def is_uniform(self) -> bool:
        """Tell whether all files have the same columns in the same order."""
        return len(self.kinds) <= 1

    def add(self, header: Header, head: bytes, source: str) -> int:
        """Add the header of a file, which its head shows; return the number of its kind.

        Raises:
            InputError: it has other columns than the first, and must not.
        """
        number = self._numbers.get(header.names)
        if number is not None:
            return number
        if self.recipe.headers == "same" and self.kinds:
            self._refuse_other(header.names, source)
        self._numbers[header.names] = len(self.kinds)
        shown = head if len(header.cells) == 1 else b""
        self.kinds.append(Kind(header, shown, source))
        for name, cell in zip(header.names, header.cells, strict=True):
            self._names.setdefault(name, self._cell(name, cell))
        return len(self.kinds) - 1

    def _cell(self, name: str, cell: bytes) -> bytes:
        """Return a cell of the joint header: as it stands, unless the name is another than that."""
        is_own = csv_scanner(self.format).value(cell) == name.encode()
        return cell if is_own else name.encode()

    def _refuse_other(self, names: Sequence[str], source: str) -> None:
        own = set(names)
        lacking = [name for name in self._names if name not in own]
        new = [name for name in names if name not in self._names]
        if not lacking and not new:
            return
        found = " and ".join(
            f"{verb} {_listed(names)}"
            for verb, names in (("lacks", lacking), ("has", new))
            if names
        )
        raise InputError(
            f"{source}: the header {found}, unlike that of {self.kinds[0].source}; expected the "
            "same columns in all files, in any order, or --headers union, which takes those of all"
        )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(map(repr, names[:_MOST_NAMED])) + more
