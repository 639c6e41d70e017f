"""An output that is the input is refused, by whatever name, before anything is truncated."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from processes import finish, running

CONTENT = b"a\n1\n2\n"
REFUSAL = "streamx: error: input and output are the same file ({}); name another output\n"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "in.csv").write_bytes(CONTENT)
    (tmp_path / "symbolic.csv").symlink_to("in.csv")
    os.link(tmp_path / "in.csv", tmp_path / "hard.csv")
    return tmp_path


@pytest.mark.parametrize("direct", [(), ("--direct",)], ids=["replaced", "direct"])
@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("in.csv", "in.csv"),
        ("in.csv", "./in.csv"),
        ("in.csv", "symbolic.csv"),
        ("symbolic.csv", "in.csv"),
        ("in.csv", "hard.csv"),
        ("hard.csv", "symbolic.csv"),
    ],
)
def test_input_is_refused_as_output(
    directory: Path, source: str, output: str, direct: tuple[str, ...]
) -> None:
    with running(source, output, *direct, cwd=directory) as process:
        assert finish(process) == (2, REFUSAL.format(output))
    assert (directory / "in.csv").read_bytes() == CONTENT
    assert sorted(os.listdir(directory)) == ["hard.csv", "in.csv", "symbolic.csv"]


def test_file_on_standard_input_is_refused_as_output(directory: Path) -> None:
    with (directory / "in.csv").open("rb") as stdin:
        arguments = ("-", "hard.csv", "--from", "csv")
        with running(*arguments, cwd=directory, stdin=stdin) as process:
            assert finish(process) == (2, REFUSAL.format("hard.csv"))
    assert (directory / "in.csv").read_bytes() == CONTENT


def test_input_that_standard_output_is_appended_to_is_refused(directory: Path) -> None:
    with (directory / "in.csv").open("ab") as stdout:
        arguments = ("symbolic.csv", "--to", "csv")
        with running(*arguments, cwd=directory, stdout=stdout) as process:
            assert finish(process) == (2, REFUSAL.format("standard output"))
    assert (directory / "in.csv").read_bytes() == CONTENT


def test_copy_of_the_input_is_another_file(directory: Path) -> None:
    (directory / "copy.csv").write_bytes(CONTENT)
    with running("in.csv", "copy.csv", cwd=directory) as process:
        assert finish(process) == (0, "")


def test_output_appended_to_another_file_comes_after_what_it_holds(directory: Path) -> None:
    (directory / "log.jsonl").write_bytes(b"{}\n")
    with (
        (directory / "log.jsonl").open("ab") as stdout,
        running("in.csv", "--to", "jsonl", cwd=directory, stdout=stdout) as process,
    ):
        assert finish(process) == (0, "")
    assert (directory / "log.jsonl").read_bytes() == b'{}\n{"a":1}\n{"a":2}\n'


def test_null_device_may_be_both(directory: Path) -> None:
    arguments = ("/dev/null", "/dev/null", "--from", "csv", "--to", "csv")
    with running(*arguments, cwd=directory) as process:
        assert finish(process) == (0, "")
