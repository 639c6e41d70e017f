"""Functions that misbehave: the error is plain, names the line, and what came before is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from functions import numbers, transform, write

FAILURES = """
    import asyncio, ctypes, os, signal, sys, time

    def at_three(do):
        def f(record):
            if record["a"] == 3:
                do()
            return record
        return f
    def at_three_async(do):
        async def f(record):
            return at_three(do)(record)
        return f

    def divide():
        1 / 0
    def interrupt():
        raise asyncio.CancelledError
    raising = at_three(divide)
    raising_async = at_three_async(divide)
    leaving = at_three(lambda: sys.exit("bye"))
    leaving_async = at_three_async(lambda: sys.exit("bye"))
    def press():
        raise KeyboardInterrupt
    interrupted = at_three(press)
    cancelled_async = at_three_async(interrupt)
    dying = at_three(lambda: os._exit(3))
    crashing = at_three(lambda: ctypes.string_at(0))
    killed = at_three(lambda: os.kill(os.getpid(), signal.SIGKILL))
    hanging = at_three(lambda: time.sleep(600))
    def killed_once():
        try:
            os.unlink("once")
        except FileNotFoundError:
            return
        os.kill(os.getpid(), signal.SIGKILL)
    dying_once = at_three(killed_once)
    async def hanging_async(record):
        await asyncio.sleep(600 if record["a"] == 3 else 0)
        return record
    async def hanging_batch(records):
        await asyncio.sleep(600)

    def value_of(make):
        return lambda record: {"a": make() if record["a"] == 3 else 0}
    def cycle():
        items = []
        items.append(items)
        return items
    def deep():
        items = []
        for _ in range(100_000):
            items = [items]
        return items
    nan = value_of(lambda: float("nan"))
    binary = value_of(lambda: b"x")
    some_set = value_of(lambda: {1})
    itself = value_of(cycle)
    nested = value_of(deep)
    surrogate = value_of(lambda: "\\udcff")
    def deep_recursion(record):
        return deep_recursion(record)
    def number_key(record):
        return {1: 2}
    def text(record):
        return "text"
    def number(record):
        return 1
    def texts(record):
        return [record, "text"]
    def half_way(record):
        yield record
        divide()
    def short(records):
        return records[1:]
    async def short_async(records):
        return records[1:]
    def no_list(records):
        return None
    def texts_of_batch(records):
        return ["text"] * len(records)
    def printing(record):
        print("printed", record["a"])
        os.write(1, b"written\\n")
        return record
    async def printing_async(record):
        print("printed", record["a"])
        return record
    def threading_function(record):
        import threading
        threading.Thread(target=time.sleep, args=(600,)).start()
        return record
    def ignoring_signals(record):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.chdir("/")
        return record
    class NoInit:
        def __init__(self):
            divide()
        def __call__(self, record): ...
    class NoEnter:
        def __enter__(self):
            divide()
        def __exit__(self, *error): ...
        def __call__(self, record): ...
    class NoExit:
        def __enter__(self): ...
        def __exit__(self, *error):
            divide()
        def __call__(self, record):
            return record
    class NoExitAsync:
        async def __aenter__(self): ...
        async def __aexit__(self, *error):
            divide()
        async def __call__(self, record):
            return record
    class FailsAndCannotLeave(NoExit):
        def __call__(self, record):
            raise KeyError("first")
    class SlowExit:
        def __enter__(self): ...
        def __exit__(self, *error):
            time.sleep(1.5)
            open("left", "a").write("left\\n")
        def __call__(self, record):
            return record
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    write(tmp_path, FAILURES)
    return tmp_path


def lines(*values: int) -> str:
    return "".join(f'{{"a":{value}}}\n' for value in values)


def failed(here: Path, name: str, *arguments: str) -> tuple[str, str]:
    """Run a function that fails; return the output and the error, in the line of the record."""
    result = transform(here, "--fn", f"f.py:{name}", *arguments, stdin=numbers(5))
    assert result.status == 1
    assert "streamx/" not in result.errors, "only the user's own code is of interest"
    return result.output, result.errors.removeprefix("streamx: error: ")


@pytest.mark.parametrize("name", ["raising", "raising_async"])
def test_an_exception_names_the_line_and_shows_the_own_traceback(here: Path, name: str) -> None:
    output, error = failed(here, name)
    assert output == lines(0, 1, 2)
    first, *traceback = error.splitlines()
    found = f"f.py:{name} raised ZeroDivisionError: division by zero"
    assert first == f"standard input, line 5 (byte 8): {found}"
    assert traceback[0] == "Traceback (most recent call last):"
    assert traceback[1].startswith(f'  File "{here}/f.py", line ')
    assert traceback[-1] == "ZeroDivisionError: division by zero"


