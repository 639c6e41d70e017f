"""Alignment: what makes the records of one file of an input like those of all others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from streamx.transform.results import CallError, Item, Refuse


@dataclass(frozen=True, slots=True)
class Alignment:
    """What the records of a file get beside their own fields, before any step of a chain.

    Attributes:
        missing: columns of other files, each with what an empty cell is there: null or "".
        names: all of these columns in order, if the file has others, or another order.
        source: the column that names the file, behind all others; None for none.
        file: the name of the file, which is known file by file.
    """

    missing: tuple[tuple[str, str | None], ...] = ()
    names: tuple[str, ...] | None = None
    source: str | None = None
    file: str = ""

    @property
    def added(self) -> dict[str, str | None]:
        """The columns that records get, with their values."""
        named = {} if self.source is None else {self.source: self.file}
        return {**dict(self.missing), **named}

    def in_order(self, own: Mapping[str, int]) -> dict[str, int | None]:
        """Return all columns, each with the number that it has among the file's own, if it has one.

        >>> Alignment((("b", ""),), ("a", "b"), "file").in_order({"a": 0})
        {'a': 0, 'b': None, 'file': None}
        """
        names = (*(own if self.names is None else self.names), *self.added)
        return {name: own.get(name) for name in names}

    def aligned(self, items: Iterable[tuple[Any, int]], refuse: Refuse) -> Iterator[Item]:
        """Yield the codec's records with all columns, in order.

        Args:
            items: the records, and where they stand.
            refuse: told of a record that has a field of the name that the source's column has.
        """
        source, added = self.source, self.added
        pairs = None if self.names is None else [(name, name) for name in self.in_order({})]
        for record, position in items:
            if source is not None and record.get(source) is not None:
                refuse(_taken(source, position), (position,))
                continue
            for name, value in added.items():
                record[name] = value
            yield record if pairs is None else record.picked(pairs), position


def _taken(name: str, position: int) -> CallError:
    found = f"the key {name!r}, which --add-source adds"
    expected = "no such key; name another column with --add-source"
    return CallError(position, found, expected, kind="source column")
