"""streamx schema: print the columns of a file and the types they are written as."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

import streamx
from streamx.cli.grouped_help import GroupedCommand
from streamx.cli.http import http_options, with_http
from streamx.cli.options import File, input_options, refuse_to_wait_on_terminal
from streamx.cli.run import print_data, run, warn
from streamx.codec.layout import printable

if TYPE_CHECKING:
    from streamx.transform.summary import ColumnSummary


@click.command("schema", cls=GroupedCommand)
@click.argument("input", required=False, type=File())
@input_options
@http_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.pass_context
def command(ctx: click.Context, /, input: str | None, as_json: bool, **values: Any) -> None:
    """Print the columns of INPUT: types in JSONL, nulls and first values.

    The types are those that transform would write; they are decided on the first 10,000 records
    or the first MiB, whichever ends sooner, and --type and --types change them in the same way.
    Nulls and values are those of these records. For JSONL the columns are the keys, and their types
    those of the values.

    \b
    Examples:
      streamx schema flights.csv --null NA
      zcat log.jsonl.gz | streamx schema --from jsonl --json
    """
    refuse_to_wait_on_terminal(ctx, input)
    values["pinned_types"] = dict(values["pinned_types"])
    count, columns = run(
        lambda: streamx.summary_async(
            "-" if input is None else input, on_warning=warn, **with_http(values)
        )
    )
    print_data(_json(count, columns) if as_json else _table(columns))


def _json(count: int, columns: list[ColumnSummary]) -> str:
    listed = [
        {"name": each.name, "type": each.type, "nulls": each.nulls, "examples": each.examples}
        for each in columns
    ]
    return json.dumps({"records": count, "columns": listed}, ensure_ascii=False, indent=2) + "\n"


def _table(columns: list[ColumnSummary]) -> str:
    if not columns:
        return ""
    rows = [("column", "type", "nulls", "examples")]
    rows += [
        (printable(each.name), each.type, f"{each.nulls:,}", printable(", ".join(each.examples)))
        for each in columns
    ]
    widths = [max(len(row[index]) for row in rows) for index in range(3)]
    return "".join(
        f"{name:<{widths[0]}}  {kind:<{widths[1]}}  {nulls:>{widths[2]}}  {examples}".rstrip()
        + "\n"
        for name, kind, nulls, examples in rows
    )
