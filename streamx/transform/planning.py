"""Planning: what a recipe comes to for columns that are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from streamx.codec import head as heads
from streamx.codec.head import Header
from streamx.codec.layout import BYTE_ORDER_MARK, Column, CsvFormat, Layout, Pick
from streamx.errors import UsageError
from streamx.transform.operations import (
    Limit,
    Operation,
    Select,
    adds_columns,
    apply_operations,
    before_records,
    check_expressions,
    limits_of,
)
from streamx.transform.plan import AnyPlan, Plan, Recipe

if TYPE_CHECKING:
    from streamx.transform.alignment import Alignment
    from streamx.transform.record_plan import RecordPlan


def layout_of(
    recipe: Recipe,
    columns: tuple[Column, ...],
    *,
    is_complete: bool = True,
    order: Sequence[str] | None = None,
) -> Layout:
    """Return how records are converted, as far as operations are but a description of columns.

    Args:
        recipe: what the user asked for.
        columns: of the input.
        is_complete: there are no others.
        order: of the columns, where the output is to have another one.

    Raises:
        UsageError: an operation names a column that is not there.
    """
    names = [column.name for column in columns]
    picks: Sequence[Pick] = ()
    before = _before(recipe)
    if order is not None:
        before = (Select(tuple(order)), *before)
    if names:
        picks = apply_operations(before, names, is_complete=is_complete)
    selects = any(isinstance(operation, Select) for operation in before)
    return Layout(
        source=recipe.source,
        target=recipe.target,
        columns=columns,
        picks=tuple(picks),
        is_unchanged=all(isinstance(operation, Limit) for operation in before),
        passes_unknown_keys=not selects,
        ignores_extra_keys=selects,
        drops_extra_keys=recipe.extra_keys == "drop",
        nulls=recipe.nulls,
        strict_types=recipe.strict_types,
        flattens=recipe.nested == "flatten",
        pads_short_records=recipe.pads_short_records,
        is_lenient=recipe.is_lenient,
        max_record_bytes=recipe.max_record_bytes,
    )


def plan_of(
    recipe: Recipe, layout: Layout, header: Header, *, has_records: bool = False
) -> AnyPlan:
    """Return what a recipe comes to for the columns of a layout.

    Args:
        recipe: what the user asked for.
        layout: see `layout_of`.
        header: of the columns, as it stands in a CSV.
        has_records: there are some.

    Raises:
        UsageError: an expression names a column that is not there.
    """
    if opens_records(recipe):
        from streamx.transform.programs import as_program

        return as_program(record_plan_of(recipe, layout, header, has_records=has_records))
    names = [pick.name for pick in layout.picks]
    text = _header(recipe, header, names, [pick.index for pick in layout.picks])
    return Plan(layout, text, limits_of(recipe.operations), recipe.lenience)


def record_plan_of(
    recipe: Recipe,
    layout: Layout,
    header: Header,
    alignment: Alignment | None = None,
    *,
    has_records: bool = False,
) -> RecordPlan:
    """Return the plan of a chain that looks into records; open, if it has some to look into.

    Args:
        recipe, layout, header, has_records: see `plan_of`.
        alignment: what records get beside the layout's columns; by default what the recipe says.
    """
    from streamx.transform.opening import OpenHeader
    from streamx.transform.record_plan import RecordPlan, output_columns

    before = _before(recipe)
    steps = (
        *(operation for operation in before if isinstance(operation, Limit)),
        *recipe.operations[len(before) :],
    )
    own = {pick.name: pick.index for pick in layout.picks}
    if alignment is None and recipe.source_column is not None:
        alignment = _naming(recipe.source_column, own)
    picks: Mapping[str, int | None] = own if alignment is None else alignment.in_order(own)
    if own:
        names = check_expressions(steps, list(picks))
        if recipe.priority is not None:
            recipe.priority.check(names)
    columns: dict[str, int | None] = {}
    if isinstance(recipe.target, CsvFormat):
        columns = output_columns(_named_columns(recipe), picks, steps)
    text = _header(recipe, header, list(columns), list(columns.values()))
    limits = tuple(step.records for step in steps if isinstance(step, Limit))
    open_header = None
    if has_records and 0 not in limits and is_open(recipe):
        assert isinstance(recipe.target, CsvFormat)
        mark = BYTE_ORDER_MARK if recipe.add_bom else b""
        text = text.removeprefix(mark)
        open_header = OpenHeader(recipe.target, text, is_written=recipe.has_header, mark=mark)
    return RecordPlan(
        layout=layout,
        steps=steps,
        header=b"" if open_header else text,
        limits=limits,
        columns=tuple(columns),
        open_header=open_header,
        extra_keys=recipe.extra_keys,
        calls=recipe.calls,
        lenience=recipe.lenience,
        priority=recipe.priority,
        alignment=alignment,
    )


def check_partition(recipe: Recipe, names: Sequence[str]) -> None:
    """Refuse to divide an output by what is no column of it, as far as that is known.

    Args:
        recipe: what the user asked for.
        names: the columns that the first operation gets that looks into records; none if unknown.

    Raises:
        UsageError: a column is not there.
    """
    if not recipe.partition_by or not names or adds_columns(recipe.operations):
        return
    from streamx.transform.dividing import check_columns  # few runs need it
    from streamx.transform.record_plan import output_columns

    if recipe.source_column is not None:
        names = (*names, recipe.source_column)
    steps = recipe.operations[len(_before(recipe)) :]
    is_named = opens_records(recipe) and isinstance(recipe.target, CsvFormat)
    named = _named_columns(recipe) if is_named else None
    check_columns(recipe.partition_by, tuple(output_columns(named, dict.fromkeys(names, 0), steps)))


def opens_records(recipe: Recipe) -> bool:
    """Tell whether records are looked into, or get columns."""
    return recipe.is_aligned or looks_into_records(recipe)


def looks_into_records(recipe: Recipe) -> bool:
    """Tell whether an operation looks into records."""
    return len(before_records(recipe.operations)) < len(recipe.operations)


def is_open(recipe: Recipe) -> bool:
    """Tell whether functions may add columns to the output."""
    is_free = isinstance(recipe.target, CsvFormat) and recipe.columns is None
    return is_free and adds_columns(recipe.operations)


def _before(recipe: Recipe) -> Sequence[Operation]:
    """Return the operations that are but a description of the columns."""
    return () if recipe.is_aligned else before_records(recipe.operations)


def _naming(column: str, names: Iterable[str]) -> Alignment:
    """Return what adds a column that names the file of each record."""
    from streamx.transform.alignment import Alignment  # few runs need it

    if column in names:
        raise UsageError(
            f"--add-source {column}: the input has a column of that name; choose another"
        )
    return Alignment(source=column)


def _named_columns(recipe: Recipe) -> tuple[str, ...] | None:
    """Return the columns of a CSV output that are named, that of the source with them."""
    named, source = recipe.columns, recipe.source_column
    if named is None or source is None or source in named:
        return named
    return (*named, source)


def _header(
    recipe: Recipe, header: Header, names: Sequence[str], indexes: Sequence[int | None]
) -> bytes:
    if not isinstance(recipe.target, CsvFormat) or not names:
        return b""
    mark = BYTE_ORDER_MARK if recipe.add_bom else b""
    if not recipe.has_header:
        return mark
    return mark + heads.header_record(header, names, indexes, recipe.source, recipe.target)
