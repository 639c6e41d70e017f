"""Functions: finds a user's function, and says how it wants to be called."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Literal

from streamx.blame import own_traceback
from streamx.errors import UsageError
from streamx.transform.retries import Retries

DEFAULT_CONCURRENCY = 64
# What "auto" may come to.
_MOST_CONCURRENCY = 1000

# What a module loaded from a file is called; it is nobody else's name.
_MODULE_PREFIX = "streamx_fn_"


@dataclass(frozen=True, slots=True)
class Apply:
    """Call a function with each record, or with a list of them where a batch size is given.

    Attributes:
        function: the callable itself, or where to find it, `path.py:name` or
            `package.module:name`.
    """

    function: Callable[..., Any] | str

    @property
    def name(self) -> str:
        """What to call the function in messages."""
        if isinstance(self.function, str):
            return self.function
        name = getattr(self.function, "__qualname__", None) or repr(self.function)
        return str(name)

    def load(self) -> Callable[..., Any]:
        """Return the callable.

        Raises:
            UsageError: there is no such file, module or name, or importing it failed.
        """
        if isinstance(self.function, str):
            return _find(self.function)
        return self.function

    def elsewhere(self) -> Apply | None:
        """Return this function in a form that another process can load, or None without one.

        >>> Apply(lambda record: record).elsewhere()
        """
        if isinstance(self.function, str):
            return self
        module = getattr(self.function, "__module__", None)
        name = getattr(self.function, "__qualname__", None)
        if not module or not name or module == "__main__":
            return None
        if _attribute(sys.modules.get(module), name) is not self.function:
            return None
        if getattr(sys.modules[module], "__spec__", None) is None:
            return None
        return Apply(f"{module}:{name}")


@dataclass(frozen=True, slots=True)
class Form:
    """How a function is to be called.

    Attributes:
        is_async: calling it gives something to await, or to iterate asynchronously.
        is_class: it is made once for each worker, and the instance is what is called.
    """

    is_async: bool
    is_class: bool

    @staticmethod
    def of(function: Callable[..., Any], name: str) -> Form:
        """Look at a function.

        Raises:
            UsageError: it is a class whose instances cannot be called.

        >>> async def ask(record): ...
        >>> Form.of(ask, "ask")
        Form(is_async=True, is_class=False)
        """
        is_class = inspect.isclass(function)
        if is_class and "__call__" not in dir(function):
            raise UsageError(
                f"--fn {name}: the class has no __call__; give it one that takes a record"
            )
        called: Any = function if is_class else inspect.unwrap(function)
        while isinstance(called, partial):
            called = called.func
        if not inspect.isroutine(called):
            kind = called if is_class else type(called)
            called = inspect.getattr_static(kind, "__call__")
        is_async = inspect.iscoroutinefunction(called) or inspect.isasyncgenfunction(called)
        return Form(is_async or (is_class and hasattr(function, "__aenter__")), is_class)


@dataclass(frozen=True, slots=True)
class Calls:
    """How functions are called.

    Attributes:
        batch_records: how many records a function gets at a time; None for one, by itself.
        batch_wait_seconds: how long a record may wait for the batch of an asynchronous chain.
        concurrency: how many records of an asynchronous chain are on their way at a time; "auto"
            for as many as the far side bears.
        timeout_seconds: how long a call may take, or None.
        retries: whether a call that failed is made again.
        rate: how many calls are made at most in a second, by all workers together, or None.
    """

    batch_records: int | None = None
    batch_wait_seconds: float = 0.1
    concurrency: int | Literal["auto"] = DEFAULT_CONCURRENCY
    timeout_seconds: float | None = None
    retries: Retries = field(default_factory=Retries)
    rate: float | None = None

    @property
    def most_concurrency(self) -> int:
        """How many records are on their way at most."""
        return _MOST_CONCURRENCY if self.concurrency == "auto" else self.concurrency


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the work is done: in threads, for functions elsewhere.

    Attributes:
        kind: "threads" for a chain without functions; "processes" for functions that another
            process can find; "loop" for a chain with an async one; "caller" for the rest, which
            run in one thread of the calling process.
        has_instances: a function is a class, whose instances begin and end with the run.
    """

    kind: Literal["threads", "processes", "loop", "caller"] = "threads"
    has_instances: bool = field(default=False, repr=False)

    @property
    def chunk_size_bytes(self) -> int:
        """What a chunk holds unless the user says otherwise: less where records take longer."""
        return {"threads": 1024, "processes": 1024, "loop": 64, "caller": 256}[self.kind] * 1024

    @property
    def first_chunk_bytes(self) -> int | None:
        """What the first chunk holds, if later ones may grow: all workers have work at once."""
        return 16 * 1024 if self.kind == "processes" else None

    @property
    def buffer_chunks(self) -> int | None:
        """How many chunks may wait unless the user says otherwise; None to go by the workers."""
        return 32 if self.kind == "loop" else None

    @property
    def is_single(self) -> bool:
        """Tell whether there is but one worker, whatever was asked for."""
        return self.kind in ("loop", "caller")


