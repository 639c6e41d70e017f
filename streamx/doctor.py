"""Doctor: what is installed, whether it works, and how a run would go on this machine."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from streamx import machine
from streamx.errors import UsageError

if TYPE_CHECKING:
    from streamx.job_options import JobOptions

_NATIVE = (
    "streamx.codec._native",
    "streamx.codec._native_records",
    "streamx.codec._native_encode",
    "streamx.codec._native_sections",
    "streamx.transform._native_calls",
)
# For who works on streamx.
_OWN_EXTRAS = ("bench", "dev", "test")
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that was looked at.

    Attributes:
        section: what it is a part of.
        name: with the unit, where it is a number.
        value: as JSON has it.
        text: the same for people.
        problem: what is broken and what helps, or "".
    """

    section: str
    name: str
    value: Any
    text: str
    problem: str = ""


def examined(options: Callable[[], JobOptions]) -> Iterator[Fact]:
    """Look at everything; nothing is run and nothing is asked over a network.

    Args:
        options: returns what would be said to a run, or raises UsageError; called when there is a
            codec for what it imports.
    """
    yield from _versions()
    yield from _codec()
    yield from _libraries()
    yield from _limits()
    yield from _defaults(options)


def _versions() -> Iterator[Fact]:
    from streamx import __version__

    python = f"{platform.python_implementation()} {platform.python_version()}"
    yield Fact("versions", "streamx", __version__, f"{__version__}, {os.path.dirname(__file__)}")
    yield Fact("versions", "python", platform.python_version(), f"{python}, {sys.executable}")
    yield Fact("versions", "platform", platform.platform(), platform.platform())


def _codec() -> Iterator[Fact]:
    try:
        codec = import_module("streamx.codec")
    except UsageError as error:
        yield Fact("codec", "in_use", None, "none", str(error))
        os.environ["STREAMX_CODEC"] = "reference"  # to go on looking
        codec = import_module("streamx.codec")
    else:
        yield Fact("codec", "in_use", codec.CODEC_NAME, codec.CODEC_NAME)
    if importlib.util.find_spec(_NATIVE[0]) is None:
        yield Fact(
            "codec",
            "native",
            None,
            "not built, so runs take 20 to 40 times as long; "
            "install streamx again where there is a C compiler",
        )
        return
    try:
        for name in _NATIVE:
            import_module(name)
    except ImportError as error:
        broken = f"the native codec is built but cannot be loaded: {error}; install streamx again"
        yield Fact("codec", "native", None, "broken", broken)
        return
    instructions = import_module(_NATIVE[0]).instruction_sets()
    yield Fact("codec", "native", instructions[-1], f"with {instructions[-1]}")


def _libraries() -> Iterator[Fact]:
    """Look at what streamx needs, and at what its extras need, as its metadata say."""
    try:
        requirements = importlib.metadata.requires("streamx") or []
    except importlib.metadata.PackageNotFoundError:
        text = "not known, since streamx is not installed as a package"
        yield Fact("libraries", "known", False, text)
        return
    extras: dict[str, list[_Library]] = {}
    for requirement in requirements:
        extra, library = _read(requirement)
        if extra is None:
            problem = "" if library.version else f"{library.name} is not installed"
            problem = problem or library.too_old
            advice = f"{problem}; install streamx again" if problem else ""
            yield Fact("libraries", library.name, library.version, f"{library.version}", advice)
        elif extra not in _OWN_EXTRAS:
            extras.setdefault(extra, []).append(library)
    for extra, libraries in extras.items():
        install = f"pip install 'streamx[{extra}]'"
        problems = [each.too_old for each in libraries if each.too_old]
        text = ", ".join(f"{each.name} {each.version or 'not installed'}" for each in libraries)
        is_whole = all(each.version for each in libraries)
        yield Fact(
            "extras",
            extra,
            {each.name: each.version for each in libraries},
            text if is_whole else f"{text}; {install}",
            "; ".join([*problems, install]) if problems else "",
        )


