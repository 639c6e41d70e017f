"""Checks single values of options; each function returns what it was given, made definite.

Every function raises UsageError, naming the option, for a value that cannot work.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

from streamx.codec.layout import ColumnType, CsvFormat, Format, JsonlFormat
from streamx.compression import uncompressed_path
from streamx.errors import UsageError
from streamx.formats import FileFormat, format_named, format_with, known_formats
from streamx.transform.functions import Apply
from streamx.transform.operations import Limit, Operation, Rename, Set, Where

FormatName = Literal["csv", "tsv", "jsonl"]

RECORD_FORMATS: tuple[FormatName, ...] = get_args(FormatName)

# More than there can be, and no more than C and Python's iterators count to.
MOST_RECORDS = 10**18

_EXTENSIONS: dict[str, FormatName] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}


def format_of(path: str, side: str, option: str) -> str:
    """Return the name of the format that a path's extension stands for."""
    extension = os.path.splitext(uncompressed_path(path))[1]
    if extension in _EXTENSIONS:
        return _EXTENSIONS[extension]
    format = format_with(extension)
    if format is None:
        what = f"standard {side}" if path == "-" else repr(path)
        raise UsageError(
            f"the format of {what} cannot be told from its name; say {option} {_listed_formats()}"
        )
    return format.name


def format_names() -> list[str]:
    """Return the names of all formats, those that other packages have registered included."""
    return [*RECORD_FORMATS, *(each.name for each in known_formats())]


def checked_format(name: str | None) -> None:
    """Refuse the name of a format that there is not; the text is to follow that of the option."""
    if name is None or name in RECORD_FORMATS or format_named(name) is not None:
        return
    from streamx.nearest import did_you_mean  # for this alone

    hint = did_you_mean(name, format_names())
    raise UsageError(f"{name!r} is no format; say {_listed_formats()}{hint}")


def _listed_formats() -> str:
    *others, last = format_names()
    return f"{', '.join(others)} or {last}"


def file_format(name: str) -> FileFormat | None:
    """Return the format of files of that name, None for CSV, TSV and JSONL, read as they are."""
    return None if name in RECORD_FORMATS else format_named(name)


def record_format(name: str) -> FormatName:
    """Return the format of the records of a file, which is JSONL but for CSV and TSV."""
    return next((each for each in RECORD_FORMATS if each == name), "jsonl")


def format_from(
    name: FormatName,
    delimiter: str | None,
    quote: str | None,
    option: str,
    *,
    crlf: bool = False,
    escapes_formulas: bool = False,
) -> Format:
    """Return a format with its delimiter and quote."""
    if name == "jsonl":
        return JsonlFormat()
    default = "\t" if name == "tsv" else ","
    separator = character(default if delimiter is None else delimiter, option)
    quotes = character('"' if quote is None else quote, "--quote")
    if separator == quotes:
        raise UsageError(f"{option} and --quote are both {separator.decode()!r}; choose two")
    if escapes_formulas and b"'" in (separator, quotes):
        raise UsageError(
            f"--escape-formulas puts ' before cells; choose another {option} and another --quote"
        )
    return CsvFormat(separator, quotes, b"\r\n" if crlf else b"\n", escapes_formulas)


def character(text: str, option: str) -> bytes:
    """Return the byte of a one-character option; `tab` and `\\t` are tabs."""
    text = {"tab": "\t", r"\t": "\t"}.get(text, text)
    if len(text) != 1 or not text.isascii() or text in "\r\n\0":
        raise UsageError(f"{option} {text!r} is not one ASCII character; give one, or `tab`")
    return text.encode()


def column_type(name: str, type: str) -> ColumnType:
    """Return the type of a name."""
    try:
        return ColumnType(type)
    except ValueError:
        known = ", ".join(ColumnType)
        from streamx.nearest import did_you_mean  # for this alone

        hint = did_you_mean(type, map(str, ColumnType))
        raise UsageError(
            f"--type {name}={type}: no type {type!r}; the types are: {known}{hint}"
        ) from None


def distinct_names(names: Sequence[str], option: str) -> tuple[str, ...]:
    """Return names of which there is at least one and none twice."""
    seen: set[str] = set()
    for name in names:
        if utf8_text(name, option) in seen:
            raise UsageError(f"{option} names {name!r} twice")
        seen.add(name)
    if not names:
        raise UsageError(f"{option} names no column")
    return tuple(names)


def checked_operation(operation: Operation | Callable[..., Any]) -> Operation:
    """Return an operation whose own values can work; a callable is one that is to be called."""
    if callable(operation) and not isinstance(operation, Operation):
        return Apply(operation)
    if isinstance(operation, Limit):
        at_least(operation.records, 0, "--limit")
        at_most(operation.records, MOST_RECORDS, "--limit")
    elif isinstance(operation, Where | Set):
        operation.expression()
    elif isinstance(operation, Rename):
        utf8_text(operation.new, "--rename")
    if isinstance(operation, Set):
        utf8_text(operation.name, "--set")
    return operation


def utf8_text(text: str, option: str) -> str:
    """Refuse what cannot be UTF-8: an argument in some other encoding."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{option} {text!a} is not valid UTF-8") from None
    return text


def at_least(value: int | None, least: int, option: str) -> None:
    """Refuse a number that is too small."""
    if value is not None and value < least:
        raise UsageError(f"{option} {value} cannot work; it must be at least {least}")


def at_most(value: int | None, most: int, option: str) -> None:
    """Refuse a number that is too large."""
    if value is not None and value > most:
        raise UsageError(f"{option} {value} cannot work; it must be at most {most:,}")
