from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from streamx.blame import own_traceback, summary
from streamx.codec.fields import Fields
from streamx.codec.layout import JsonlFormat
from streamx.codec.record import Record


def caught(function: Any) -> BaseException:
    with pytest.raises(BaseException) as caught:  # noqa: PT011  # whatever it is
        function()
    caught.value.__traceback__ = caught.tb.tb_next  # without this function
    return caught.value


def test_code_of_ours_that_the_function_called_is_left_out() -> None:
    record = Record(Fields(JsonlFormat(), ("a",), (0,)), (b"1",))

    def read() -> Any:
        return record["b"]

    text = own_traceback(caught(read))
    assert "in read\n" in text
    assert "record.py" not in text
    assert text.endswith("KeyError: 'b'")


def test_code_of_ours_is_left_out_of_what_came_before_the_exception_too() -> None:
    record = Record(Fields(JsonlFormat(), ("a",), (0,)), (b"1",))

    def read() -> Any:
        try:
            return record["b"]
        except KeyError as error:
            raise ExceptionGroup("several", [error]) from error

    text = own_traceback(caught(read))
    assert "record.py" not in text
    assert "The above exception was the direct cause" in text


def test_contexts_of_the_library_are_left_out() -> None:
    @contextmanager
    def failing() -> Iterator[None]:
        yield
        raise ValueError("no")

    def use() -> None:
        with failing():
            pass

    text = own_traceback(caught(use))
    assert "in failing\n" in text
    assert "contextlib.py" not in text


def test_an_exception_of_which_no_text_can_be_made_is_named() -> None:
    class UnspeakableError(Exception):
        def __str__(self) -> str:
            raise ValueError

    assert "UnspeakableError" in summary(UnspeakableError())
    assert summary(asyncio.CancelledError()) == "asyncio.exceptions.CancelledError"
