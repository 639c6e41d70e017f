"""Resolves a recipe against the headers of several CSV files, which become those of one table."""

from __future__ import annotations

from dataclasses import replace

from streamx.codec.layout import Column, ColumnType, Layout
from streamx.transform.alignment import Alignment
from streamx.transform.column_types import ColumnTypes
from streamx.transform.plan import AnyPlan, Plan, Recipe
from streamx.transform.planning import (
    check_partition,
    layout_of,
    opens_records,
    plan_of,
    record_plan_of,
)
from streamx.transform.programs import as_program
from streamx.transform.resolve import Resolution, header_warnings, pinned
from streamx.transform.table import Kind, Table


def resolve_table(table: Table, types: ColumnTypes) -> Resolution:
    """Fix types and columns of several files.

    Args:
        table: their headers.
        types: has seen the samples that it wanted.

    Raises:
        UsageError: an option names a column that is not there.
    """
    header = table.header
    if not header.names:
        return Resolution(plan_of(table.recipe, layout_of(table.recipe, ()), header), 0, 1)
    has_gaps = any(len(kind.header.names) < len(header.names) for kind in table.kinds)
    recipe = replace(table.recipe, has_gaps=has_gaps)
    columns = tuple(
        each if each.is_pinned else Column(each.name, types.of(each.name))
        for each in pinned(recipe, header.names)
    )
    warnings = [
        text
        for kind in table.kinds
        for text in header_warnings(kind.header, table.format, kind.head, kind.source)
    ]
    plan = _plan(recipe, table, columns, has_records=types.has_records)
    return Resolution(plan, 0, 1, tuple(warnings))


def _plan(
    recipe: Recipe, table: Table, columns: tuple[Column, ...], *, has_records: bool
) -> AnyPlan:
    header = table.header
    layout = layout_of(recipe, columns)
    check_partition(recipe, [pick.name for pick in layout.picks])
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
