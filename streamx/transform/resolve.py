"""Resolves a recipe against the head of the input: header, types and columns become a Plan."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from streamx.codec import head as heads
from streamx.codec import keys_of, record_start
from streamx.codec.head import Header
from streamx.codec.layout import (
    BYTE_ORDER_MARK,
    MOST_COLUMNS,
    Column,
    ColumnType,
    CsvFormat,
    JsonlFormat,
    Layout,
    Pick,
)
from streamx.errors import InputError, UsageError
from streamx.transform.operations import (
    Limit,
    Operation,
    Select,
    Set,
    Where,
    adds_columns,
    apply_operations,
    before_records,
    check_expressions,
    limits_of,
    named_columns,
    unknown_column,
)
from streamx.transform.plan import AnyPlan, Plan, Recipe

if TYPE_CHECKING:
    from streamx.transform.alignment import Alignment

# What is known of the end of a head: more may follow at once; its first record has waited for a
# moment; nothing came for long enough to give up waiting; nothing will come.
Ending = Literal["open", "pause", "idle", "end"]

_MOST_FLAGS = 30


@dataclass(frozen=True, slots=True)
class Resolution:
    """A plan, and where in the head its first record starts.

    Attributes:
        plan: ready to run.
        start, line: byte position and line number of the first record after the header.
        warnings: what the user should know about the header and the types.
        opening_bytes: what the first chunk has to hold, if that makes a difference.
    """

    plan: AnyPlan
    start: int
    line: int
    warnings: tuple[str, ...] = ()
    opening_bytes: int | None = None


def resolve(recipe: Recipe, head: bytes, ending: Ending, source: str) -> Resolution | None:
    """Fix header, types and columns from the first bytes of the input.

    Args:
        recipe: what the user asked for.
        head: the input from its first byte on, as much as has been read.
        ending: "end" if the head is the whole input; "idle" if nothing has come for a while, and
            one whole record must be enough; "pause" if its first record has waited for a moment.
        source: the input's name, for messages.

    Returns:
        None if the head is too short to decide.

    Raises:
        UsageError: an option names a column that is not there.
        BadRecordError: the header cannot be read.
    """
    _refuse_other_data(head, source)
    if recipe.lenience is not None:
        recipe = replace(recipe, lenience=replace(recipe.lenience, source=source))
    start = heads.preamble_end(head, recipe.skip_lines, ending == "end")
    if start is None:
        return None
    if isinstance(recipe.source, CsvFormat):
        return _resolve_csv(recipe, recipe.source, head, start, ending, source)
    return _resolve_jsonl(recipe, head, start, ending, source)


def _resolve_csv(
    recipe: Recipe, format: CsvFormat, head: bytes, start: int, ending: Ending, source: str
) -> Resolution | None:
    header = header_in(recipe, format, head, start, ending, source)
    if header is None:
        return None
    if not header.names:
        return Resolution(plan_of(recipe, (), header), header.end, 1)
    columns: tuple[Column, ...] = pinned(recipe, header.names)
    warnings = list(header_warnings(header, format, head, source))
    infers = infers_types(recipe, columns)
    sample = b""
    if infers or is_open(recipe):
        end = _sample_end(recipe, head, header.end, ending)
        if end is None:
            return None
        sample = head[header.end : end]
    if infers:
        columns = heads.infer_columns(
            sample,
            format,
            columns,
            recipe.nulls,
            pads_short_records=recipe.pads_short_records,
            is_lenient=recipe.is_lenient,
        )
        if ending == "idle":
            flags = [f"--type {shlex.quote(f'{c.name}={c.type}')}" for c in columns]
            warnings.append(_idle_warning(source, "column types", flags, "--types string"))
    plan = plan_of(recipe, columns, header, has_records=bool(sample))
    warnings += _open_warnings(plan, ending, source)
    line = head.count(b"\n", 0, header.end) + 1
    opening_bytes = _opening_bytes(plan, sample)
    return Resolution(plan, header.end, line, tuple(warnings), opening_bytes)


def header_warnings(header: Header, format: CsvFormat, head: bytes, source: str) -> Iterator[str]:
    """Say what the user should know about a header."""
    for text in (*header.warnings, *_doubts(header, format, head)):
        yield f"{source}: {text}"


def header_in(
    recipe: Recipe, format: CsvFormat, head: bytes, start: int, ending: Ending, source: str
) -> Header | None:
    """Return the header of a CSV, without names if there is no record; None if it is yet to come.

    Raises:
        BadRecordError: it cannot be read.
    """
    if recipe.known_columns is not None:
        return Header((), tuple(column.name for column in recipe.known_columns), start, ())
    bounds = heads.first_record(head, start, format, ending == "end")
    if bounds is None:
        heads.refuse_endless(head, start, format, recipe.max_record_bytes, source)
        return None
    if bounds[0] == bounds[1]:
        return Header((), (), bounds[1], ())
    return heads.read_header(
        head,
        bounds,
        format,
        is_named=recipe.has_header,
        source=source,
        max_record_bytes=recipe.max_record_bytes,
    )


def _resolve_jsonl(
    recipe: Recipe, head: bytes, start: int, ending: Ending, source: str
) -> Resolution | None:
    line = head.count(b"\n", 0, start) + 1
    nothing = Header((), (), start, ())
    if recipe.columns is not None and not _opens_records(recipe):
        columns = tuple(Column(name) for name in recipe.columns)
        return Resolution(plan_of(recipe, columns, nothing), start, line)
    is_free = isinstance(recipe.target, JsonlFormat) or recipe.columns is not None
    if is_free and not _touches_columns(recipe) and not _has_expressions(recipe):
        return Resolution(plan_of(recipe, (), nothing), start, line)
    is_live = ending in ("pause", "idle")
    if is_free and is_live:
        return _on_trust(recipe, nothing, line)
    end = _sample_end(recipe, head, start, ending)
    if end is None:
        return None
    keys: list[str] | None = [column.name for column in recipe.known_columns or ()]
    if not keys:
        keys = keys_of(head[start:end], flattens=recipe.nested == "flatten")
    if keys == []:
        raise InputError(
            f"{source}: no key in the first records to make a column of; name some with --columns"
        )
    keys = keys or []
    if len(keys) > MOST_COLUMNS:
        if is_free:
            return _on_trust(recipe, nothing, line)
        raise InputError(
            f"{source}: {len(keys)} different keys in the first records; expected at most "
            f"{MOST_COLUMNS}, since each becomes a column; name those to keep with --columns"
        )
    warnings: tuple[str, ...] = ()
    if ending == "idle":
        flags = [f"--columns {shlex.quote(','.join(keys))}"]
        warnings = (_idle_warning(source, "the columns", flags, None),)
    plan = plan_of(recipe, tuple(Column(key) for key in keys), nothing, has_records=bool(keys))
    warnings = (*warnings, *_open_warnings(plan, ending, source))
    return Resolution(plan, start, line, warnings, _opening_bytes(plan, head[start:end]))


def _on_trust(recipe: Recipe, nothing: Header, line: int) -> Resolution:
    """Know no keys but those that are named, where others decide only the check of names."""
    named = tuple(Column(name) for name in named_columns(before_records(recipe.operations)))
    return Resolution(plan_of(recipe, named, nothing, is_complete=False), nothing.end, line)


def _sample_end(recipe: Recipe, head: bytes, start: int, ending: Ending) -> int | None:
    end = heads.sample_end(head, start, recipe.source, ending == "end", recipe.max_record_bytes)
    if end is None and ending == "idle":
        whole = heads.whole_records_end(head, start, recipe.source)
        return whole if whole > start else None
    return end


def _opening_bytes(plan: AnyPlan, sample: bytes) -> int | None:
    if not plan.is_open:
        return None
    from streamx.transform.opening import OPENING_RECORDS

    end = record_start(sample, plan.layout.source, OPENING_RECORDS)
    return len(sample) if end is None else end


def _open_warnings(plan: AnyPlan, ending: Ending, source: str) -> Iterator[str]:
    if plan.is_open and ending == "idle":
        yield (
            f"{source} went idle: the columns that functions add are those that they add to the "
            "records that had come; name all columns with --columns"
        )


def plan_of(
    recipe: Recipe,
    columns: tuple[Column, ...],
    header: Header,
    *,
    is_complete: bool = True,
    has_records: bool = False,
    order: Sequence[str] | None = None,
    alignment: Alignment | None = None,
) -> AnyPlan:
    """Return what a recipe comes to.

    Args:
        recipe: what the user asked for.
        columns: of the input.
        header: theirs, as it stands in a CSV.
        is_complete: there are no others.
        has_records: there are some.
        order: of the columns, where it is to be another one.
        alignment: what records get beside them; by default what the recipe says.
    """
    names = [column.name for column in columns]
    picks: Sequence[Pick] = ()
    before = _before(recipe)
    if order is not None:
        before = (Select(tuple(order)), *before)
    if names:
        picks = apply_operations(before, names, is_complete=is_complete)
    selects = any(isinstance(operation, Select) for operation in before)
    layout = Layout(
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
    if _opens_records(recipe):
        return _record_plan(recipe, layout, header, alignment, has_records=has_records)
    header_bytes = _output_header(recipe, header, picks)
    return Plan(layout, header_bytes, limits_of(recipe.operations), recipe.lenience)


def _record_plan(
    recipe: Recipe,
    layout: Layout,
    header: Header,
    alignment: Alignment | None,
    *,
    has_records: bool,
) -> AnyPlan:
    """Return the plan of a chain that looks into records; open, if it has some to look into."""
    from streamx.transform.opening import OpenHeader
    from streamx.transform.programs import as_program
    from streamx.transform.record_plan import RecordPlan, output_columns

    before = _before(recipe)
    steps = (
        *(operation for operation in before if isinstance(operation, Limit)),
        *recipe.operations[len(before) :],
    )
    picks: Mapping[str, int | None] = {pick.name: pick.index for pick in layout.picks}
    if alignment is None and recipe.source_column is not None:
        alignment = _naming(recipe.source_column, picks)
    if alignment is not None:
        picks = alignment.in_order({pick.name: pick.index for pick in layout.picks})
    if layout.picks:
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
    plan = RecordPlan(
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
    return as_program(plan)


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


def _output_header(recipe: Recipe, header: Header, picks: Sequence[Pick]) -> bytes:
    return _header(recipe, header, [pick.name for pick in picks], [pick.index for pick in picks])


def _header(
    recipe: Recipe, header: Header, names: Sequence[str], indexes: Sequence[int | None]
) -> bytes:
    if not isinstance(recipe.target, CsvFormat) or not names:
        return b""
    mark = BYTE_ORDER_MARK if recipe.add_bom else b""
    if not recipe.has_header:
        return mark
    return mark + heads.header_record(header, names, indexes, recipe.source, recipe.target)


def pinned(recipe: Recipe, names: Sequence[str]) -> tuple[Column, ...]:
    """Return columns of which those have a type that are told one.

    Raises:
        UsageError: one is told of that is not there.
    """
    known = set(names)
    for name in recipe.pinned_types:
        if name not in known:
            raise unknown_column(names, name, "--type")
    types = {column.name: column.type for column in recipe.known_columns or ()}
    types |= recipe.pinned_types
    return tuple(
        Column(name, types.get(name, ColumnType.STRING), name in recipe.pinned_types)
        for name in names
    )


def infers_types(recipe: Recipe, columns: Sequence[Column]) -> bool:
    """Tell whether a sample has to decide the types of a CSV's columns."""
    is_typed = isinstance(recipe.target, JsonlFormat) or _looks_into_records(recipe)
    infers = is_typed and recipe.infers_types and recipe.known_columns is None
    return infers and not all(column.is_pinned for column in columns)


