"""Kinds of values that options take, and options that several commands share."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from streamx.codec.layout import ColumnType
from streamx.errors import UsageError
from streamx.formats import BUILT_IN
from streamx.values import RECORD_FORMATS, checked_format, format_names

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

F = TypeVar("F", bound=Callable[..., Any])

_SIZE = re.compile(r"([0-9]+)\s*([KMGT]?)i?B?", re.IGNORECASE)
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|)")
_RATE = re.compile(r"([0-9]+(?:\.[0-9]+)?)/(s|m)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "": 1.0}
_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}


class Size(click.ParamType):  # type: ignore[type-arg]  # older clicks have no generic one
    """A number of bytes, such as 65536, 64K, 1M or 2GiB (powers of 1024)."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = _SIZE.fullmatch(value)
        if match is None:
            self.fail(f"{value!r} is not a size; write 65536, 64K, 1M or 2G", param, ctx)
        return int(match[1]) * _UNITS[match[2].upper()]


class Duration(click.ParamType):  # type: ignore[type-arg]  # likewise
    """A time in seconds, or with a unit: 100ms, 30s, 2m."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, float):
            return value
        match = _DURATION.fullmatch(value)
        if match is None:
            self.fail(f"{value!r} is no time; write 100ms, 30s or 2m", param, ctx)
        return float(match[1]) * _SECONDS[match[2]]


class Rate(click.ParamType):  # type: ignore[type-arg]  # likewise
    """A number of calls in a second or a minute; it becomes one in a second."""

    name = "rate"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, float):
            return value
        match = _RATE.fullmatch(value)
        if match is None:
            self.fail(f"{value!r} is no rate; write 100/s or 90/m", param, ctx)
        return float(match[1]) / _SECONDS[match[2]]


class Concurrency(click.ParamType):  # type: ignore[type-arg]  # likewise
    """A number, or `auto`."""

    name = "concurrency"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        if value == "auto":
            return "auto"
        if not str(value).isdecimal():
            self.fail(f"{value!r} is neither a number nor auto", param, ctx)
        return int(value)


class Names(click.ParamType):  # type: ignore[type-arg]  # likewise
    """Column names separated by commas; one that holds a comma stands in double quotes."""

    name = "names"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        try:
            records = list(csv.reader([value], strict=True))
        except csv.Error:
            records = []
        if len(records) != 1 or not records[0]:
            self.fail(f"{value!r} is not a list of names; write a,b or '\"a,b\",c'", param, ctx)
        return tuple(records[0])

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        from streamx.cli.column_names import complete_names

        return complete_names(ctx, incomplete)


class Column(click.ParamType):  # type: ignore[type-arg]  # likewise
    """The name of a column."""

    name = "column"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        from click.shell_completion import CompletionItem

        from streamx.cli.column_names import column_names

        return [CompletionItem(each) for each in column_names(ctx) if each.startswith(incomplete)]


class Pair(click.ParamType):  # type: ignore[type-arg]  # likewise
    """Two words joined by the last equals sign (or the first, if the value may hold some)."""

    def __init__(self, name: str, *, splits_at_last: bool) -> None:
        self.name = name
        self._splits_at_last = splits_at_last

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        left, sign, right = value.rpartition("=") if self._splits_at_last else value.partition("=")
        if not sign or not left or not right:
            self.fail(f"{value!r} is not of the form {self.name}", param, ctx)
        return left, right

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        from streamx.cli.column_names import complete_pair

        return complete_pair(ctx, incomplete, ColumnType if param.name == "pinned_types" else ())


class File(click.ParamType):  # type: ignore[type-arg]  # likewise
    """A path or what else an option takes that may be one; shells complete it."""

    name = "file"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        from click.shell_completion import CompletionItem

        return [CompletionItem(incomplete, type="file")]


class FormatName(click.Choice):  # type: ignore[type-arg]  # likewise
    """The name of a format: help lists those of streamx, completion all that are installed."""

    def __init__(self) -> None:
        super().__init__([*RECORD_FORMATS, *(format.name for format in BUILT_IN)])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            checked_format(value)
        except UsageError as error:
            self.fail(str(error), param, ctx)
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        from click.shell_completion import CompletionItem

        names = format_names()
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


FORMATS = FormatName()


def input_options(command: F) -> F:
    """Add the options that say how to read an input."""
    return add_options(
        command,
        click.option("--from", "source_format", type=FORMATS, help="Format of the input."),
        click.option(
            "--sniff",
            is_flag=True,
            help="Find out delimiter, quote, header, lines to skip and encoding of a CSV from its "
            "first bytes, as far as no option names them, and say which options pin them.",
        ),
        dialect_options,
        click.option(
            "--no-header",
            "has_header",
            is_flag=True,
            flag_value=False,
            default=True,
            help="The CSV has no header: columns are called column_1, column_2 and so on, and "
            "a CSV output gets no header either.",
        ),
        click.option(
            "--skip-lines", type=int, default=0, metavar="N", help="Pass over the first N lines."
        ),
        click.option(
            "--sheet",
            metavar="NAME|NUMBER",
            help="Sheet of an Excel file, by its name or its number.  [default: 1]",
        ),
        click.option(
            "--encoding",
            help="Encoding of the input, such as latin-1. The output is UTF-8.  "
            "[default: utf-8, or what a byte order mark says]",
        ),
        type_options,
    )


def files_options(command: F) -> F:
    """Add the options that say how several files are read as one input."""
    return add_options(
        command,
        click.option(
            "-i",
            "--input",
            "inputs",
            type=File(),
            multiple=True,
            metavar="FILE",
            help="Read this file, directory or pattern (in quotes), in the place of INPUT. "
            "Repeatable, read in the order written.",
        ),
        click.option(
            "--headers",
            type=click.Choice(["same", "union"]),
            help="What the headers of several files must be: of the same names, in any order, or "
            "any, of which all names become columns.  [default: same]",
        ),
        click.option(
            "--add-source",
            metavar="COLUMN",
            help="Add a column, the last of the input, with the path of the file of each record.",
        ),
    )


def dialect_options(command: F) -> F:
    """Add the options that say which cells the records of an input have."""
    return add_options(
        command,
        click.option(
            "-d", "--delimiter", metavar="CHAR", help="Delimiter of the input; `tab` works too."
        ),
        click.option(
            "--quote", metavar="CHAR", help='Quote character, on both sides.  [default: "]'
        ),
        click.option(
            "--ragged",
            type=click.Choice(["error", "pad"]),
            help="What a CSV record with fewer cells than the header is: an error, or one to pad "
            "with empty cells.  [default: error]",
        ),
        click.option(
            "--lenient",
            is_flag=True,
            help="Guess what a CSV record is to be that is not right, and say how often; means "
            "--ragged pad.",
        ),
    )


def type_options(command: F) -> F:
    """Add the options that say what the cells of an input become."""
    return add_options(
        command,
        click.option(
            "--type",
            "pinned_types",
            type=Pair("COLUMN=TYPE", splits_at_last=True),
            metavar="COLUMN=TYPE",
            multiple=True,
            help="Type of a CSV column: string, integer, number or boolean. Repeatable.",
        ),
        click.option(
            "--types",
            type=click.Choice(["infer", "string"]),
            default="infer",
            show_default=True,
            help="Infer the types of CSV columns for JSON, or make all of them strings.",
        ),
        click.option(
            "--null",
            "nulls",
            multiple=True,
            metavar="TOKEN",
            help="Cell text that stands for null, in every column. Repeatable.",
        ),
    )


def refuse_to_wait_on_terminal(ctx: click.Context, input: str | None) -> None:
    """Print short help instead of waiting for someone to type the input."""
    if input is None and sys.stdin is not None and sys.stdin.isatty():
        click.echo(ctx.get_usage(), err=True)
        click.echo(f"Name an INPUT or pipe one in; {ctx.command_path} --help says more.", err=True)
        ctx.exit(2)


def add_options(command: F, *options: Callable[[F], F]) -> F:
    """Add options to a command, to be listed in this order."""
    for option in reversed(options):
        command = option(command)
    return command


def in_order_written(
    order: Sequence[str], values: dict[str, Sequence[Any]]
) -> list[tuple[str, Any]]:
    """Return repeatable options as they were written, across different names.

    Args:
        order: an option's name for each time that it was written.
        values: the values of each option.

    >>> in_order_written(["a", "b", "a"], {"a": (1, 3), "b": (2,)})
    [('a', 1), ('b', 2), ('a', 3)]
    """
    remaining = {name: iter(each) for name, each in values.items()}
    return [(name, next(remaining[name])) for name in order if name in remaining]
