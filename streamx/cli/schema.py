"""streamx schema: print the columns of a file and the types they are written as."""

from __future__ import annotations

from typing import Any

import click

import streamx
from streamx.cli.options import input_options, refuse_to_wait_on_terminal
from streamx.cli.run import print_data, run, warn
from streamx.codec.layout import printable


@click.command("schema", short_help="Print the columns of a file and their types.")
@click.argument("input", required=False)
@input_options
@click.pass_context
def command(ctx: click.Context, /, input: str | None, **values: Any) -> None:
    """Print the columns of INPUT and the types that they have in JSONL.

    The decision is made on the first 10,000 records or the first MiB, whichever ends sooner, as
    transform makes it; --type and --types change it in the same way.
    """
    refuse_to_wait_on_terminal(ctx, input)
    values["pinned_types"] = dict(values["pinned_types"])
    types = run(
        lambda: streamx.schema_async("-" if input is None else input, on_warning=warn, **values)
    )
    width = max(map(len, types), default=0)
    print_data("".join(f"{printable(name):<{width}}  {kind}\n" for name, kind in types.items()))
