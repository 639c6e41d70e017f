"""What happens to worker processes when their parent is told to stop, or is not even told."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from conftest import ROOT
from processes import Process, finish, holds_bytes, running, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

WORKERS = 2
# Runs chunks as the command would; each worker writes its number to a file and hangs.
PROGRAM = f"""
import asyncio, sys
from pathlib import Path
sys.path.append({str(ROOT / "tests" / "engine")!r})
from plans import Gated
from streamx.chunk import Chunk
from streamx.cli.run import run
from streamx.engine.processes import ProcessEngine

async def emit(part):
    pass

async def main():
    engine = ProcessEngine(Gated(here=Path(sys.argv[1])), {WORKERS})
    chunks = [Chunk(n, 0, 1, b"wait\\n") for n in range({WORKERS})]
    try:
        await asyncio.gather(*(engine.run(chunk, emit) for chunk in chunks))
    finally:
        await engine.close()

run(main)
"""


@contextmanager
def hanging(here: Path) -> Iterator[Process]:
    """Start the program in a process group of its own, as a shell starts a job."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, here], stderr=subprocess.PIPE, process_group=0
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def workers_at_work(here: Path) -> list[int]:
    """Return the processes that hang by now, when all do."""
    pids = here.read_text().split() if here.exists() else []
    return [int(pid) for pid in pids] if len(pids) == WORKERS else []


def children_of(process: Process) -> list[int]:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(pid) for pid in children.read_text().split()]


def is_gone(pid: int) -> bool:
    """Tell whether a process has ended, though nobody may have waited for it."""
    with suppress(FileNotFoundError, ProcessLookupError):
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state == "Z"
    return True


def test_workers_that_hang_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    here = tmp_path / "here"
    with hanging(here) as process:
        until(lambda: workers_at_work(here))
        workers = workers_at_work(here)
        process.kill()
        until(lambda: all(map(is_gone, workers)))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("is_for_the_group", [True, False])
def test_signal_ends_the_run_and_its_workers_without_a_word(
    tmp_path: Path, number: signal.Signals, is_for_the_group: bool
) -> None:
    here = tmp_path / "here"
    with hanging(here) as process:
        until(lambda: workers_at_work(here))
        workers = workers_at_work(here)
        (os.killpg if is_for_the_group else os.kill)(process.pid, number)
        assert finish(process) == (-number, "")
        assert all(map(is_gone, workers))


def test_interrupt_while_workers_start_ends_the_run_without_a_word(tmp_path: Path) -> None:
    for _ in range(5):
        with hanging(tmp_path / "here") as process:
            until(lambda process=process: children_of(process))  # type: ignore[misc]
            os.killpg(process.pid, signal.SIGINT)
            assert finish(process) == (-signal.SIGINT, "")


def test_worker_that_is_killed_while_it_hangs_is_replaced(tmp_path: Path) -> None:
    here = tmp_path / "here"
    with hanging(here) as process:
        until(lambda: workers_at_work(here))
        killed = workers_at_work(here)[0]
        os.kill(killed, signal.SIGKILL)
        until(lambda: len(here.read_text().split()) == WORKERS + 1)
        assert is_gone(killed)
        os.kill(process.pid, signal.SIGINT)
        assert finish(process) == (-signal.SIGINT, "")


def test_workers_that_are_killed_at_random_moments_cost_nothing(tmp_path: Path) -> None:
    seed = random.randrange(1_000_000)
    print("seed", seed)  # noqa: T201  # to see the same again
    chance = random.Random(seed)
    (tmp_path / "f.py").write_text("def same(record):\n    return record\n")
    lines = [f'{{"id":{number},"text":"some text, {number}"}}\n' for number in range(100_000)]
    (tmp_path / "in.jsonl").write_text("".join(lines))
    options = ("--fn", "f.py:same", "--chunk-size", "64K")
    written_bytes = 0
    with running("in.jsonl", "out.jsonl", *options, cwd=tmp_path) as process:
        for _ in range(4):
            # More than is on its way, so that no chunk is hit twice, which would end the run.
            written_bytes += chance.randrange(500_000, 900_000)
            until(lambda written_bytes=written_bytes: holds_bytes(tmp_path, written_bytes))  # type: ignore[misc]  # mypy takes no defaults of lambdas
            os.kill(chance.choice(children_of(process)), signal.SIGKILL)
        assert finish(process) == (0, "")
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "in.jsonl").read_bytes()
