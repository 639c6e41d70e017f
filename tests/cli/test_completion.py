"""A shell that asks gets commands, options, values, files and columns, and never a message."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.shell_completion import get_completion_class
from conftest import STREAMX
from terminals import on_terminal

from streamx.cli import COMPLETE_VARIABLE, cli
from streamx.cli.shells import register

Complete = Callable[..., list[str]]
BASH = shutil.which("bash") or ""
KILL_LINE = b"\x15"
COLUMNS_AFTER_THE_FIRST = [f"part,column_1,column_{number}" for number in (2, 3, 4)]
SHIM = f'#!/bin/sh\nexec "{sys.executable}" -m streamx "$@"\n'


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A directory with inputs and a `streamx` in bin."""
    (tmp_path / "in.csv").write_bytes("carrier,flight,first name,größe\nUA,1,x,2\n".encode())
    (tmp_path / "in.jsonl").write_bytes(b'{"id": 1, "a,b": {"c": 2}}\n')
    (tmp_path / "in.json").write_bytes(b'{"data": [{"count": 1}]}')
    (tmp_path / "in.csv.gz").write_bytes(gzip.compress((tmp_path / "in.csv").read_bytes()))
    (tmp_path / "utf16.csv").write_bytes(
        (tmp_path / "in.csv").read_bytes().decode().encode("utf-16")
    )
    (tmp_path / "rejects.jsonl").write_bytes(b'{"columns":{"id":"integer","price":"number"}}\n')
    (tmp_path / "noise.csv.gz").write_bytes(b"\x1f\x8bnoise")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "f10.csv").write_bytes(b"other\n")
    (tmp_path / "folder" / "f9.csv").write_bytes(b"flight\n")
    os.mkfifo(tmp_path / "live.csv")  # opening it would wait for ever
    (tmp_path / "bin").mkdir()
    shim = tmp_path / "bin" / "streamx"
    shim.write_text(SHIM)
    shim.chmod(0o755)
    return tmp_path


@pytest.fixture
def complete(here: Path, monkeypatch: pytest.MonkeyPatch) -> Complete:
    """Ask as the script of a shell does; returns the lines that it reads."""
    register()
    monkeypatch.chdir(here)

    def ask(line: str, shell: str = "bash") -> list[str]:
        words = line.split(" ")
        monkeypatch.setenv("COMP_LINE", line)
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", words[-1] if shell == "fish" else str(len(words) - 1))
        shell_class = get_completion_class(shell)
        assert shell_class is not None
        return shell_class(cli, {}, "streamx", COMPLETE_VARIABLE).complete().splitlines()

    return ask


def test_a_real_bash_completes_what_is_typed(here: Path) -> None:
    path = f"{here / 'bin'}:{os.environ['PATH']}"
    bash = [BASH, "--norc", "--noprofile", "-i"]
    with on_terminal(bash, here, PATH=path, PS1="> ", LC_ALL="C.UTF-8") as (_, screen):
        screen.wait_for(b"> ")
        screen.type(b'eval "$(streamx completion bash)"; echo rea""dy\n')
        screen.wait_for(b"ready")
        for typed, completed in (
            ("streamx sch\t", "streamx schema "),
            ("streamx transform ut\t", "utf16.csv "),
            ("streamx transform in.csv --select flight,ca\t", "--select flight,carrier"),
            ("streamx transform in.csv --select=ca\t", "--select=carrier"),
            ("streamx transform in.csv --type flight=str\t", "flight=string "),
            ("streamx transform in.csv --on-error rej\t", "--on-error reject "),
            ("streamx transform in.csv --drop 'first n\t", "'first name"),
        ):
            screen.shown = b""
            screen.type(typed.encode())
            screen.wait_for(completed.encode())
            screen.type(KILL_LINE)
        screen.type(b"streamx transform in.csv --to csv --types string --select fir\t\n")
        screen.wait_for(b"first name\r\nx\r\n")


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("streamx comp", ["plain,completion"]),
        ("streamx transform in.jsonl --drop ", ["part,id", r"part,\"a,b\""]),
        ("streamx transform in.json --records-at data --drop co", ["part,count"]),
        ("streamx transform in.csv --rename gr", ["part,größe="]),
        ("streamx transform in.csv --columns flight,fi", [r"part,flight,first\ name"]),
        ("streamx transform in.csv -d e --drop ca", ["part,carri"]),
        ("streamx transform in.csv --no-header --drop column_1,column_", COLUMNS_AFTER_THE_FIRST),
        ("streamx transform in.csv.gz --from csv --drop fl", ["part,flight"]),
        ("streamx transform utf16.csv --drop gr", ["part,größe"]),
        ("streamx retry rejects.jsonl --type pr", ["part,price="]),
        ("streamx transform in.csv --rejects ", ["file,"]),
        ("streamx transform in.csv --limit ", []),
        ("streamx transform absent.csv --drop ", []),
        ("streamx transform folder --drop fl", ["part,flight"]),
        ("streamx transform absent --drop ", []),
        ("streamx transform -i in.csv -i absent.csv --drop fl", ["part,flight"]),
        ("streamx transform noise.csv.gz --drop ", []),
        ("streamx transform live.csv --drop ", []),
    ],
)
def test_what_fits_is_offered_and_else_nothing(
    complete: Complete, line: str, offered: list[str]
) -> None:
    assert complete(line) == offered


@pytest.mark.parametrize(
    ("shell", "offered"),
    [("zsh", ["plain", "--drop=flight", "_"]), ("fish", ["plain,--drop=flight"])],
)
def test_zsh_and_fish_are_given_whole_words(
    complete: Complete, shell: str, offered: list[str]
) -> None:
    assert complete("streamx transform in.csv --drop=fl", shell) == offered


def test_every_start_of_a_command_line_can_be_asked_about(complete: Complete) -> None:
    line = (
        "streamx transform -d , in.csv o --type 'first name=x' --where \"a > 'x\" -u "
        "--select=carrier,f -n 3 -- x"
    )
    for end in range(len("streamx "), len(line) + 1):
        for answer in complete(line[:end]):
            assert answer.partition(",")[0] in ("plain", "part", "file"), line[:end]


def test_a_broken_installation_is_no_message_between_two_keys(here: Path) -> None:
    asked = {"_STREAMX_COMPLETE": "bash_complete", "COMP_LINE": "streamx transform in.csv --drop "}
    broken = {"STREAMX_CODEC": "quick", "STREAMX_WORKERS": "many"}
    environment = {**os.environ, **asked, **broken}
    result = subprocess.run(STREAMX, cwd=here, env=environment, capture_output=True, check=True)
    assert (result.stdout.strip(), result.stderr) == (b"", b"")
