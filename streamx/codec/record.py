"""Record: one record as a dict, decoded where it is read and encoded where it was set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from copy import deepcopy
from typing import Any

from streamx.codec.fields import Fields
from streamx.codec.json_values import value_of


class Record(MutableMapping[str, Any]):
    """One record of the input, used as a dict of text to values.

    A field becomes a Python value when it is read, once; a field that nobody sets leaves as the
    bytes that came, so 1.50, 007 and 10^30 survive. Setting a field to what it holds is setting it.

    The values of CSV are those that JSON would have: int, float, bool, None for a null and for an
    empty cell of a typed column, and text for the rest, a cell that does not fit its column
    included. JSON's are what they are; integers are exact, whatever their size.

    A list or dict inside a record may be changed in place: what was handed out is compared with
    what came, and written anew only where they differ.

    Records pickle and compare as dicts. `record | other` and `other | record` are records that
    keep the untouched bytes; `{**record}` is a dict of values, which does not. Whoever changes a
    record while going through it gets the names that there were.

    Args:
        fields: the names, and how the cells hold their values.
        cells: the record's cells as they stand, or its raw JSON values.
        line: for JSONL, the record's line, without its line feed.

    The encoder reads these, too: `_changes` has every name in order and whether its field is as
    it came, or is None where all are; `_values` has what was read or set.

    >>> from streamx.codec.layout import JsonlFormat
    >>> record = Record(Fields(JsonlFormat(), ("a", "b"), (0, 1)), (b"1.50", b"[]"))
    >>> record["c"] = record["a"] * 2
    >>> record
    {'a': 1.5, 'b': [], 'c': 3.0}
    """

    __slots__ = ("_cells", "_changes", "_fields", "_line", "_values")

    def __init__(self, fields: Fields, cells: Sequence[bytes], line: bytes = b"") -> None:
        self._fields = fields
        self._cells = cells
        self._line = line
        self._values: dict[str, Any] = {}
        self._changes: dict[str, bool] | None = None

    def __getitem__(self, name: str) -> Any:
        values = self._values
        if name in values:
            return values[name]
        if self._changes is not None and name not in self._changes:
            raise KeyError(name)
        index, read = self._fields.readers[name]
        value = values[name] = read(self._cells[index])
        return value

    def __setitem__(self, name: str, value: Any) -> None:
        if not isinstance(name, str):
            raise TypeError(f"a field's name is text; found {name!r} ({type(name).__name__})")
        if self._changes is None:
            self._changes = self._fields.untouched.copy()
        self._changes[name] = False
        self._values[name] = value

    def __delitem__(self, name: str) -> None:
        changes = self._fields.untouched.copy() if self._changes is None else self._changes
        del changes[name]
        self._changes = changes
        self._values.pop(name, None)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter([*self._names])

    def __reversed__(self) -> Iterator[str]:
        return reversed([*self._names])

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return repr(dict(self))

    def __or__(self, other: Mapping[str, Any]) -> Record:
        if not isinstance(other, Mapping):
            return NotImplemented
        merged = self.copy()
        merged.update(other)
        return merged

    def __ror__(self, other: Mapping[str, Any]) -> Record:
        if not isinstance(other, Mapping):
            return NotImplemented
        merged = Record(self._fields, self._cells, self._line)
        changes = merged._changes = {}
        merged.update(other)
        for name in self._names:
            merged._values.pop(name, None)
        changes.update(self._names)
        merged._values.update(self._values)
        return merged

    def __ior__(self, other: Any) -> Record:  # type: ignore[misc]  # as of dict: also of pairs
        self.update(other)
        return self

    def __copy__(self) -> Record:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Record:
        other = self.copy()
        other._values = deepcopy(self._values, memo)
        return other

    def __reduce__(self) -> tuple[object, ...]:
        return dict, (dict(self),)

    def copy(self) -> Record:
        """Return a record of the same fields that can be changed by itself."""
        other = Record(self._fields, self._cells, self._line)
        other._values = self._values.copy()
        other._changes = None if self._changes is None else self._changes.copy()
        return other

    def picked(self, names: Sequence[tuple[str, str]]) -> Record:
        """Return a record of some of the fields: for each its name, and the name it is to have.

        >>> from streamx.codec.layout import JsonlFormat
        >>> Record(Fields(JsonlFormat(), ("a", "b"), (0, 1)), (b"1", b"2")).picked([("b", "c")])
        {'c': 2}
        """
        untouched, values = self._names, self._values
        fields = self._fields.picked(tuple([pair for pair in names if untouched[pair[0]]]))
        other = Record(fields, self._cells, self._line)
        other._values = {new: values[old] for old, new in names if old in values}
        if len(fields.names) < len(names):
            other._changes = {new: untouched[old] for old, new in names}
        return other

    def popitem(self) -> tuple[str, Any]:
        """Remove the last field and return its name and value, as a dict does.

        Raises:
            KeyError: there is none.
        """
        name = next(reversed(self._names), None)
        if name is None:
            raise KeyError("popitem(): the record has no fields")
        return name, self.pop(name)

    def clear(self) -> None:
        """Remove all fields."""
        self._changes = {}
        self._values.clear()

    def as_reference(self) -> Record:
        """Return this; of a native record, the same one as the Python encoders take it."""
        return self

    @property
    def _names(self) -> dict[str, bool]:
        return self._fields.untouched if self._changes is None else self._changes

    def _settle(self) -> None:
        """Take handed-out lists and dicts that were changed since for set.

        Their texts are compared and not they, since True equals 1 and the order of keys counts.
        """
        names = self._names
        for name, value in self._values.items():
            if isinstance(value, list | dict) and names.get(name):
                raw = self._cells[self._fields.cell_of[name]]
                if not is_same(value, value_of(raw)):
                    self[name] = value


def is_same(one: object, other: object) -> bool:
    """Tell whether two values would be written alike."""
    try:
        return repr(one) == repr(other)
    except Exception:  # of a repr, or since it is too deep; what it is shows when it is encoded
        return False
