"""OrderedCommand: a command whose operations apply in the order in which they are written."""

from __future__ import annotations

import sys
from typing import Any

import click

from streamx.cli.grouped_help import GroupedCommand
from streamx.cli.options import (
    in_order_written,
)
from streamx.cli.variables import without_idle
from streamx.transform.functions import Apply
from streamx.transform.operations import Drop, Limit, Operation, Rename, Select, Set, Where

_ORDER = "streamx.option_order"
WORDS = "streamx.words"
OPERATIONS = ("select", "drop", "rename", "where", "set", "fn", "limit")


class OrderedCommand(GroupedCommand):
    """A command that remembers in which order its options were written."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        _, rest, order = self.make_parser(ctx).parse_args(args=list(args))
        if rest and not ctx.resilient_parsing and self._takes_inputs:
            raise click.UsageError(
                f"{rest[0]!r} is one argument too many; put a pattern in quotes, or name several "
                "inputs with --input",
                ctx,
            )
        ctx.meta[WORDS] = list(args)
        ctx.meta[_ORDER] = [parameter.name for parameter in order]
        return super().parse_args(ctx, args)

    @property
    def _takes_inputs(self) -> bool:
        return any(parameter.name == "inputs" for parameter in self.params)


def run_values(
    ctx: click.Context, output: str, values: dict[str, Any], *, is_quiet: bool
) -> dict[str, Any]:
    """Return a command's values as the options that the library takes."""
    values = without_idle(ctx, values)
    if is_quiet or (output == "-" and _shares_terminal(values["progress"])):
        values["progress"] = "off"
    values["operations"] = _operations(ctx.meta[_ORDER], values)
    if any(isinstance(operation, Apply) for operation in values["operations"]):
        sys.stdout = sys.stderr  # what functions print must not come between the data
    values["pinned_types"] = dict(values["pinned_types"])
    return values


def _operations(order: list[str], values: dict[str, Any]) -> list[Operation]:
    written = {name: values.pop(name) for name in OPERATIONS}
    operations: list[Operation] = []
    for name, value in in_order_written(order, written):
        if name == "select":
            operations.append(Select(value))
        elif name == "drop":
            operations.append(Drop(value))
        elif name == "rename":
            operations.append(Rename(*value))
        elif name == "where":
            operations.append(Where(value))
        elif name == "set":
            operations.append(Set(*value))
        elif name == "fn":
            operations.append(Apply(value))
        else:
            operations.append(Limit(value))
    return operations


def _shares_terminal(progress: str) -> bool:
    """Tell whether a bar would be drawn over the data on the same terminal."""
    return progress == "auto" and sys.stdout is not None and sys.stdout.isatty()