AT_LINE_5 = "standard input, line 5 (byte 8): "


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("leaving", "called sys.exit('bye')"),
        ("interrupted", "raised KeyboardInterrupt"),
        ("leaving_async", "called sys.exit('bye')"),
        ("cancelled_async", "raised CancelledError"),
        ("nan", "nan in field 'a'"),
        ("binary", "b'x' (bytes) in field 'a'"),
        ("some_set", "{1} (set) in field 'a'"),
        ("itself", "nested too deeply or holds itself"),
        ("nested", "nested too deeply or holds itself"),
        ("surrogate", "half of a surrogate pair"),
    ],
)
def test_what_cannot_be_written_names_the_line_and_what_was_found(
    here: Path, name: str, message: str
) -> None:
    output, error = failed(here, name)
    assert error.startswith(AT_LINE_5)
    assert message in error
    assert len(output.splitlines()) == 3


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("deep_recursion", "raised RecursionError"),
        ("number_key", "the key 1 (int); expected text for a key"),
        ("text", "f.py:text returned str; expected a record, a dict, None"),
        ("number", "f.py:number returned int; expected a record, a dict, None"),
        ("texts", "f.py:texts gave str among its results"),
        ("half_way", "f.py:half_way raised ZeroDivisionError"),
    ],
)
def test_a_record_leaves_nothing_where_its_results_are_not_all_records(
    here: Path, name: str, message: str
) -> None:
    output, error = failed(here, name)
    assert output == ""
    assert error.startswith("standard input, line 2 (byte 2): ")
    assert message in error


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("short", "f.py:short returned a list of 1 for a batch of 2 records"),
        ("short_async", "f.py:short_async returned a list of 1 for a batch of 2 records"),
        ("no_list", "f.py:no_list returned NoneType for a batch of 2 records"),
        ("texts_of_batch", "f.py:texts_of_batch gave str among its results"),
    ],
)
def test_a_batch_has_to_give_a_result_for_each_record(here: Path, name: str, message: str) -> None:
    _, error = failed(here, name, "--batch-size", "2")
    assert error.startswith(f"standard input, line 2 (byte 2): {message}")


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("dying", "exited with status 3"),
        ("crashing", "was killed by SIGSEGV"),
        ("killed", "was killed by SIGKILL"),
        ("hanging", "took longer than 0.3 s"),
    ],
)
def test_a_process_that_dies_twice_at_a_record_ends_the_run_with_its_line(
    here: Path, name: str, how: str
) -> None:
    _, error = failed(here, name, *(("--timeout", "300ms") if name == "hanging" else ()))
    assert error.startswith(f"a worker process {how}, and again when it was replaced, at line 5 ")


def test_a_process_that_dies_once_is_replaced_and_nothing_is_lost(here: Path) -> None:
    (here / "once").touch()
    result = transform(here, "--fn", "f.py:dying_once", stdin=numbers(50_000))
    assert result.output == lines(*range(50_000))
    assert not (here / "once").exists()


def test_a_call_that_takes_too_long_is_ended_on_the_event_loop(here: Path) -> None:
    output, error = failed(here, "hanging_async", "--timeout", "300ms")
    assert output == lines(0, 1, 2)
    assert error == f"{AT_LINE_5}f.py:hanging_async took longer than 0.3 s\n"


def test_a_batch_that_takes_too_long_is_ended(here: Path) -> None:
    _, error = failed(here, "hanging_batch", "--timeout", "300ms", "--batch-size", "2")
    assert error == (
        "standard input, line 2 (byte 2): "
        "f.py:hanging_batch took longer than 0.3 s with a batch of 2\n"
    )


@pytest.mark.parametrize("name", ["printing", "printing_async"])
def test_what_is_printed_goes_to_standard_error(here: Path, name: str) -> None:
    result = transform(here, "--fn", f"f.py:{name}", stdin=numbers(2))
    assert (result.status, result.output) == (0, lines(0, 1))
    assert "printed 0\n" in result.errors


@pytest.mark.parametrize("name", ["threading_function", "ignoring_signals"])
def test_what_a_function_leaves_behind_in_its_process_holds_up_nobody(
    here: Path, name: str
) -> None:
    result = transform(here, "--fn", f"f.py:{name}", stdin=numbers(2))
    assert result == (0, lines(0, 1), "")


@pytest.mark.parametrize("name", ["NoInit", "NoEnter"])
def test_a_class_that_cannot_be_made_ready_is_an_error(here: Path, name: str) -> None:
    output, error = failed(here, name)
    assert output == ""
    assert error.startswith(f"--fn f.py:{name}: making it ready raised ZeroDivisionError")


@pytest.mark.parametrize("name", ["NoExit", "NoExitAsync"])
def test_a_context_that_cannot_be_left_fails_the_run(here: Path, name: str) -> None:
    output, error = failed(here, name)
    assert output == lines(0, 1, 2, 3, 4)
    first, second, third, *_ = error.splitlines()
    assert first == "leaving a function's context raised ZeroDivisionError: division by zero"
    assert second == "Traceback (most recent call last):"
    assert third.startswith(f'  File "{here}/f.py"')


def test_what_failed_first_is_what_is_said(here: Path) -> None:
    _, error = failed(here, "FailsAndCannotLeave")
    assert "raised KeyError: 'first'" in error
    assert "ZeroDivisionError" not in error


def test_a_context_has_time_to_be_left(here: Path) -> None:
    arguments = ("--fn", "f.py:SlowExit", "-j", "1")
    assert transform(here, *arguments, stdin=numbers(1)).output == lines(0)
    assert (here / "left").read_text() == "left\n"
