"""Jobs: what is compared with what, and on which input."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.inputs import FLIGHTS_BYTES, FLIGHTS_COLUMNS, FLIGHTS_RECORDS, Input, Inputs
from benchmarks.measure import Command
from benchmarks.tools import STREAMX, TOOLS, Format, Query, Task, streamx

NULL = "NA"
NOWHERE = "/dev/null"
HERE = Path(__file__).parent
LATE_FLIGHTS = 26_581  # by more than 60 minutes, of FLIGHTS_RECORDS


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a table.

    Attributes:
        tool: which tool it measures, for `--tools`.
        label: what its row is called.
        command: what runs.
        input_bytes: how much it reads, 0 if that does not matter.
        output_lines: how many lines it must write if it has done its work; None if it is trusted.
    """

    tool: str
    label: str
    command: Command
    input_bytes: int = 0
    output_lines: int | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One table.

    Attributes:
        title: its heading.
        entries: makes its rows, given the inputs and where the output is to go.
        base: the label of the row that the others are compared with.
        keeps_output: outputs go to a file, not to /dev/null.
        is_extra: it takes long, so it only runs if it is asked for by name.
        note: what a reader must know to read the numbers.
    """

    title: str
    entries: Callable[[Inputs, str], Iterator[Entry]]
    base: str = "streamx"
    keeps_output: bool = False
    is_extra: bool = False
    note: str = ""


def _converted(
    source: Callable[[Inputs], Input],
    source_format: Format,
    target_format: Format,
    null: str | None = None,
    columns: tuple[str, ...] = (),
) -> Callable[[Inputs, str], Iterator[Entry]]:
    """Return a job's entries: every tool does the same conversion of a file."""

    def entries(inputs: Inputs, target: str) -> Iterator[Entry]:
        input = source(inputs)
        task = Task(str(input.path), target, source_format, target_format, null, columns)
        lines = input.records + (target_format == "csv")
        for name, tool in TOOLS.items():
            expected = None if name == "cat" else lines
            yield Entry(name, name, tool.command(task), input.path.stat().st_size, expected)

    return entries


_flights = _converted(Inputs.flights_csv, "csv", "jsonl", NULL)
_text = _converted(Inputs.text_csv, "csv", "jsonl")
_back = _converted(Inputs.flights_jsonl, "jsonl", "csv")
_columns = _converted(Inputs.flights_csv, "csv", "csv", columns=FLIGHTS_COLUMNS)


def _queried(
    source: Callable[[Inputs], Input], source_format: Format, null: str | None
) -> Callable[[Inputs, str], Iterator[Entry]]:
    """Return the entries of tools that find late flights and compute what they caught up."""

    def entries(inputs: Inputs, target: str) -> Iterator[Entry]:
        input = source(inputs)
        columns = ("carrier", "flight", "dep_delay", "arr_delay", "gain")
        query = Query("dep_delay", 60, "gain", "dep_delay", "arr_delay")
        task = Task(str(input.path), target, source_format, "jsonl", null, columns, query)
        tables = input.records // FLIGHTS_RECORDS
        lines = LATE_FLIGHTS * tables if tables * FLIGHTS_RECORDS == input.records else None
        for name in ("streamx", "duckdb", "polars", "miller"):
            command = TOOLS[name].command(task)
            yield Entry(name, name, command, input.path.stat().st_size, lines)

    return entries


_where = _queried(Inputs.flights_csv, "csv", NULL)
_where_jsonl = _queried(Inputs.flights_jsonl, "jsonl", None)


def _file(inputs: Inputs, target: str) -> Iterator[Entry]:
    yield from (entry for entry in _flights(inputs, target) if entry.tool != "cat")
    output = inputs.flights_jsonl().path
    size_bytes = output.stat().st_size
    yield Entry("cat", "cat of the output", Command(("cat", str(output)), target), size_bytes)
    flushed = ("dd", f"if={output}", f"of={target}", "bs=1M", "conv=fsync")
    yield Entry("cat", "dd of the output, flushed", Command(flushed), size_bytes)


