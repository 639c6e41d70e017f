"""What was probably meant is named, whatever kind of name was misspelt."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Run

import streamx as library
from streamx.errors import UsageError


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--select", "flight,carier"),
        ("--drop", "CARRIER"),
        ("--rename", "carrie=who"),
        ("--type", "carier=string"),
        ("--where", "carier == 'UA'"),
        ("--set", "who=carier + 'x'"),
    ],
)
def test_a_column_that_there_is_not(streamx: Run, option: str, value: str) -> None:
    command = ("transform", "--from", "csv", "--to", "jsonl", option, value)
    result = streamx(*command, stdin=b"carrier,flight\nUA,1\n")
    assert (result.returncode, result.stdout) == (2, b"")
    assert b"; did you mean 'carrier'?" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("transfrom", "in.csv"), "; did you mean 'transform'?"),
        (("transform", "in.csv", "--selct", "a"), "--select"),
        (("schema", "in.csv", "--form", "csv"), "--from"),
        (("transform", "in.csv", "--to", "jsonl", "--type", "a=int"), "; did you mean 'integer'?"),
    ],
)
def test_a_command_an_option_or_a_type_that_there_is_not(
    streamx: Run, tmp_path: Path, arguments: tuple[str, ...], meant: str
) -> None:
    (tmp_path / "in.csv").write_bytes(b"a\n1\n")
    result = streamx(*arguments)
    assert (result.returncode, result.stdout) == (2, b"")
    assert meant in result.stderr.decode()


def test_a_command_like_no_other_is_answered_without_a_guess(streamx: Run) -> None:
    result = streamx("frobnicate")
    assert result.returncode == 2
    assert result.stderr.endswith(b"Error: No such command 'frobnicate'.\n")


def test_an_option_of_the_library_that_there_is_not() -> None:
    with pytest.raises(UsageError, match=r"; did you mean 'nulls'\?$"):
        library.transform("in.csv", "out.csv", nuls=["NA"])  # type: ignore[call-arg]  # the mistake
