"""Resolves a recipe against the headers of several CSV files, which become those of one table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import NamedTuple

from streamx.codec import head as heads
from streamx.codec.head import Header
from streamx.codec.layout import Column, ColumnType, CsvFormat, Layout
from streamx.codec.reference.csv_records import csv_scanner
from streamx.errors import InputError
from streamx.transform.alignment import Alignment
from streamx.transform.plan import AnyPlan, Plan, Recipe
from streamx.transform.planning import (
    is_open,
    layout_of,
    opens_records,
    plan_of,
    record_plan_of,
)
from streamx.transform.programs import as_program
from streamx.transform.resolve import Resolution, header_warnings, infers_types, pinned

_MOST_NAMED = 10


class Kind(NamedTuple):
    """Files whose headers have the same names in the same order.

    Attributes:
        header: of the first of them.
        head: that file's first bytes, where they are looked at once more.
        source: its name.
        file: its number.
    """

    header: Header
    head: bytes
    source: str
    file: int


class Sample(NamedTuple):
    """The first records of a file.

    Attributes:
        kind: the number of its kind.
        records: whole ones.
    """

    kind: int
    records: bytes


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

    def add(self, header: Header, head: bytes, source: str, file: int) -> int:
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
        self.kinds.append(Kind(header, shown, source, file))
        for name, cell in zip(header.names, header.cells, strict=True):
            self._names.setdefault(name, self._cell(name, cell))
        return len(self.kinds) - 1

    def firsts(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the number of each kind that is the first to have some columns, and these."""
        known: set[str] = set()
        for number, kind in enumerate(self.kinds):
            new = [name for name in kind.header.names if name not in known]
            if new:
                yield number, new
            known.update(new)

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


def wanted_samples(table: Table) -> list[int]:
    """Return the kinds of files with which samples have to begin.

    Raises:
        UsageError: an option names a column that is not there.
    """
    if not table.kinds:
        return []
    if infers_types(table.recipe, pinned(table.recipe, table.header.names)):
        return [number for number, _ in table.firsts()]
    return [0] if is_open(table.recipe) else []


def resolve_table(table: Table, samples: Mapping[int, Sequence[Sample]]) -> Resolution:
    """Fix types and columns of several files.

    Args:
        table: their headers.
        samples: for the wanted kinds the first records of the files from the first of that kind on,
            as many as make the sample of one file.

    Raises:
        UsageError: an option names a column that is not there.
    """
    header = table.header
    if not header.names:
        return Resolution(plan_of(table.recipe, layout_of(table.recipe, ()), header), 0, 1)
    has_gaps = any(len(kind.header.names) < len(header.names) for kind in table.kinds)
    recipe = replace(table.recipe, has_gaps=has_gaps)
    columns = pinned(recipe, header.names)
    if infers_types(recipe, columns):
        types: dict[str, ColumnType] = {}
        for number, names in table.firsts():
            found = _types(table, samples[number])
            types |= {name: found.get(name, ColumnType.STRING) for name in names}
        columns = tuple(
            each if each.is_pinned else Column(each.name, types[each.name]) for each in columns
        )
    warnings = [
        text
        for kind in table.kinds
        for text in header_warnings(kind.header, table.format, kind.head, kind.source)
    ]
    plan = _plan(recipe, table, columns, has_records=_any_record(samples))
    return Resolution(plan, 0, 1, tuple(warnings))


def _any_record(samples: Mapping[int, Sequence[Sample]]) -> bool:
    return any(sample.records for each in samples.values() for sample in each)


def _plan(
    recipe: Recipe, table: Table, columns: tuple[Column, ...], *, has_records: bool
) -> AnyPlan:
    header = table.header
    layout = layout_of(recipe, columns)
    if table.is_uniform:
        return plan_of(recipe, layout, header, has_records=has_records)
    layouts = [_layout_of_kind(recipe, table, kind, columns) for kind in table.kinds]
    if not opens_records(recipe):
        plan = plan_of(recipe, layout, header)
        assert isinstance(plan, Plan), "nothing looks into records"
        return replace(plan, shapes=tuple(layouts))
    whole = record_plan_of(recipe, layout, header, has_records=has_records)
    plans = [
        record_plan_of(recipe, own, header, _alignment_of(recipe, table, kind, columns))
        for own, kind in zip(layouts, table.kinds, strict=True)
    ]
    programs = [each for each in map(as_program, (whole, *plans)) if isinstance(each, Plan)]
    if len(programs) > len(plans):  # all of them, so that all count limits alike
        return replace(programs[0], shapes=tuple(each.layout for each in programs[1:]))
    return replace(whole, shapes=tuple((each.layout, each.alignment) for each in plans))


def _layout_of_kind(
    recipe: Recipe, table: Table, kind: Kind, columns: tuple[Column, ...]
) -> Layout:
    by_name = {column.name: column for column in columns}
    own = tuple(by_name[name] for name in kind.header.names)
    is_reordered = len(own) == len(columns) and own != columns
    return layout_of(recipe, own, order=table.header.names if is_reordered else None)


def _alignment_of(
    recipe: Recipe, table: Table, kind: Kind, columns: tuple[Column, ...]
) -> Alignment | None:
    """Return what records of a kind lack, if they lack something."""
    known = set(kind.header.names)
    missing = [column for column in columns if column.name not in known]
    if not missing:
        return None
    values = tuple((column.name, _empty(recipe, column)) for column in missing)
    return Alignment(values, table.header.names, recipe.source_column)


def _empty(recipe: Recipe, column: Column) -> str | None:
    """Return what an empty cell of a column is."""
    is_null = column.type is not ColumnType.STRING or b"" in recipe.nulls
    return None if is_null else ""


def _types(table: Table, samples: Iterable[Sample]) -> dict[str, ColumnType]:
    """Return the types of columns that have values, as if the samples were one."""
    types: dict[str, ColumnType] = {}
    for kind, records in filter(attrgetter("records"), samples):
        for name, type in _types_in(table, table.kinds[kind], records):
            types[name] = type if name not in types else _common(types[name], type)
    return types


def _types_in(table: Table, kind: Kind, records: bytes) -> Iterator[tuple[str, ColumnType]]:
    """Yield the types of the columns that have values in a sample."""
    names = kind.header.names
    columns = tuple(map(Column, names))
    number = next(
        n for n in range(len(table.recipe.nulls) + 1) if b"%d" % n not in table.recipe.nulls
    )
    if not records.endswith(b"\n"):
        records += b"\n"
    record = table.format.delimiter.join([b"%d" % number] * len(names)) + b"\n"
    found = _inferred(table, records, columns)
    with_numbers = _inferred(table, records + record, columns)
    for each, other in zip(found, with_numbers, strict=True):
        # A number more makes a difference to what is no text only where there is no value.
        if each.type is not ColumnType.STRING or other.type is ColumnType.STRING:
            yield each.name, each.type


def _inferred(table: Table, records: bytes, columns: tuple[Column, ...]) -> tuple[Column, ...]:
    recipe = table.recipe
    return heads.infer_columns(
        records,
        table.format,
        columns,
        recipe.nulls,
        pads_short_records=recipe.pads_short_records,
        is_lenient=recipe.is_lenient,
    )


def _common(one: ColumnType, other: ColumnType) -> ColumnType:
    """Return the type that cells of two types have in common."""
    if one is other:
        return one
    numbers = {ColumnType.INTEGER, ColumnType.NUMBER}
    return ColumnType.NUMBER if {one, other} == numbers else ColumnType.STRING


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(map(repr, names[:_MOST_NAMED])) + more
