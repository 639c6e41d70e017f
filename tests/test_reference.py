"""What is public is in the reference; its docstring names what it takes, gives and raises."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import ROOT

import streamx
import streamx.errors
import streamx.flow
import streamx.job_options
import streamx.testing


def names_of(module: Any) -> list[str]:
    """Return what a module says is public, or else the classes and functions that it defines."""
    return getattr(module, "__all__", None) or [
        name
        for name, value in vars(module).items()
        if (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
        and not name.startswith("_")
    ]


PUBLIC = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in (streamx, streamx.flow, streamx.testing)
    for name in names_of(module)
}
ERRORS = {
    f"streamx.errors.{name}": value
    for name, value in vars(streamx.errors).items()
    if inspect.isclass(value)
}
DOCUMENTED = PUBLIC | ERRORS


def words_of(value: Any) -> str:
    """Return a docstring without its examples."""
    return re.sub(r"^ *(>>>|\.\.\.).*$", "", inspect.getdoc(value) or "", flags=re.MULTILINE)


def functions_of(name: str, public: Any) -> Iterator[tuple[str, Callable[..., Any], str]]:
    """Give each function that a public name stands for, and the text in which its words are."""
    if not inspect.isclass(public):
        yield name, public, words_of(public)
        return
    is_plain = not hasattr(public, "__dataclass_fields__") and not getattr(
        public, "_is_protocol", False
    )
    for each, value in vars(public).items():
        function = value.fget if isinstance(value, property) else value
        if not inspect.isfunction(function) or each in getattr(public, "__dataclass_fields__", ()):
            continue
        if each == "__init__" and is_plain:
            yield f"{name}.{each}", function, words_of(public)
        elif not each.startswith("_"):
            yield f"{name}.{each}", function, f"{words_of(function)}\n{words_of(public)}"


FUNCTIONS = [each for name, public in DOCUMENTED.items() for each in functions_of(name, public)]
each_function = pytest.mark.parametrize(
    ("function", "text"), [pytest.param(*rest, id=name) for name, *rest in FUNCTIONS]
)


def names_in(text: str, name: str) -> bool:
    return re.search(rf"\b{name}\b", text) is not None


def test_the_reference_has_every_public_name() -> None:
    reference = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "reference").glob("*.md")
    )
    shown = set()
    for path in re.findall(r"^::: ([\w.]+)$", reference, re.MULTILINE):
        module, _, name = path.rpartition(".")
        shown.add(getattr(importlib.import_module(module), name))
    assert shown == {*PUBLIC.values(), streamx.job_options.Options}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_public_name_and_all_in_it_has_a_docstring(name: str) -> None:
    public = DOCUMENTED[name]
    assert not inspect.isclass(public) or "__doc__" in vars(public)
    assert public.__doc__
    for each, function, _ in functions_of(name, public):
        assert function.__doc__ or each.endswith("__init__"), each


@each_function
def test_a_docstring_names_each_parameter(function: Callable[..., Any], text: str) -> None:
    unnamed = [
        each
        for each in inspect.signature(function).parameters
        if each not in ("self", "cls") and not each.startswith("_") and not names_in(text, each)
    ]
    assert unnamed == [] or "Do the same as `" in text


@each_function
def test_a_docstring_names_what_is_raised(function: Callable[..., Any], text: str) -> None:
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    raised = {
        node.exc.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and isinstance(node.exc.func, ast.Name)
    }
    assert {each for each in raised if not names_in(text, each)} == set()


@each_function
def test_a_docstring_says_what_is_returned(function: Callable[..., Any], text: str) -> None:
    returned = inspect.signature(function).return_annotation
    says = re.search(r"Returns:|[Rr]eturn|^(Tell|Yield|Do the same as|Take|How|What|The)\b", text)
    assert says or returned in ("None", None, inspect.Signature.empty)


def test_the_options_name_each_option() -> None:
    text = words_of(streamx.job_options.Options)
    options = streamx.job_options.JobOptions.__annotations__
    assert [each for each in options if not names_in(text, each)] == []


@pytest.mark.parametrize(
    "name", [name for name, public in PUBLIC.items() if inspect.isclass(public)]
)
def test_a_dataclass_names_each_of_its_fields(name: str) -> None:
    fields = getattr(PUBLIC[name], "__dataclass_fields__", {})
    text = "\n".join(map(words_of, PUBLIC[name].__mro__))
    assert [each for each in fields if not each.startswith("_") and not names_in(text, each)] == []
