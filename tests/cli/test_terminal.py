"""What a user at a terminal sees: help instead of a hang, a progress bar, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import terminals
from terminals import Terminal, status_of

STREAMX = (sys.executable, "-m", "streamx")
INTERRUPT, END_OF_FILE = b"\x03", b"\x04"
COLOUR, RED, GREEN = b"\x1b[3", b"\x1b[31m", b"\x1b[32m"


def on_terminal(
    *arguments: str, cwd: Path, **environment: str
) -> AbstractContextManager[tuple[subprocess.Popen[bytes], Terminal]]:
    """Run streamx on a terminal of its own."""
    return terminals.on_terminal([*STREAMX, *arguments], cwd, **environment)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "in.csv").write_bytes(b"a\n" + b"x\n" * 300_000)
    return tmp_path


def test_no_input_on_a_terminal_prints_short_help_instead_of_hanging(directory: Path) -> None:
    with on_terminal("transform", "--from", "csv", "--to", "jsonl", cwd=directory) as (run, screen):
        lines = screen.read_to_end().decode().splitlines()
        assert status_of(run) == 2
    assert lines[0].startswith("Usage: ")
    assert "INPUT" in lines[1]
    assert len(lines) == 2


def test_bar_on_a_terminal_shows_the_fill_of_each_buffer(directory: Path) -> None:
    with on_terminal("transform", "in.csv", "out.jsonl", cwd=directory) as (run, screen):
        shown = screen.read_to_end().decode()
        assert status_of(run) == 0
    assert "in.csv" in shown
    assert "100%" in shown
    assert "300k records" in shown
    for word in ("waiting on ", "input ", "workers ", "reorder ", "output "):
        assert word in shown


def test_quiet_shows_nothing_on_a_terminal(directory: Path) -> None:
    with on_terminal("transform", "in.csv", "out.jsonl", "-q", cwd=directory) as (run, screen):
        assert screen.read_to_end() == b""
        assert status_of(run) == 0


def test_data_on_a_terminal_is_not_drawn_over_by_a_bar(directory: Path) -> None:
    (directory / "in.csv").write_bytes(b"a\n1\n")
    with on_terminal("transform", "in.csv", "--to", "jsonl", cwd=directory) as (run, screen):
        assert screen.read_to_end() == b'{"a":1}\r\n'
        assert status_of(run) == 0


@contextmanager
def overwhelmed(directory: Path, **environment: str) -> Iterator[Terminal]:
    """Run with a live input whose buffer is full until the body has ended, and then to the end."""
    (directory / "f.py").write_text(WAITING)
    os.mkfifo(directory / "live.csv")
    writer = os.open(directory / "live.csv", os.O_RDWR)  # so that it waits for no reader
    os.write(writer, b"a\n" + b"x\n" * 10_000)
    sizes = ("--types", "string", "-j", "1", "--buffer", "4", "--chunk-size", "1K")
    arguments = ("transform", "live.csv", "out.jsonl", "--fn", "f.py:wait", *sizes)
    with on_terminal(*arguments, cwd=directory, **environment) as (run, screen):
        screen.wait_for("input ████ 4/4".encode())
        yield screen
        (directory / "go").touch()
        os.close(writer)
        screen.read_to_end()
        assert status_of(run) == 0


# Returns when the test says so.
WAITING = """
import os, time

def wait(record):
    while not os.path.exists("go"):
        time.sleep(0.01)
    return record
"""


def test_bar_is_red_while_a_live_input_has_no_room(directory: Path) -> None:
    with overwhelmed(directory) as screen:
        screen.wait_for(RED + b"live.csv")


def test_bar_of_a_healthy_run_is_green(directory: Path) -> None:
    with on_terminal("transform", "in.csv", "out.jsonl", cwd=directory) as (run, screen):
        shown = screen.read_to_end()
        assert status_of(run) == 0
    assert GREEN in shown
    assert RED not in shown


def test_no_color_leaves_colour_codes_out_whatever_the_health(directory: Path) -> None:
    with overwhelmed(directory, NO_COLOR="1") as screen:
        pass
    assert COLOUR not in screen.shown


def test_no_color_leaves_colour_codes_out(directory: Path) -> None:
    with on_terminal("transform", "in.csv", "out.jsonl", cwd=directory, NO_COLOR="1") as (
        run,
        screen,
    ):
        shown = screen.read_to_end()
        assert status_of(run) == 0
    assert COLOUR not in shown
    assert b"100%" in shown


def test_dumb_terminal_gets_plain_lines_and_no_escape_codes(directory: Path) -> None:
    arguments = ("transform", "in.csv", "out.jsonl", "--type", "a=integer")
    with on_terminal(*arguments, cwd=directory, TERM="dumb") as (run, screen):
        shown = screen.read_to_end()
        assert status_of(run) == 0
    progress, warning = shown.splitlines()
    assert progress.startswith(b"streamx: 100%, 0.6 MB read, 300,000 records, ")
    assert warning.startswith(b"streamx: warning: ")
    assert b"\x1b" not in shown


def test_warning_stands_on_a_line_of_its_own(directory: Path) -> None:
    arguments = ("transform", "in.csv", "out.jsonl", "--type", "a=integer")
    with on_terminal(*arguments, cwd=directory) as (run, screen):
        shown = screen.read_to_end().decode()
        assert status_of(run) == 0
    after_bar = shown.replace("\x1b[K", "").replace("\r", "\n").split("\n")
    assert [line[:17] for line in after_bar if "did not fit" in line] == ["streamx: warning:"]


def test_typed_lines_are_read_until_end_of_file(directory: Path) -> None:
    arguments = ("transform", "-", "out.jsonl", "--from", "csv", "-q")
    with on_terminal(*arguments, cwd=directory) as (run, screen):
        screen.type(b"a\n1\n" + END_OF_FILE)
        screen.read_to_end()
        assert status_of(run) == 0
    assert (directory / "out.jsonl").read_bytes() == b'{"a":1}\n'


def test_ctrl_c_on_a_terminal_ends_the_run_without_a_traceback(directory: Path) -> None:
    arguments = ("transform", "-", "--from", "csv", "--to", "jsonl", "--types", "string")
    with on_terminal(*arguments, cwd=directory) as (run, screen):
        screen.type(b"a\n1\n")
        screen.wait_for(b'{"a":"1"}')
        screen.type(INTERRUPT)
        shown = screen.read_to_end()
        assert status_of(run) == -signal.SIGINT
    assert b"Traceback" not in shown
    assert b"error" not in shown
