from __future__ import annotations

import asyncio
import email.utils
import time
from typing import Any

import pytest

from streamx.transform import calling, retries
from streamx.transform.async_calling import AsyncCaller
from streamx.transform.calling import CallTimeoutError, sync_caller
from streamx.transform.functions import Calls
from streamx.transform.retries import Retries, is_overload, retry_after_seconds


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_DELAY_SECONDS", 0.001)


class Failing:
    """Fails so many times, then returns how often it was called and what it got."""

    def __init__(self, times: int, error: Exception) -> None:
        self.times = times
        self.error = error
        self.calls = 0

    def __call__(self, record: dict[str, Any]) -> dict[str, Any]:
        self.calls += 1
        record["seen"] = record.get("seen", 0) + 1
        if self.calls <= self.times:
            raise self.error
        return {"calls": self.calls, **record}


def call_async(function: Any, calls: Calls, **options: Any) -> Any:
    async def asynchronous(record: Any) -> Any:
        return function(record)

    return asyncio.run(AsyncCaller(asynchronous, calls, **options)({"a": 1}))  # type: ignore[arg-type]  # a coroutine


def call_sync(function: Any, calls: Calls) -> Any:
    return sync_caller(function, calls)({"a": 1})


BOTH = pytest.mark.parametrize("call", [call_sync, call_async])


@BOTH
def test_a_call_that_fails_is_made_again_with_the_record_as_it_came(call: Any) -> None:
    failing = Failing(2, OSError("down"))
    assert call(failing, Calls(retries=Retries(2))) == {"calls": 3, "a": 1, "seen": 1}


@BOTH
def test_the_last_failure_is_raised_and_says_how_many_there_were(call: Any) -> None:
    with pytest.raises(OSError, match="down") as caught:
        call(Failing(9, OSError("down")), Calls(retries=Retries(2)))
    assert caught.value.__notes__ == ["This was call 3 for the same record; all failed."]


@BOTH
def test_other_exceptions_than_those_named_are_raised_at_once(call: Any) -> None:
    failing = Failing(1, ValueError("bad"))
    with pytest.raises(ValueError, match="bad"):
        call(failing, Calls(retries=Retries(5, ("OSError",))))
    assert failing.calls == 1


@BOTH
@pytest.mark.parametrize("name", ["OSError", "ConnectionError", "builtins.ConnectionResetError"])
def test_a_class_is_named_by_itself_or_by_what_it_is_made_from(call: Any, name: str) -> None:
    failing = Failing(1, ConnectionResetError())
    assert call(failing, Calls(retries=Retries(1, (name,))))["calls"] == 2


@BOTH
def test_what_a_generator_raises_halfway_is_a_failure_of_its_call(call: Any) -> None:
    calls = 0

    def several(record: Any) -> Any:
        nonlocal calls
        calls += 1
        yield record
        if calls == 1:
            raise OSError("down")

    assert call(several, Calls(retries=Retries(1))) == [{"a": 1}]


def test_a_call_that_takes_too_long_fails_and_may_be_made_again() -> None:
    calls = 0

    async def slow_at_first(record: Any) -> Any:
        nonlocal calls
        calls += 1
        await asyncio.sleep(60 if calls == 1 else 0)
        return record

    async def run(most: int) -> Any:
        return await AsyncCaller(slow_at_first, Calls(timeout_seconds=0.05, retries=Retries(most)))(
            {}
        )

    assert asyncio.run(run(1)) == {}
    calls = 0
    with pytest.raises(CallTimeoutError, match=r"took longer than 0\.05 s"):
        asyncio.run(run(0))


def test_each_call_waits_for_its_turn_and_overload_is_passed_on() -> None:
    turns: list[int] = []
    overloads: list[int] = []

    async def turn() -> None:
        turns.append(1)

    failing = Failing(2, TimeoutError())
    calls = Calls(retries=Retries(2))
    result = call_async(
        failing, calls, wait_for_turn=turn, note_overload=lambda: overloads.append(1)
    )
    assert (result["calls"], len(turns), len(overloads)) == (3, 3, 2)


class Response:
    def __init__(self, status: int, **headers: str) -> None:
        self.status_code = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class StatusError(Exception):
    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def test_what_the_far_side_asks_for_is_heeded() -> None:
    error = StatusError(Response(503, Retry_After="7"))
    assert retry_after_seconds(error) == 7
    assert Retries(1).delay_seconds(error, 1) == 7
    at = email.utils.formatdate(time.time() + 100, usegmt=True)
    assert 95 < (retry_after_seconds(StatusError(Response(429, Retry_After=at))) or 0) <= 100
    assert retry_after_seconds(StatusError(Response(429, Retry_After="soon"))) is None
    assert retry_after_seconds(ValueError()) is None


def test_overload_is_told_from_other_failures() -> None:
    assert is_overload(StatusError(Response(429)))
    assert is_overload(TimeoutError())
    assert is_overload(ConnectionResetError())
    assert not is_overload(StatusError(Response(404)))
    assert not is_overload(ValueError())


def test_pauses_grow_up_to_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_DELAY_SECONDS", 0.5)
    pauses = [Retries(20).delay_seconds(OSError(), failures) or 0 for failures in range(1, 21)]
    assert all(0.25 * 2**index <= pause for index, pause in enumerate(pauses[:6]))
    assert max(pauses) <= 60
    assert calling.sync_caller(len, Calls()) is len