def _touches_columns(recipe: Recipe) -> bool:
    """Tell whether something touches the columns before something looks into records."""
    before = before_records(recipe.operations)
    return any(not isinstance(operation, Limit) for operation in before)


def _before(recipe: Recipe) -> Sequence[Operation]:
    """Return the operations that are but another description of the columns."""
    return () if recipe.is_aligned else before_records(recipe.operations)


def _looks_into_records(recipe: Recipe) -> bool:
    return len(before_records(recipe.operations)) < len(recipe.operations)


def _has_expressions(recipe: Recipe) -> bool:
    return any(isinstance(operation, Where | Set) for operation in recipe.operations)


def _opens_records(recipe: Recipe) -> bool:
    return recipe.is_aligned or _looks_into_records(recipe)


def is_open(recipe: Recipe) -> bool:
    """Tell whether functions may add columns to the output."""
    is_free = isinstance(recipe.target, CsvFormat) and recipe.columns is None
    return is_free and adds_columns(recipe.operations)


def _refuse_other_data(head: bytes, source: str) -> None:
    """Recognise what is often taken for text, since its bytes would only give odd messages."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(
            f"{source}: found UTF-16; expected UTF-8, which --encoding names; leave that out"
        )


def _doubts(header: Header, format: CsvFormat, head: bytes) -> Iterator[str]:
    """Say what about a header makes it likely that the file is not what it is taken for."""
    if any("\r" in name for name in header.names):
        yield (
            "the header holds a carriage return, which is data unless a line feed follows; if "
            "lines end with it, put tr '\\r' '\\n' in front"
        )
    if len(header.cells) != 1:
        return
    for other in (b",", b";", b"\t", b"|"):
        width = None if other == format.delimiter else heads.width_with(other, head, header, format)
        if width is not None:
            shown = "tab" if other == b"\t" else f"'{other.decode()}'"
            yield (
                f"there is one column, {header.names[0]!r}, and there would be {width} with "
                f"-d {shown}; say so, or --sniff"
            )
            return


def _idle_warning(source: str, what: str, flags: list[str], other: str | None) -> str:
    shown = " ".join(flags) if len(flags) <= _MOST_FLAGS else f"{flags[0]} and so on"
    alternative = f", or {other}" if other else ""
    return (
        f"{source} went idle: {what} were decided from the records that had come; "
        f"pin them with {shown}{alternative}"
    )