def placement_of(functions: Sequence[Apply]) -> Placement:
    """Decide where a chain runs.

    Raises:
        UsageError: a function cannot be found, loaded or called.

    >>> placement_of([])
    Placement(kind='threads')
    >>> placement_of([Apply("json:dumps")])
    Placement(kind='processes')
    >>> placement_of([Apply("json:dumps"), Apply(lambda record: record)])
    Placement(kind='caller')
    """
    if not functions:
        return Placement()
    forms = [Form.of(each.load(), each.name) for each in functions]
    has_instances = any(form.is_class for form in forms)
    if any(form.is_async for form in forms):
        return Placement("loop", has_instances)
    if all(each.elsewhere() for each in functions):
        return Placement("processes", has_instances)
    return Placement("caller", has_instances)


def _find(where: str) -> Callable[..., Any]:
    place, colon, name = where.rpartition(":")
    if not colon or not place or not name:
        raise UsageError(
            f"--fn {where!r} names no function; write path.py:name or package.module:name"
        )
    module = _from_file(where, place) if place.endswith(".py") else _from_name(where, place)
    function = _attribute(module, name)
    if function is None:
        raise _unknown(where, place, name, module)
    if not callable(function):
        raise UsageError(f"--fn {where}: found {type(function).__name__}; expected a function")
    return function  # type: ignore[no-any-return]  # anything callable will do


def _from_file(where: str, place: str) -> ModuleType:
    """Import a file; modules beside it can be imported, as with `python FILE`."""
    import importlib.util

    path = os.path.realpath(place)
    name = module_name(path)
    known = sys.modules.get(name)
    if known is not None and known.__file__ == path:
        return known
    if not os.path.isfile(path):
        raise UsageError(f"--fn {where}: there is no file {place}")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    return executed(spec, where, place)


def module_name(path: str) -> str:
    """Return what a module that is loaded from a file is called."""
    return _MODULE_PREFIX + os.path.basename(path).removesuffix(".py")


def executed(spec: ModuleSpec, where: str, place: str) -> ModuleType:
    """Load a file's module.

    Args:
        spec: of the module, with its file's path.
        where, place: the option's value and the file, for messages.

    Raises:
        UsageError: importing it failed.
    """
    import importlib.util

    assert spec.origin is not None
    assert spec.loader is not None
    name = spec.name
    module = importlib.util.module_from_spec(spec)
    _search(os.path.dirname(spec.origin))
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        raise _failed_import(where, place, error) from error
    return module


def _from_name(where: str, place: str) -> ModuleType:
    _search(os.getcwd())
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name is not None and (place + ".").startswith(error.name + "."):
            raise UsageError(f"--fn {where}: there is no module {error.name}") from error
        raise _failed_import(where, place, error) from error
    except BaseException as error:
        raise _failed_import(where, place, error) from error


def _search(directory: str) -> None:
    """Import from a directory before what is installed, but never instead of Python's own.

    A file named json.py or queue.py is nothing unusual; as the place to import from it would
    change what everything here imports from then on.
    """
    if directory not in sys.path:
        import sysconfig

        own = {os.path.dirname(os.__file__), sysconfig.get_path("platstdlib")}
        own |= {os.path.join(path, "lib-dynload") for path in own}
        numbers = [number for number, path in enumerate(sys.path) if path in own]
        sys.path.insert(max(numbers, default=-1) + 1, directory)


def _failed_import(where: str, place: str, error: BaseException) -> BaseException:
    """Say why an import failed; Ctrl-C and the like are no failures of the module."""
    if not isinstance(error, Exception | SystemExit):
        return error
    text = f"--fn {where}: cannot import {place}"
    if isinstance(error, ImportError) and "no known parent package" in str(error):
        text += "; a module of a package is named package.module:name, without .py"
    return UsageError(f"{text}\n{own_traceback(error)}")


def _attribute(module: object, name: str) -> Any:
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _unknown(where: str, place: str, name: str, module: ModuleType) -> UsageError:
    from streamx.nearest import did_you_mean  # for this alone

    names = [
        each for each, value in vars(module).items() if callable(value) and not each.startswith("_")
    ]
    return UsageError(f"--fn {where}: {place} has no function {name}{did_you_mean(name, names)}")
