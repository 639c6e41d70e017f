"""The examples in docstrings do what they show."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import streamx

MODULES = [module.name for module in pkgutil.walk_packages(streamx.__path__, "streamx.")]


@pytest.mark.parametrize("name", [name for name in MODULES if not name.endswith("__main__")])
def test_the_examples_of_a_module_run(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__, "a module says in its first line why it exists"
    assert doctest.testmod(module).failed == 0


def test_examples_are_found() -> None:
    counts = [
        doctest.testmod(importlib.import_module(name)).attempted
        for name in MODULES[:-1]
        if "__main__" not in name
    ]
    assert sum(counts) > 30