@dataclass(frozen=True, slots=True)
class _Library:
    """A library that is required: its version, if it is there, and the least that will do."""

    name: str
    version: str | None
    least: str

    @property
    def too_old(self) -> str:
        if self.version is None or _numbers(self.version) >= _numbers(self.least):
            return ""
        return f"{self.name} {self.version} is too old; expected {self.least} or later"


def _read(requirement: str) -> tuple[str | None, _Library]:
    """Take a requirement of the metadata apart (PEP 508), as far as ours go.

    >>> _read('no-such-library>=1.2; extra == "http"')
    ('http', _Library(name='no-such-library', version=None, least='1.2'))
    """
    bounds, _, marker = requirement.partition(";")
    name = re.split(r"[^\w.-]", bounds)[0]
    least = re.search(r"[>=]=\s*([\d.]+)", bounds)
    extra = re.search(r"extra == ['\"](\w+)['\"]", marker)
    before = re.search(r"python_version < ['\"]([\d.]+)['\"]", marker)
    try:
        version: str | None = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        version = None
    if before is not None and sys.version_info[:2] >= _numbers(before[1]):
        version = f"of Python {platform.python_version()}"  # which has it in its own library
        least = None
    return extra and extra[1], _Library(name, version, least[1] if least else "0")


def _numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a version.

    >>> _numbers("2024.10.1rc1") > _numbers("2024.6")
    True
    """
    return tuple(int(each) for each in re.findall(r"\d+", version)[:3])


def _limits() -> Iterator[Fact]:
    from streamx.sizing import available_cpus

    cpus, share = available_cpus(), machine.cgroup_cpus()
    text = f"{cpus} of {os.cpu_count()}"
    if share is not None:
        text += f", for {share:g} of their time (cgroup)"
    yield Fact("limits", "cpus", cpus, text)
    yield Fact("limits", "cgroup_cpus", share, _or_none(share, "{:g}"))
    for name, bytes in (
        ("memory_bytes", machine.total_memory_bytes()),
        ("available_memory_bytes", machine.available_memory_bytes()),
        ("cgroup_memory_bytes", machine.cgroup_memory_bytes()),
        ("address_space_bytes", machine.most_address_space_bytes()),
        ("pipe_bytes", machine.most_pipe_bytes()),
    ):
        yield Fact("limits", name, bytes, _mib(bytes))
    soft, hard = machine.most_open_files()
    text = f"{_or_none(soft, '{:,}')}, can be raised to {_or_none(hard, '{:,}')}"
    yield Fact("limits", "open_files", soft, text)
    try:
        directory, free_bytes = machine.temporary_directory()
    except OSError as error:
        problem = (
            f"no temporary file can be made: {error}; set TMPDIR to a directory that takes some"
        )
        yield Fact("limits", "temporary_directory", None, "none", problem)
    else:
        yield Fact("limits", "temporary_directory", directory, directory)
        yield Fact("limits", "temporary_free_bytes", free_bytes, _mib(free_bytes))
    terminal = machine.terminal()
    yield Fact("limits", "terminal", terminal, terminal or "none on standard error")


def _defaults(options: Callable[[], JobOptions]) -> Iterator[Fact]:
    """Tell how a conversion of files would be sized."""
    from streamx.job import job_of

    try:
        sizing = job_of("in.csv", "out.jsonl", options()).sizing
    except UsageError as error:
        yield Fact("a run", "workers", None, "none", str(error))
        return
    yield Fact("a run", "workers", sizing.workers, f"{sizing.workers}")
    chunk_bytes, buffer_chunks = sizing.chunk_size_bytes, sizing.buffer_chunks
    yield Fact("a run", "chunk_size_bytes", chunk_bytes, f"{chunk_bytes // 1024:,} KiB")
    yield Fact("a run", "buffer_chunks", buffer_chunks, f"{buffer_chunks}")
    peak = sizing.peak_bytes
    yield Fact("a run", "memory_bytes", peak, f"at most {_mib(peak)}, functions not counted")


def _mib(bytes: int | None) -> str:
    return _or_none(None if bytes is None else -(-bytes // _MIB), "{:,} MiB")


def _or_none(value: float | None, form: str) -> str:
    return "no limit" if value is None else form.format(value)
