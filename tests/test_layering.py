"""Imports go one way, as ARCHITECTURE.md draws it, and heavy ones only where they belong."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Any

import pytest
from conftest import ROOT

from streamx.codec import CODEC_NAME

PACKAGE = ROOT / "streamx"

# What each part may import of the others; a stage never imports another stage.
ALLOWED = {
    "errors": set(),
    "extras": {"errors"},
    "blame": set(),
    "nearest": set(),
    "machine": set(),
    "doctor": {"", "errors", "formats", "job", "job_options", "machine", "sizing"},
    "chunk": set(),
    "position": set(),
    "heap": set(),
    "descriptors": set(),
    "storage": {"errors", "extras"},
    "compression": {"errors", "extras"},
    "testing": set(),
    "sizing": {"errors", "codec"},
    "flow": set(),
    "codec": {"errors", "blame"},
    "transform": {"", "errors", "blame", "chunk", "nearest", "position", "codec", "flow"},
    "origins": {"errors", "chunk", "codec", "transform"},
    "read": {
        "errors", "extras", "chunk", "codec", "compression", "descriptors", "flow", "nearest",
        "origins", "storage", "transform",
    },
    "write": {
        "errors", "codec", "compression", "descriptors", "nearest", "storage", "transform",
    },
    "intake": {"chunk", "flow", "monitor", "overflow", "sizing"},
    "overflow": {"errors", "chunk", "codec", "flow", "intake", "monitor", "sizing"},
    "delivery": {"errors", "chunk", "codec", "flow", "monitor"},
    "engine": {"", "errors", "blame", "chunk", "heap", "position", "codec", "transform", "flow"},
    "monitor": {"errors", "chunk", "codec", "flow", "sizing", "transform"},
    "values": {"errors", "codec", "compression", "formats", "nearest", "transform"},
    "formats": {"errors", "extras", "read", "transform", "write"},
    "explain": {"errors", "codec", "job", "monitor", "sizing", "transform"},
    "idle": {"errors", "idle_formats", "job", "read", "storage", "transform"},
    "idle_formats": {"errors", "compression", "formats", "job"},
    "job_options": {"errors", "compression", "flow", "read", "transform", "values"},
    "job": {
        "idle", "errors", "codec", "compression", "formats", "job_options", "monitor", "nearest",
        "transform", "read", "sizing", "storage", "values",
    },
    "in_place": {"errors"},
    "pipeline": {
        "errors", "chunk", "codec", "flow", "transform", "read", "write", "engine", "monitor",
        "job", "accounts", "delivery", "ends", "in_place", "intake", "journal", "lock",
    },
    "ends": {"errors", "formats", "job", "journal", "read", "sniffing", "transform", "write"},
    "sniffing": {"codec", "ends", "job", "monitor", "read", "transform"},
    "retrying": {
        "errors", "codec", "compression", "ends", "job", "job_options", "read", "storage", "values",
    },
    "resume": {"errors", "job", "transform", "write"},
    "journal": {
        "", "errors", "chunk", "codec", "descriptors", "flow", "job", "monitor", "read", "resume",
        "transform", "write",
    },
    "accounts": {"errors", "extras", "job", "monitor", "write"},
    "__init__": {
        "errors", "cluster", "codec", "explain", "job", "job_options", "monitor", "read",
        "retrying", "transform", "pipeline", "values",
    },
    "cluster": {
        "", "errors", "extras", "chunk", "codec", "compression", "engine", "flow", "heap",
        "transform", "read", "write", "monitor", "sizing", "storage", "values", "job", "accounts",
        "ends", "lock", "pipeline", "resume",
    },
    "lock": {"errors", "job", "write"},
    "cli": {
        "", "compression", "doctor", "errors", "formats", "heap", "job_options", "nearest",
        "transform", "codec", "monitor", "values", "write",
    },
    "__main__": {"errors", "cli"},
}  # fmt: skip
# Libraries that only one place may import.
RESERVED = {
    "click": "cli",
    "tqdm": "monitor/progress.py",
    "aiofiles": "descriptors.py",
    "prometheus_client": "monitor/metrics.py",
    "plotly": "monitor/page.py",
    "httpx": "read/http",
    "fsspec": "storage.py",
    "s3fs": "storage.py",
    "distributed": "cluster/dask",
    "python_calamine": "read/excel.py",
    "pyarrow": (
        "read/arrow",
        "read/columnar",
        "read/parquet",
        "write/arrow",
        "write/columnar",
        "write/json_schema",
        "write/json_table",
        "write/parquet",
    ),
}
# What takes long to import: for rare cases only, for files, for any run.
UNUSED = {"pyarrow", "tqdm", "difflib", "streamx.nearest", "secrets", "hashlib", "fsspec"}
FOR_FILES = {"aiofiles", "shutil", "tempfile"}
FOR_ANY_RUN = {"asyncio", "ctypes"}
# What the native codec leaves to the reference, for odd records.
FOR_THE_REFERENCE = {"orjson", "streamx.codec.types", "streamx.codec.reference.conversion"}


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""
            if node.module == "streamx":
                yield from (f"streamx.{alias.name}" for alias in node.names)


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_a_module_imports_only_what_lies_below_it(path: Path) -> None:
    part = part_of(path)
    for name in imports_of(path):
        if not name.startswith("streamx"):
            continue
        imported = name.split(".")[1] if "." in name else ""
        if imported and not (PACKAGE / imported).exists():
            imported = imported if (PACKAGE / f"{imported}.py").exists() else ""
        assert imported == part or imported in ALLOWED[part], f"{path} imports {name}"


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_a_library_is_imported_only_where_it_belongs(path: Path) -> None:
    where = str(path.relative_to(PACKAGE))
    for name in imports_of(path):
        reserved = RESERVED.get(name.split(".")[0])
        assert reserved is None or where.startswith(reserved), f"{path} imports {name}"


def modules_after(arguments: Sequence[str], **files: Any) -> set[str]:
    """Run the command in a process of its own and return the names of what it has imported."""
    script = (
        "import sys\n"
        "from streamx.__main__ import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    command = [sys.executable, "-c", script, *arguments]
    # Elsewhere than in the checkout, whose modules would be imported instead of the installed ones.
    result = subprocess.run(command, stderr=PIPE, check=True, cwd="/", **files)
    return set(result.stderr.decode().split())


def test_asking_for_the_version_imports_click_and_little_else() -> None:
    modules = modules_after(["--version"], stdout=DEVNULL)
    expected = {
        "streamx.__main__", "streamx.cli", "streamx.codec", "streamx.errors", "streamx.transform",
    }  # fmt: skip
    if CODEC_NAME == "native":
        expected |= {"streamx.codec._native", "streamx.codec.layout"}
    assert {name for name in modules if name.startswith("streamx.")} == expected
    assert not modules & {"asyncio", "csv", "ctypes", "orjson", "aiofiles", "tqdm"}


def test_asking_for_the_commands_imports_none_of_them() -> None:
    modules = modules_after(["--help"], stdout=DEVNULL)
    assert {name for name in modules if name.startswith("streamx.cli")} == {"streamx.cli"}


def test_asking_for_help_imports_nothing_that_runs() -> None:
    modules = modules_after(["transform", "--help"], stdout=DEVNULL)
    assert not modules & {"streamx.job", "streamx.pipeline", "aiofiles", *FOR_ANY_RUN}


def test_a_run_between_files_imports_only_what_it_uses(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(b"a,b\n1,2\n")
    modules = modules_after(["transform", str(source), str(tmp_path / "out.jsonl")])
    assert not modules & UNUSED
    assert modules >= FOR_FILES | FOR_ANY_RUN
    assert bool(modules & FOR_THE_REFERENCE) == (CODEC_NAME == "reference")


def test_a_run_between_pipes_imports_nothing_for_files() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"a,b\n1,2\n")
    os.close(writing)
    arguments = ["transform", "--from", "csv", "--to", "jsonl"]
    modules = modules_after(arguments, stdin=reading, stdout=PIPE)
    os.close(reading)
    assert not modules & (UNUSED | FOR_FILES)
    assert modules >= FOR_ANY_RUN


def test_a_worker_process_imports_nothing_of_the_event_loop() -> None:
    program = (
        "import sys; import streamx.engine.worker, streamx.transform.record_plan; "
        "sys.exit('asyncio' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd="/")