def _pipes(inputs: Inputs, target: str) -> Iterator[Entry]:
    input = inputs.flights_csv()
    source, size_bytes = str(input.path), input.path.stat().st_size
    by_itself = streamx(Task(source, target, "csv", "jsonl", NULL))
    yield Entry("streamx", "streamx, no pipes", by_itself, size_bytes, input.records)
    for name, tool in TOOLS.items():
        command = tool.command(Task(None, None, "csv", "jsonl", NULL))
        piped = replace(command, feeder=("cat", source), reader=("cat",), output=target)
        expected = None if name == "cat" else input.records
        yield Entry(name, name, piped, size_bytes, expected)


def _workers(inputs: Inputs, target: str) -> Iterator[Entry]:
    input = inputs.flights_csv(100)
    task = Task(str(input.path), NOWHERE, "csv", "jsonl", NULL)
    for workers in (1, 2):
        label = f"{workers} worker" + "s" * (workers > 1)
        command = streamx(task, "--workers", str(workers))
        yield Entry("streamx", label, command, input.path.stat().st_size)


def _watched(inputs: Inputs, target: str) -> Iterator[Entry]:
    input = inputs.flights_csv(100)
    task = Task(str(input.path), NOWHERE, "csv", "jsonl", NULL)
    for label, options in (("not watched", ()), ("watched", ("--summary", os.devnull))):
        yield Entry("streamx", label, streamx(task, *options), input.path.stat().st_size)


def _stream(inputs: Inputs, target: str) -> Iterator[Entry]:
    for label, wanted_bytes in (("100 MB", 1e8), ("1 GB", 1e9), ("10 GB", 1e10)):
        times = max(round(wanted_bytes * inputs.scale / FLIGHTS_BYTES), 1)
        feeder = (sys.executable, "-m", "benchmarks.inputs", str(times))
        command = streamx(Task(None, NOWHERE, "csv", "jsonl", NULL))
        piped = replace(command, feeder=feeder)
        yield Entry("streamx", label, piped, times * FLIGHTS_BYTES)


def _start(inputs: Inputs, target: str) -> Iterator[Entry]:
    python = sys.executable
    for label, arguments in {
        "python -c pass": (python, "-c", "pass"),
        "python -c 'import click'": (python, "-c", "import click"),
        "streamx --version": (STREAMX, "--version"),
        "python -m streamx --version": (python, "-m", "streamx", "--version"),
    }.items():
        yield Entry("streamx", label, Command(arguments))

    def few(inputs: Inputs) -> Input:
        return _few_flights(inputs, 1_000)

    for entry in _converted(few, "csv", "jsonl", NULL)(inputs, target):
        yield replace(entry, label=f"{entry.label}, 1,000 flights", input_bytes=0)


def _called(source: Input, function: str, *options: str) -> Command:
    task = Task(str(source.path), NOWHERE, "csv", "jsonl", NULL)
    return streamx(task, "--fn", str(HERE / function), *options)


def _function(inputs: Inputs, target: str) -> Iterator[Entry]:
    input = inputs.flights_csv()
    size_bytes = input.path.stat().st_size
    yield Entry("streamx", "streamx", _called(input, "functions.py:gain"), size_bytes)
    for workers in (1, 2):
        command = _called(input, "functions.py:gain", "--workers", str(workers))
        yield Entry("streamx", f"streamx, --workers {workers}", command, size_bytes)
    by_hand = (sys.executable, "-m", "benchmarks.functions", "loop", str(input.path))
    yield Entry("stdlib", "csv.DictReader and orjson", Command(by_hand), size_bytes)


def _few_flights(inputs: Inputs, records: int) -> Input:
    return replace(inputs, scale=1.0).flights_csv(records / FLIGHTS_RECORDS)


