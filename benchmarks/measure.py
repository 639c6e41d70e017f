"""Runs a command as a whole process and says what it took: time, processor, memory.

Linux counts the memory of whoever starts a program into the peak of that program. So `measure` has
the command started by a small process, `python -m benchmarks.measure COMMAND`.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent

_MOST_SHOWN = 160
# Few have set these: with one a loop writes line by line, with the other each start compiles all.
_UNUSUAL = ("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE")


class CommandFailedError(Exception):
    """A command did not do its work; the text is what it said last."""


@dataclass(frozen=True, slots=True)
class Command:
    """A process to measure, by itself or between two others.

    Attributes:
        arguments: program and arguments.
        output: the file that standard output goes to.
        feeder: what is piped into it.
        reader: what it is piped to, whose standard output goes to `output` then.
    """

    arguments: tuple[str, ...]
    output: str = os.devnull
    feeder: tuple[str, ...] = ()
    reader: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one run took.

    Attributes:
        wall_seconds: from the first start to the last end, feeder and reader included.
        cpu_seconds: user and system time of the process and its children.
        peak_bytes: peak resident memory of the process, `least_peak_bytes` or more.
        least_peak_bytes: the peak that a program which needs nothing seems to have.
    """

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    least_peak_bytes: int


def measure(command: Command) -> Measurement:
    """Run a command to its end.

    Raises:
        CommandFailedError: it could not start, or its exit status was not zero.
    """
    described = json.dumps(asdict(command))
    arguments = (sys.executable, "-S", "-m", "benchmarks.measure", described)
    ran = subprocess.run(arguments, cwd=ROOT, capture_output=True, check=False)
    if ran.returncode != 0:
        said = ran.stderr.decode(errors="replace").split("\n")
        *others, status = [line.strip() for line in said if line.strip()]
        raise CommandFailedError((others[-1] if others else status)[:_MOST_SHOWN])
    return Measurement(**json.loads(ran.stdout))


def _run(command: Command) -> Measurement:
    nothing = _end(subprocess.Popen(("true",)))
    with open(command.output, "wb") as output:
        start_seconds = time.perf_counter()
        processes = _started(command, output)
        usages = [_end(process) for process in processes]
        wall_seconds = time.perf_counter() - start_seconds
    measured = 1 if command.feeder else 0
    if processes[measured].returncode != 0:
        sys.exit(f"exit status {processes[measured].returncode}")
    usage = usages[measured]
    return Measurement(
        wall_seconds=wall_seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_bytes=usage.ru_maxrss * 1024,
        least_peak_bytes=nothing.ru_maxrss * 1024,
    )


def _end(process: subprocess.Popen[bytes]) -> resource.struct_rusage:
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage


def _started(command: Command, output: IO[bytes]) -> list[subprocess.Popen[bytes]]:
    stages = [each for each in (command.feeder, command.arguments, command.reader) if each]
    processes: list[subprocess.Popen[bytes]] = []
    source: IO[bytes] | None = None
    environment = {name: value for name, value in os.environ.items() if name not in _UNUSUAL}
    for stage in stages:
        target = output if stage is stages[-1] else subprocess.PIPE
        processes.append(subprocess.Popen(stage, stdin=source, stdout=target, env=environment))
        if source is not None:
            source.close()
        source = processes[-1].stdout
    return processes


def main() -> None:
    """Print the measurement of the command in the first argument."""
    try:
        measurement = _run(Command(**json.loads(sys.argv[1])))
    except OSError as error:
        sys.exit(str(error))
    sys.stdout.write(json.dumps(asdict(measurement)))


if __name__ == "__main__":
    main()
