"""A rate holds for all processes that take their turns from one file, whatever becomes of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from streamx.engine.wire import anonymous_file
from streamx.flow import RateLimiter
from streamx.transform import turns
from streamx.transform.calling import sync_caller
from streamx.transform.functions import Calls
from streamx.transform.retries import Retries


@pytest.fixture
def file(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    descriptor = anonymous_file()
    monkeypatch.setattr(turns, "_descriptor", descriptor)
    yield descriptor
    os.close(descriptor)


def limiter(rate: float) -> RateLimiter:
    found = turns.limiter_of(Calls(rate=rate))
    assert found is not None
    return found


def test_limiters_of_one_file_share_their_turns(file: int) -> None:
    waits = [limiter(10).reserve() for _ in range(5)]
    assert waits == pytest.approx([0, 0.05, 0.15, 0.25, 0.35], abs=0.02)


def test_limiters_without_a_file_are_on_their_own() -> None:
    assert [limiter(1).reserve() for _ in range(3)] == [0, 0, 0]


DIES_WITH_THE_LOCK = """
import os, signal, sys
from streamx.transform import turns
with turns._ProcessLock(int(sys.argv[1])):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_dies_with_the_lock_holds_up_nobody(file: int) -> None:
    command = [sys.executable, "-c", DIES_WITH_THE_LOCK, str(file)]
    assert subprocess.run(command, pass_fds=[file], check=False).returncode == -signal.SIGKILL
    assert limiter(10).reserve() == 0


def test_a_call_that_is_made_again_takes_a_turn_too(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)

    def fail(record: object) -> None:
        raise OSError("down")

    call = sync_caller(fail, Calls(retries=Retries(2)), RateLimiter(10, clock=lambda: 0.0))
    with pytest.raises(OSError, match="down"):
        call({})
    turn, pause, next_turn, next_pause, last_turn = slept
    assert [turn, next_turn, last_turn] == pytest.approx([0, 0.1, 0.2])
    assert min(pause, next_pause) >= 0.25
