"""Job files: what the command line of a run says, in TOML, and back.

A key is the long name of an option of transform, without its dashes; beside them are `input` and
`output`. Operations stand in tables [[step]], in the order in which they apply.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import click

from streamx.cli.options import Names, Pair
from streamx.nearest import did_you_mean

_STEPS = "step"
_ARGUMENTS = ("input", "output")
_VARIABLE = re.compile(r"\$(\$?)\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
# Options that say what else to do than to run.
NOT_OF_A_JOB = ("save-job", "explain")


@dataclass(frozen=True, slots=True)
class JobFile:
    """What a command line says.

    Attributes:
        values: by key.
        steps: the operations, each a key and its value, in order.
    """

    values: dict[str, Any] = field(default_factory=dict)
    steps: list[tuple[str, Any]] = field(default_factory=list)

    def overridden_by(self, other: JobFile) -> JobFile:
        """Return this with all that the other says; its steps take the place of all steps."""
        return JobFile({**self.values, **other.values}, other.steps or self.steps)


class Schema:
    """The keys of job files: the options of a command.

    Args:
        command: the command.
        operations: the names of those of its parameters that are steps.
    """

    def __init__(self, command: click.Command, operations: Sequence[str]) -> None:
        self._command = command
        self._operations = operations
        # Each key with its option, and what it is called on the command line.
        self._options: dict[str, tuple[click.Option, str]] = {}
        for option in command.params:
            if isinstance(option, click.Option):
                for name in (*option.opts, *option.secondary_opts):
                    if name.startswith("--"):
                        self._options[name[2:]] = (option, name)

    def read(self, path: str) -> JobFile:
        """Read a job file, and check that its keys are options.

        Raises:
            UsageError: it cannot be read, or says what cannot be.
        """
        try:
            with open(path, "rb") as file:
                content = tomllib.load(file)
        except OSError as error:
            raise click.UsageError(f"cannot read {path}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise click.UsageError(f"{path}: no TOML: {error}") from error
        tables = content.pop(_STEPS, [])
        if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
            raise click.UsageError(f"{path}: {_STEPS!r} is no table; write [[{_STEPS}]]")
        try:
            values = {key: self._checked(key, value) for key, value in content.items()}
            steps = [self._checked_step(number, each) for number, each in enumerate(tables, 1)]
        except click.UsageError as error:
            raise click.UsageError(f"{path}: {error.message}") from error
        return JobFile(values, steps)

    def _checked(self, key: str, value: Any) -> Any:
        if key in NOT_OF_A_JOB:
            raise click.UsageError(f"{key!r} has no place in a job; say it on the command line")
        if key not in _ARGUMENTS:
            option, name = self._option(key)
            if option.name in self._operations:
                raise click.UsageError(
                    f"{key!r} is a step, since steps have an order; write "
                    f"[[{_STEPS}]] and {key} below it"
                )
            _ = list(_words(option, name, key, value))
        elif key == "input" and isinstance(value, list):
            _ = [_text(key, each) for each in value]
        elif not isinstance(value, str):
            raise click.UsageError(f"{key!r} is {_kind(value)}; expected a text")
        return _substituted(key, value)

    def _checked_step(self, number: int, table: Mapping[str, Any]) -> tuple[str, Any]:
        if len(table) != 1:
            raise click.UsageError(
                f"{_STEPS} {number} holds {len(table)} keys; expected one, such as where or select"
            )
        ((key, value),) = table.items()
        option, name = self._option(key)
        if option.name not in self._operations:
            raise click.UsageError(f"{_STEPS} {number}: {key!r} is no step; put it above the steps")
        _ = list(_words(option, name, key, value))
        return key, _substituted(f"{_STEPS} {number}, {key}", value)

    def _option(self, key: str) -> tuple[click.Option, str]:
        if key in self._options:
            return self._options[key]
        hint = did_you_mean(key, [*self._options, *_ARGUMENTS, _STEPS])
        hint = hint or "; see streamx transform --help"
        raise click.UsageError(f"there is no key {key!r}{hint}")

    def of_words(self, words: Sequence[str]) -> JobFile:
        """Return what a command line says.

        Raises:
            UsageError: it has an option that there is not.
        """
        context = click.Context(self._command)
        written, _, order = self._command.make_parser(context).parse_args(list(words))
        job = JobFile()
        arguments: list[str] = []
        repeated: dict[str, Iterator[Any]] = {}
        for parameter in order:
            name, value = str(parameter.name), written.get(str(parameter.name))
            if isinstance(parameter, click.Argument):
                if isinstance(value, str):
                    arguments.append(value)
                continue
            assert isinstance(parameter, click.Option)
            key = _key(parameter, value)
            if name in self._operations:
                each = next(repeated.setdefault(name, iter(value or ())))
                job.steps.append((key, _listed(parameter, each)))
            else:
                job.values[key] = True if parameter.is_flag else _listed(parameter, value)
        # Where options name the inputs, what is left is OUTPUT.
        names = _ARGUMENTS[1:] if "input" in job.values else _ARGUMENTS
        if len(arguments) > len(names):
            raise click.UsageError("there are --input and INPUT; name all inputs with --input")
        named = dict(zip(names, arguments, strict=False))
        inputs = {"input": job.values["input"]} if "input" in job.values else {}
        return JobFile({**inputs, **named, **job.values}, job.steps)

    def words(self, job: JobFile) -> list[str]:
        """Return the command line that says what a job says."""
        words: list[str] = []
        inputs = job.values.get("input", "-")
        if isinstance(inputs, list):
            words += [f"--input={each}" for each in inputs]
        said = [
            *((key, job.values[key]) for key in job.values if key not in _ARGUMENTS),
            *job.steps,
        ]
        for key, value in said:
            option, name = self._option(key)
            words += _words(option, name, key, value)
        if any(each in job.values for each in _ARGUMENTS):
            words += ["--", *([inputs] if isinstance(inputs, str) else [])]
        if "output" in job.values:
            words.append(job.values["output"])
        return words


def text_of(job: JobFile) -> str:
    """Return the job file that says what a job says.

    >>> print(text_of(JobFile({"null": ["NA"], "input": "in.csv"}, [("limit", 3)])), end="")
    input = "in.csv"
    null = ["NA"]
    <BLANKLINE>
    [[step]]
    limit = 3
    """
    values = sorted(job.values.items(), key=lambda each: each[0] not in _ARGUMENTS)
    lines = [f"{key} = {_toml(value)}" for key, value in values if key not in NOT_OF_A_JOB]
    for key, value in job.steps:
        lines += ["", f"[[{_STEPS}]]", f"{key} = {_toml(value)}"]
    return "\n".join(lines) + "\n"


def _key(option: click.Option, value: Any) -> str:
    is_second = bool(option.secondary_opts) and value is False
    names = option.secondary_opts if is_second else option.opts
    return next(name[2:] for name in names if name.startswith("--"))


def _listed(option: click.Option, value: Any) -> Any:
    """Return names as a list and a number as one, so that a file shows them as what they are."""
    if _holds_names(option):
        return list(option.type.convert(value, option, None))
    is_number = isinstance(option.type, click.types.IntParamType) and isinstance(value, str)
    return int(value) if is_number and _NUMBER.fullmatch(value) else value


def _holds_names(option: click.Option) -> bool:
    return isinstance(option.type, Names)


def _words(option: click.Option, name: str, key: str, value: Any) -> Iterator[str]:
    """Yield the words of a command line that say what a key does."""
    if option.is_flag:
        if not isinstance(value, bool):
            raise click.UsageError(f"{key!r} is {_kind(value)}; expected true or false")
        if value:
            yield name
        elif option.secondary_opts:
            yield next(each for each in option.secondary_opts if each.startswith("--"))
        return
    if isinstance(value, dict) and isinstance(option.type, Pair):
        value = [f"{left}={_text(key, right)}" for left, right in value.items()]
    elif isinstance(value, list) and _holds_names(option):
        value = [_joined([_text(key, each) for each in value])]
    elif not (option.multiple and isinstance(value, list)):
        value = [value]
    for each in value:
        yield f"{name}={_text(key, each)}"


def _text(key: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise click.UsageError(f"{key!r} holds {_kind(value)}; expected a text or a number")
    return str(value)


def _joined(names: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(names)
    return text.getvalue()


def _kind(value: Any) -> str:
    kinds = {bool: "true or false", str: "a text", int: "a number", float: "a number"}
    return {**kinds, list: "a list", dict: "a table"}.get(type(value), "a time")


def _substituted(key: str, value: Any) -> Any:
    """Return a value with ${NAME} replaced by the environment's, in all texts; $${ stays ${."""
    if isinstance(value, list):
        return [_substituted(key, each) for each in value]
    if isinstance(value, dict):
        return {name: _substituted(key, each) for name, each in value.items()}
    if not isinstance(value, str):
        return value

    def found(match: re.Match[str]) -> str:
        escape, name = match.groups()
        if escape:
            return f"${{{name}}}"
        if name not in os.environ:
            raise click.UsageError(f"{key}: ${{{name}}} is not set in the environment")
        return os.environ[name]

    return _VARIABLE.sub(found, value)


def _toml(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if not isinstance(value, str):
        return json.dumps(value)
    # A basic string of TOML is one of JSON, but for DEL.
    text = json.dumps(_VARIABLE.sub(r"$\g<0>", value), ensure_ascii=False)
    return text.replace("\x7f", "\\u007f")
