"""Variables of the environment, in the place of options that belong to a machine and not to a job.

None names what to do with records or code to call: what a job does stands on its command line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import click
from click.core import ParameterSource

# What --max-memory chooses, unless it is said.
_CHOSEN_BY_MEMORY = ("chunk_size_bytes", "buffer_chunks")


class _Option(click.Option):
    """An option whose errors name the variable if, and only if, its value comes from there."""

    def get_error_hint(self, ctx: click.Context | None) -> str:
        if ctx is not None and self in _taken(ctx):
            return f"'{self.envvar}'"
        return click.Parameter.get_error_hint(self, ctx)


def variable(name: str) -> dict[str, Any]:
    """Return what makes an option take its value from STREAMX_<name>, and its help say so."""
    return {"cls": _Option, "envvar": f"STREAMX_{name}", "show_envvar": True}


def without_idle(ctx: click.Context, values: dict[str, Any]) -> dict[str, Any]:
    """Return a command's values without what variables say that this run has no use for.

    An option that cannot have an effect is a mistake; a variable is set for all runs.
    """
    idle: set[str] = set()
    if values.get("engine") != "dask":
        idle.add("scheduler")
    elif values["scheduler"] is not None:
        idle.add("workers")
    if ctx.get_parameter_source("max_memory_bytes") is ParameterSource.COMMANDLINE:
        idle.update(_CHOSEN_BY_MEMORY)
    taken = {str(option.name) for option in _taken(ctx)}
    return {name: None if name in idle & taken else value for name, value in values.items()}


def told_in(text: str) -> str:
    """Return an error that names options, with the variables that some of them were taken from."""
    ctx = click.get_current_context(silent=True)
    named = [
        str(option.envvar)
        for option in (_taken(ctx) if ctx else ())
        if any(re.search(rf"{name}(?![\w-])", text) for name in option.opts if name[:2] == "--")
    ]
    return f"{text} (the environment has {' and '.join(named)})" if named else text


def _taken(ctx: click.Context) -> Iterator[click.Parameter]:
    for parameter in ctx.command.params:
        if ctx.get_parameter_source(str(parameter.name)) is ParameterSource.ENVIRONMENT:
            yield parameter
