"""streamx doctor: print what is installed, what this machine allows, and what is broken."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from streamx.cli.run import print_data
from streamx.cli.variables import without_idle
from streamx.doctor import Fact, examined
from streamx.errors import UsageError

if TYPE_CHECKING:
    from streamx.job_options import JobOptions

# The options that decide how large a run is.
_DECIDING = ("workers", "chunk_size_bytes", "buffer_chunks", "buffer_bytes", "max_memory_bytes")


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.pass_context
def command(ctx: click.Context, /, as_json: bool) -> None:
    """Print versions, the codec in use, extras, limits of this machine, and how a run would go.

    How a run would go is told for a conversion of files, with what the environment says: see the
    variables in streamx transform --help. The exit code is 1 if something is broken. Nothing is
    changed, and nothing is asked over a network.
    """
    facts = list(examined(lambda: _of_environment(ctx)))
    problems = [fact.problem for fact in facts if fact.problem]
    print_data(_json(facts, problems) if as_json else _table(facts, problems))
    ctx.exit(1 if problems else 0)


def _of_environment(ctx: click.Context) -> JobOptions:
    """Return the options of a run that nothing is said to but by the environment.

    Raises:
        UsageError: a variable has a value that is none.
    """
    from streamx.cli.transform import command as transform

    try:
        with transform.make_context("transform", [], parent=ctx.parent) as inner:
            said = without_idle(inner, inner.params)
            return {name: said[name] for name in _DECIDING}  # type: ignore[return-value]  # by name
    except click.UsageError as error:
        raise UsageError(error.format_message()) from error


def _json(facts: Sequence[Fact], problems: Sequence[str]) -> str:
    sections: dict[str, Any] = {"problems": problems}
    for fact in facts:
        sections.setdefault(fact.section.replace(" ", "_"), {})[fact.name] = fact.value
    return json.dumps(sections, ensure_ascii=False, indent=2) + "\n"


def _table(facts: Sequence[Fact], problems: Sequence[str]) -> str:
    names = [fact.name.removesuffix("_bytes").replace("_", " ") for fact in facts]
    width = max(map(len, names))
    lines, section = [], ""
    for fact, name in zip(facts, names, strict=True):
        shown = "" if fact.section == section else fact.section
        section = fact.section
        lines.append(f"{shown:<9}  {name:<{width}}  {fact.text}\n")
    found = problems or ["none"]
    lines += [f"{'' if number else 'problems':<9}  {each}\n" for number, each in enumerate(found)]
    return "".join(lines)
