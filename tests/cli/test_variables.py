"""Variables of the environment say what belongs to a machine; options win over them."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from conftest import Run

from streamx.cli.retry import command as retry
from streamx.cli.schema import command as schema
from streamx.cli.transform import command as transform

VARIABLES = {
    "workers": "STREAMX_WORKERS",
    "chunk_size_bytes": "STREAMX_CHUNK_SIZE",
    "buffer_chunks": "STREAMX_BUFFER",
    "buffer_bytes": "STREAMX_BUFFER_BYTES",
    "max_memory_bytes": "STREAMX_MAX_MEMORY",
    "progress": "STREAMX_PROGRESS",
    "scheduler": "STREAMX_SCHEDULER",
}


@pytest.fixture(autouse=True)
def source(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(b"a\n1\n")


def taken_from(command: click.Command) -> dict[str, object]:
    return {str(each.name): each.envvar for each in command.params if each.envvar}


def test_no_operation_and_no_code_comes_from_the_environment() -> None:
    assert taken_from(transform) == VARIABLES
    assert taken_from(retry).items() <= VARIABLES.items()
    assert taken_from(schema) == {}


@pytest.mark.parametrize(
    ("environment", "options", "shown"),
    [
        ({"STREAMX_WORKERS": "3"}, (), "in threads: 3;"),
        ({"STREAMX_WORKERS": "3"}, ("-j", "2"), "in threads: 2;"),
        ({"STREAMX_CHUNK_SIZE": "64K", "STREAMX_SCHEDULER": "tcp://head:8786"}, (), "64 KiB each"),
        ({"STREAMX_CHUNK_SIZE": "64M"}, ("--max-memory", "100M"), "1,024 KiB each"),
    ],
)
def test_a_run_does_what_options_say_and_then_variables(
    streamx: Run, environment: dict[str, str], options: tuple[str, ...], shown: str
) -> None:
    arguments = ("transform", "in.csv", "--to", "jsonl", "--explain", *options)
    result = streamx(*arguments, env=environment)
    assert result.stderr == b""
    assert shown in result.stdout.decode()


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("STREAMX_WORKERS", "many", "'many'"),
        ("STREAMX_WORKERS", "0", "--workers 0 cannot work"),
        ("STREAMX_MAX_MEMORY", "1M", "--max-memory 1048576 bytes is too little"),
    ],
)
def test_a_value_that_cannot_work_is_said_to_be_of_the_environment(
    streamx: Run, name: str, value: str, found: str
) -> None:
    result = streamx("transform", "in.csv", "--to", "jsonl", env={name: value})
    assert (result.returncode, result.stdout) == (2, b"")
    assert found in result.stderr.decode()
    assert name in result.stderr.decode()
