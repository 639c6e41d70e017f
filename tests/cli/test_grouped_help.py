"""Help shows every option once, below what it is for, and examples that are right."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest
from conftest import Run

from streamx.cli import cli
from streamx.cli.grouped_help import GROUPS, OTHERS, grouped

CONTEXT = click.Context(cli, info_name="streamx", help_option_names=["-h", "--help"])
COMMANDS = ("transform", "schema", "retry")


def command(name: str) -> click.Command:
    found = cli.get_command(CONTEXT, name)
    assert found is not None
    return found


def context(name: str) -> click.Context:
    return click.Context(command(name), parent=CONTEXT, info_name=name)


def examples(name: str) -> Iterator[list[str]]:
    lines = re.findall(
        r"^ +(.*streamx (?:transform|schema|retry) .*)$", command(name).help or "", re.M
    )
    for line in lines:
        words = shlex.split(re.split(r" && ", line[line.index("streamx") :])[0])
        yield words[1:]


@pytest.mark.parametrize("name", ["transform", "retry"])
def test_every_option_stands_in_one_group(name: str) -> None:
    groups = dict(grouped(command(name), context(name)))
    assert [option.opts for option in groups.pop(OTHERS)] == [["-h", "--help"]]
    listed = [option.name for options in groups.values() for option in options]
    assert len(listed) == len(set(listed))
    options = {each.name for each in command(name).params if isinstance(each, click.Option)}
    assert set(listed) == options


def test_no_group_names_an_option_that_there_is_not() -> None:
    there = {
        opt
        for name in COMMANDS
        for each in command(name).params
        for opt in getattr(each, "opts", ())
    }
    assert set(" ".join(GROUPS.values()).split()) <= there


def test_help_shows_the_groups_in_their_order(streamx: Run) -> None:
    shown = streamx("transform", "--help", env={"COLUMNS": "80"}).stdout.decode()
    assert re.findall(r"^(\w.*):$", shown, re.M) == [*GROUPS, OTHERS]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_example_is_a_command_that_can_be_given(name: str) -> None:
    given = list(examples(name))
    assert len(given) >= 2
    for sub, *arguments in given:
        command(sub).make_context(sub, arguments, parent=CONTEXT)
