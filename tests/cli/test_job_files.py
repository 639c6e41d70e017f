"""A job file holds what a command line says, and says plainly what cannot be."""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamx.cli.job_file import Schema, text_of
from streamx.cli.ordered_command import OPERATIONS
from streamx.cli.transform import command as transform

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]

SCHEMA = Schema(transform, OPERATIONS)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
NAMES = st.lists(TEXTS, min_size=1, max_size=3)


def option(name: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[str]]:
    return values.map(lambda value: [f"{name}={value}"])


OPTIONS = st.one_of(
    *(st.just([flag]) for flag in ("-u", "--ordered", "--no-header", "--lock", "--no-fsync", "-q")),
    *(option(name, TEXTS) for name in ("--null", "--where", "--fn", "--summary", "--encoding")),
    *(option(name, st.integers(-5, 10**9)) for name in ("--limit", "--workers")),
    *(option(name, st.sampled_from(["1M", "65536"])) for name in ("--chunk-size", "--max-memory")),
    option("--select", st.sampled_from(["a", "a,b", '"x,y",z', '" a"'])),
    option("--type", TEXTS.map(lambda name: f"{name}=string")),
    option("--set", TEXTS.map(lambda text: f"x={text}")),
    option("--timeout", st.sampled_from(["100ms", "2m", "30"])),
)
LINES = st.tuples(st.lists(OPTIONS, max_size=6), st.lists(TEXTS, max_size=2))


def parsed(words: list[str]) -> tuple[dict[str, Any], list[Any]]:
    context = transform.make_context("transform", words)
    return context.params, [
        name for name in context.meta["streamx.option_order"] if name in OPERATIONS
    ]


@given(LINES)
def test_a_saved_job_says_what_its_command_line_said(
    tmp_path_factory: pytest.TempPathFactory, line: tuple[list[list[str]], list[str]]
) -> None:
    words = [word for option in line[0] for word in option] + ["--", *line[1]]
    path = tmp_path_factory.getbasetemp() / "job.toml"
    path.write_text(text_of(SCHEMA.of_words(words)), encoding="utf-8")
    assert parsed(SCHEMA.words(SCHEMA.read(str(path)))) == parsed(words)


def test_a_job_is_run_as_its_command_line_would_be(streamx: Run, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(b"a,b\n1,x\n2,y\n3,z\n")
    options = ("in.csv", "out.jsonl", "--where", "a > 1", "--rename", "a=n", "--limit", "1")
    saved = streamx("transform", *options, "--save-job", "job.toml")
    assert (saved.returncode, saved.stderr) == (0, b"")
    assert not (tmp_path / "out.jsonl").exists()
    assert tomllib.loads((tmp_path / "job.toml").read_text()) == {
        "input": "in.csv",
        "output": "out.jsonl",
        "step": [{"where": "a > 1"}, {"rename": "a=n"}, {"limit": 1}],
    }
    assert streamx("run", "job.toml").returncode == 0
    assert (tmp_path / "out.jsonl").read_bytes() == b'{"n":2,"b":"y"}\n'
    other = streamx("run", "job.toml", "--drop", "b", "in.csv", "-", "--to", "csv")
    assert (other.stdout, other.stderr) == (b"a\n1\n2\n3\n", b"")
    again = streamx("run", "job.toml", "--to", "csv", "-", "--save-job", "other.toml")
    assert again.returncode == 0
    assert tomllib.loads((tmp_path / "other.toml").read_text())["input"] == "-"


def test_variables_come_from_the_environment(
    streamx: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in.csv").write_bytes(b"a\n1\n")
    monkeypatch.setenv("DAY", "in")
    (tmp_path / "job.toml").write_text(
        'input = "${DAY}.csv"\nto = "jsonl"\n[[step]]\nset = { b = "\'$${DAY} ${DAY}\'" }\n'
    )
    run = streamx("run", "job.toml")
    assert json.loads(run.stdout) == {"a": 1, "b": "${DAY} in"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("input = ", "no TOML: Invalid value (at end of document)"),
        ("wokers = 2", "there is no key 'wokers'; did you mean 'workers'?"),
        ("workers = true", "'workers' holds true or false; expected a text or a number"),
        ("workers = 'two'", "Invalid value for '-j' / '--workers': 'two' is not a valid integer."),
        ("lock = 1", "'lock' is a number; expected true or false"),
        ("null = [['NA']]", "'null' holds a list; expected a text or a number"),
        ("input = 3", "'input' is a number; expected a text"),
        ("input = '${NO_SUCH}'", "input: ${NO_SUCH} is not set in the environment"),
        ("where = 'a > 1'", "'where' is a step, since steps have an order; write [[step]]"),
        ("step = 3", "'step' is no table; write [[step]]"),
        ("[[step]]\nlock = true", "step 1: 'lock' is no step; put it above the steps"),
        ("[[step]]\nlimit = 1\ndrop = 'a'", "step 1 holds 2 keys; expected one"),
        ("[[step]]\nlimit = 'x'", "Invalid value for '-n' / '--limit': 'x' is not a valid"),
        ("explain = true", "'explain' has no place in a job; say it on the command line"),
        ("on-error = 1979-05-27", "'on-error' holds a time; expected a text or a number"),
    ],
)
def test_what_cannot_be_is_named_with_its_file_and_key(
    streamx: Run, tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "job.toml").write_text(text)
    run = streamx("run", "job.toml")
    assert run.returncode == 2
    assert f"Error: job.toml: {message}" in run.stderr.decode()


def test_a_job_that_is_not_there_is_named(streamx: Run) -> None:
    run = streamx("run", "no.toml")
    assert (run.returncode, b"cannot read no.toml: No such file" in run.stderr) == (2, True)


def test_a_job_that_cannot_be_written_leaves_the_one_that_was_there(
    streamx: Run, tmp_path: Path
) -> None:
    (tmp_path / "job.toml").write_text("workers = 2\n")
    name = os.fsdecode(b"out-\xff.jsonl")  # TOML is UTF-8 and cannot say this
    saved = streamx("transform", "in.csv", name, "--save-job", "job.toml")
    assert (saved.returncode, b"cannot write job.toml" in saved.stderr) == (2, True)
    assert (tmp_path / "job.toml").read_text() == "workers = 2\n"


def test_secrets_in_headers_are_pointed_at(streamx: Run, tmp_path: Path) -> None:
    words = ("http://localhost/a.csv", "o.csv", "--header", "Authorization: secret")
    saved = streamx("transform", *words, "--save-job", "job.toml")
    assert b"job.toml holds the headers as they are" in saved.stderr
