"""Resolves a recipe against the head of the input: header, types and columns become a Plan."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from streamx.codec import head as heads
from streamx.codec import keys_of, record_start
from streamx.codec.head import Header
from streamx.codec.layout import (
    MOST_COLUMNS,
    Column,
    ColumnType,
    CsvFormat,
    JsonlFormat,
)
from streamx.errors import InputError
from streamx.transform.operations import (
    Limit,
    Set,
    Where,
    before_records,
    named_columns,
    unknown_column,
)
from streamx.transform.plan import AnyPlan, Recipe
from streamx.transform.planning import (
    check_partition,
    is_open,
    layout_of,
    looks_into_records,
    opens_records,
    plan_of,
)

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
        return Resolution(_plan(recipe, (), header), header.end, 1)
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
    plan = _plan(recipe, columns, header, has_records=bool(sample))
    warnings += _open_warnings(plan, ending, source)
    line = head.count(b"\n", 0, header.end) + 1
    opening_bytes = _opening_bytes(plan, sample)
    return Resolution(plan, header.end, line, tuple(warnings), opening_bytes)


def header_warnings(header: Header, format: CsvFormat, head: bytes, source: str) -> Iterator[str]:
    """Say what the user should know about a header."""
    for text in (*header.warnings, *_doubts(header, format, head)):
        yield f"{source}: {text}"


def body_in(recipe: Recipe, head: bytes, ending: Ending, source: str) -> Header | None:
    """Return the header of a file, which ends where its records start; None if that is to come.

    Raises:
        BadRecordError: it cannot be read.
    """
    _refuse_other_data(head, source)
    start = heads.preamble_end(head, recipe.skip_lines, ending == "end")
    if start is None or not isinstance(recipe.source, CsvFormat):
        return None if start is None else Header((), (), start, ())
    return header_in(recipe, recipe.source, head, start, ending, source)


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
    if recipe.columns is not None and not opens_records(recipe):
        columns = tuple(Column(name) for name in recipe.columns)
        return Resolution(_plan(recipe, columns, nothing), start, line)
    is_free = isinstance(recipe.target, JsonlFormat) or recipe.columns is not None
    if is_free and not _touches_columns(recipe) and not _has_expressions(recipe):
        is_known = _is_partition_known(recipe, head, start, ending)
        return Resolution(_plan(recipe, (), nothing), start, line) if is_known else None
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
    plan = _plan(recipe, tuple(Column(key) for key in keys), nothing, has_records=bool(keys))
    warnings = (*warnings, *_open_warnings(plan, ending, source))
    return Resolution(plan, start, line, warnings, _opening_bytes(plan, head[start:end]))


def _is_partition_known(recipe: Recipe, head: bytes, start: int, ending: Ending) -> bool:
    """Tell whether the head is enough to know that JSONL has the columns it is divided by."""
    if not recipe.partition_by or opens_records(recipe) or ending in ("pause", "idle"):
        return True
    end = _sample_end(recipe, head, start, ending)
    if end is not None:
        known = [column.name for column in recipe.known_columns or ()]
        check_partition(recipe, known or keys_of(head[start:end]) or ())
    return end is not None


def _on_trust(recipe: Recipe, nothing: Header, line: int) -> Resolution:
    """Know no keys but those that are named, where others decide only the check of names."""
    named = tuple(Column(name) for name in named_columns(before_records(recipe.operations)))
    return Resolution(_plan(recipe, named, nothing, is_complete=False), nothing.end, line)


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


def _plan(
    recipe: Recipe,
    columns: tuple[Column, ...],
    header: Header,
    *,
    is_complete: bool = True,
    has_records: bool = False,
) -> AnyPlan:
    layout = layout_of(recipe, columns, is_complete=is_complete)
    if is_complete:
        check_partition(recipe, [pick.name for pick in layout.picks])
    return plan_of(recipe, layout, header, has_records=has_records)


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
    is_typed = isinstance(recipe.target, JsonlFormat) or looks_into_records(recipe)
    infers = is_typed and recipe.infers_types and recipe.known_columns is None
    return infers and not all(column.is_pinned for column in columns)


def _touches_columns(recipe: Recipe) -> bool:
    """Tell whether something touches the columns before something looks into records."""
    before = before_records(recipe.operations)
    return any(not isinstance(operation, Limit) for operation in before)


def _has_expressions(recipe: Recipe) -> bool:
    return any(isinstance(operation, Where | Set) for operation in recipe.operations)


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
