from __future__ import annotations

import asyncio
import functools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streamx.errors import UsageError
from streamx.transform.functions import Apply, Form


@pytest.fixture(autouse=True)
def _imports_as_before() -> Iterator[None]:
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def written(directory: Path, name: str, text: str) -> str:
    (directory / name).write_text(text)
    return str(directory / name)


def refusal(where: str) -> str:
    with pytest.raises(UsageError) as caught:
        Apply(where).load()
    return str(caught.value)


def test_a_function_is_found_in_a_file(tmp_path: Path) -> None:
    place = written(tmp_path, "clean.py", "def clean(record): return 7")
    assert Apply(f"{place}:clean").load()({}) == 7


def test_a_file_imports_modules_beside_it(tmp_path: Path) -> None:
    written(tmp_path, "beside_it.py", "factor = 3")
    place = written(
        tmp_path, "clean.py", "import beside_it\ndef f(record): return beside_it.factor"
    )
    assert Apply(f"{place}:f").load()({}) == 3


def test_a_file_is_imported_once_for_all_its_functions(tmp_path: Path) -> None:
    place = written(tmp_path, "pair.py", "made = []\ndef f(r): return made\ndef g(r): return made")
    assert Apply(f"{place}:f").load()({}) is Apply(f"{place}:g").load()({})


def test_files_of_one_name_in_two_directories_are_two_modules(tmp_path: Path) -> None:
    found = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        place = written(tmp_path / name, "f.py", f"def f(record): return {name!r}")
        found.append(Apply(f"{place}:f").load()({}))
    assert found == ["a", "b"]


def test_a_function_is_found_in_a_module_of_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "jobs").mkdir()
    written(tmp_path / "jobs", "__init__.py", "")
    written(tmp_path / "jobs", "clean.py", "class Cleaner:\n    def clean(record): return 5")
    monkeypatch.chdir(tmp_path)
    assert Apply("jobs.clean:Cleaner.clean").load()({}) == 5


def test_a_name_that_is_not_there_is_refused_with_the_nearest(tmp_path: Path) -> None:
    place = written(tmp_path, "clean.py", "def clean(record): ...")
    assert refusal(f"{place}:claen").endswith("has no function claen; did you mean 'clean'?")


@pytest.mark.parametrize("where", ["clean", "clean.py", ":f", "clean.py:"])
def test_a_place_without_a_name_is_refused(where: str) -> None:
    assert "write path.py:name or package.module:name" in refusal(where)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert f"there is no file {tmp_path}/no.py" in refusal(f"{tmp_path}/no.py:f")


def test_a_module_that_is_not_there_is_refused() -> None:
    assert refusal("json.no_such:f").endswith("there is no module json.no_such")
    assert refusal("no_such.module:f").endswith("there is no module no_such")


def test_something_that_cannot_be_called_is_refused(tmp_path: Path) -> None:
    place = written(tmp_path, "clean.py", "limit = 3")
    assert refusal(f"{place}:limit").endswith("found int; expected a function")


def test_an_import_that_fails_shows_the_traceback_of_the_file_alone(tmp_path: Path) -> None:
    place = written(tmp_path, "broken.py", "def f(r): ...\n1 / 0\n")
    text = refusal(f"{place}:f")
    first, *lines = text.splitlines()
    assert first.endswith(f"cannot import {place}")
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].strip() == f'File "{place}", line 2, in <module>'
    assert lines[-1] == "ZeroDivisionError: division by zero"
    assert "streamx/" not in "".join(lines[2:])


def test_a_syntax_error_is_shown_where_it_is(tmp_path: Path) -> None:
    place = written(tmp_path, "broken.py", "def f(r:\n")
    assert f'File "{place}", line 1' in refusal(f"{place}:f")


async def ask(record: Any) -> Any: ...


async def ask_for_several(record: Any) -> Any:
    yield record


class Plain:
    def __call__(self, record: Any) -> Any: ...


class Asking:
    async def __call__(self, record: Any) -> Any: ...


class Session:
    async def __aenter__(self) -> Any: ...

    async def __aexit__(self, *error: object) -> None: ...

    def __call__(self, record: Any) -> Any: ...


@functools.wraps(ask)
def wrapped(record: Any) -> Any:
    return ask(record)


@pytest.mark.parametrize(
    ("function", "is_async", "is_class"),
    [
        (refusal, False, False),
        (len, False, False),
        (lambda record: record, False, False),
        (ask, True, False),
        (ask_for_several, True, False),
        (functools.partial(functools.partial(ask)), True, False),
        (wrapped, True, False),
        (Plain, False, True),
        (Plain(), False, False),
        (Asking, True, True),
        (Asking(), True, False),
        (Asking().__call__, True, False),
        (Session, True, True),
    ],
)
def test_the_form_of_a_function_is_told(function: Any, is_async: bool, is_class: bool) -> None:
    assert Form.of(function, "f") == Form(is_async, is_class)


def test_a_class_that_cannot_be_called_is_refused() -> None:
    with pytest.raises(UsageError, match="has no __call__"):
        Form.of(Path, "Path")


def test_a_function_of_a_module_can_be_found_elsewhere() -> None:
    assert Apply(json.dumps).elsewhere() == Apply("json:dumps")
    assert Apply(asyncio.Queue.put).elsewhere() == Apply("asyncio.queues:Queue.put")


def test_a_closure_cannot_be_found_elsewhere() -> None:
    assert Apply(lambda record: record).elsewhere() is None
    assert Apply(Plain()).elsewhere() is None
    assert Apply(functools.partial(json.dumps)).elsewhere() is None