def _async(inputs: Inputs, target: str) -> Iterator[Entry]:
    for records in (20_000, 200_000):
        input = _few_flights(inputs, records)
        command = _called(input, "waiting.py:wait", "--concurrency", "500")
        yield Entry("streamx", f"{records:,} records", command, input.path.stat().st_size)


def _http(inputs: Inputs, target: str) -> Iterator[Entry]:
    input = _few_flights(inputs, 5_000)
    command = _called(input, "waiting.py:Ask", "--concurrency", "100")
    served = (sys.executable, "-m", "benchmarks.waiting", *command.arguments)
    yield Entry("streamx", "5,000 records", Command(served), input.path.stat().st_size)


JOBS = {
    "jsonl": Job(
        "Flights, CSV to JSONL",
        _flights,
        note="Dates stay text in every tool. Miller, qsv and stdlib have no word for null: they "
        "write NA as text, qsv also the other values of a column with NA, stdlib all values.",
    ),
    "file": Job(
        "Flights, CSV to JSONL in a file",
        _file,
        keeps_output=True,
        note="streamx flushes its output to the disk before it puts it in its place; of the "
        "others only dd does. What cat and dd copy is the 1 GB that streamx writes.",
    ),
    "text": Job(
        "Quoted text, CSV to JSONL",
        _text,
        note="Polars and chdb make numbers of ids with leading zeros; DuckDB, Polars, chdb and "
        "qsv write null for an empty text; Miller writes booleans as text, stdlib all values.",
    ),
    "csv": Job(
        "Flights, JSONL to CSV",
        _back,
        note="DuckDB reads the dates and writes them in its own form; Miller writes null as text.",
    ),
    "columns": Job("Flights, CSV to CSV, 5 of 19 columns", _columns),
    "where": Job(
        "Flights, CSV to JSONL, one condition and a computed column",
        _where,
        note="`--where 'dep_delay > 60' --set 'gain=dep_delay - arr_delay'` and 5 columns. Where "
        "`arr_delay` is NA, Miller writes it as text, and `(error)` for the difference.",
    ),
    "where-jsonl": Job(
        "Flights, JSONL to JSONL, one condition and a computed column",
        _where_jsonl,
        note="The same over a gigabyte of JSON.",
    ),
    "pipes": Job(
        "Flights, CSV to JSONL through pipes",
        _pipes,
        base="streamx, no pipes",
        note="`cat flights.csv | TOOL | cat`; processor and memory are those of the tool alone.",
    ),
    "workers": Job(
        "Two workers beside one",
        _workers,
        base="1 worker",
        note="3 GB of flights, CSV to JSONL, to /dev/null.",
    ),
    "function": Job(
        "A function that reads two fields and sets one",
        _function,
        note="Flights, CSV to JSONL. The loop makes numbers of the two fields that it reads only.",
    ),
    "async": Job(
        "An asynchronous function that waits 50 ms",
        _async,
        base="20,000 records",
        is_extra=True,
        note="500 at a time, so 2 s and 20 s are the least.",
    ),
    "http": Job(
        "An HTTP request that is answered in 50 ms",
        _http,
        base="5,000 records",
        is_extra=True,
        note="100 at a time, so 2.5 s are the least. The server, in Python, runs on the same CPUs, "
        "and its process is the one whose memory is shown.",
    ),
    "watched": Job(
        "A run that is watched",
        _watched,
        base="not watched",
        is_extra=True,
        note="`--summary` has ten snapshots a second taken and keeps them. 3 GB of flights, CSV to "
        "JSONL, to /dev/null.",
    ),
    "start": Job("Start", _start, base="python -c 'import click'"),
    "stream": Job(
        "Memory of a long stream",
        _stream,
        base="100 MB",
        is_extra=True,
        note="Flights through a pipe from a program that does nothing else, CSV to JSONL.",
    ),
}
