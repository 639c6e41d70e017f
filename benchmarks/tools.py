"""Tools: what each program is called with to convert records, and which version is installed."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from benchmarks.measure import Command

STREAMX = str(Path(sys.executable).with_name("streamx"))

Format = Literal["csv", "jsonl"]


@dataclass(frozen=True, slots=True)
class Query:
    """Which records to keep and what to compute, in terms that all tools share.

    Attributes:
        column, more_than: of the records that are kept, the column is more than this.
        name: of the column that is computed.
        minuend, minus: the columns of which it is the difference.
    """

    column: str
    more_than: int
    name: str
    minuend: str
    minus: str


@dataclass(frozen=True, slots=True)
class Task:
    """One conversion, the same for every tool.

    Attributes:
        source, target: paths; None for standard input and standard output.
        source_format, target_format: "csv" or "jsonl".
        null: the cell text that stands for null, or None.
        columns: the columns to keep; all if none is named.
        query: keep some records only, and add a column.
    """

    source: str | None
    target: str | None
    source_format: Format
    target_format: Format
    null: str | None = None
    columns: tuple[str, ...] = ()
    query: Query | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that can be compared.

    Attributes:
        version: finds its version; None if it is not installed.
        command: returns what does a task.
    """

    version: Callable[[], str | None]
    command: Callable[[Task], Command]


def streamx(task: Task, *options: str) -> Command:
    """Return the call of the installed script, which starts faster than `python -m streamx`."""
    arguments = [STREAMX, "transform", task.source or "-", task.target or "-"]
    arguments += ["--from", task.source_format, "--to", task.target_format]
    arguments += [] if task.null is None else ["--null", task.null]
    if task.query:
        arguments += ["--where", f"{task.query.column} > {task.query.more_than}"]
        arguments += ["--set", f"{task.query.name}={task.query.minuend} - {task.query.minus}"]
    arguments += ["--select", ",".join(task.columns)] if task.columns else []
    return Command((*arguments, *options))


def _peer(name: str, task: Task) -> Command:
    return Command((sys.executable, "-m", "benchmarks.peers", name, json.dumps(asdict(task))))


def _miller(task: Task) -> Command:
    verb = ("cut", "-o", "-f", ",".join(task.columns)) if task.columns else ("cat",)
    if task.query:
        query = task.query
        keep = f"is_numeric(${query.column}) && ${query.column} > {query.more_than}"
        difference = f"${query.name} = ${query.minuend} - ${query.minus}"
        verb = ("filter", keep, "then", "put", difference, "then", *verb)
    return _printing(task, "mlr", f"--i{task.source_format}", f"--o{task.target_format}", *verb)


def _qsv(task: Task) -> Command:
    if task.columns:
        return _printing(task, _qsv_program(), "select", ",".join(task.columns))
    return _printing(task, _qsv_program(), "tojsonl" if task.source_format == "csv" else "jsonl")


def _qsv_program() -> str:
    """The smaller build has the same commands under another name."""
    return next((name for name in ("qsv", "qsvlite") if shutil.which(name)), "qsv")


def _cat(task: Task) -> Command:
    return _printing(task, "cat")


def _printing(task: Task, *arguments: str) -> Command:
    source = () if task.source is None else (task.source,)
    return Command((*arguments, *source), output=task.target or os.devnull)


def _version_of_package(name: str) -> str | None:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return None


def _version_of_program(find: Callable[[], str]) -> str | None:
    try:
        told = subprocess.run([find(), "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    found = re.match(r".*?\d+(\.\d+)+( \(codec: \w+\))?", told.stdout)
    return found and found[0]


def _version_of_stdlib() -> str | None:
    orjson = _version_of_package("orjson")
    return orjson and f"Python {platform.python_version()} with {orjson}"


def _python_peer(name: str) -> Tool:
    return Tool(partial(_version_of_package, name), partial(_peer, name))


def _program(find: Callable[[], str], command: Callable[[Task], Command]) -> Tool:
    return Tool(partial(_version_of_program, find), command)


TOOLS = {
    "streamx": _program(lambda: STREAMX, streamx),
    "duckdb": _python_peer("duckdb"),
    "polars": _python_peer("polars"),
    "chdb": _python_peer("chdb"),
    "miller": _program(lambda: "mlr", _miller),
    "qsv": _program(_qsv_program, _qsv),
    "stdlib": Tool(_version_of_stdlib, partial(_peer, "stdlib")),
    "cat": _program(lambda: "cat", _cat),
}
