"""Which codec is in use: the native one where it was built, and what STREAMX_CODEC says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, SAMPLE_DATA, STREAMX, Run

from streamx.codec import CODEC_NAME

FLIGHTS = ("transform", SAMPLE_DATA / "flights.csv", "-", "--to", "jsonl", "--null", "NA")


@pytest.fixture
def streamx(tmp_path: Path) -> Run:
    """Run the command in a fresh interpreter, since it chooses its codec at the start."""

    def run(*arguments: str | Path, env: dict[str, str] | None = None) -> Any:
        environment = {**os.environ, **(env or {})}
        command = [*STREAMX, *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, cwd=tmp_path, env=environment, check=False
        )

    return run


def test_the_version_names_the_codec_in_use(streamx: Run) -> None:
    result = streamx("--version")
    assert result.stdout.endswith(b" (codec: %b)\n" % CODEC_NAME.encode())


def test_the_native_codec_is_in_use_where_there_is_a_compiler(streamx: Run) -> None:
    if shutil.which(os.environ.get("CC", "cc")) is None:
        return
    result = streamx("--version", env={"STREAMX_CODEC": ""})
    assert result.stdout.endswith(b" (codec: native)\n")


def test_the_reference_can_be_asked_for_and_gives_the_same(streamx: Run) -> None:
    result = streamx("--version", env={"STREAMX_CODEC": "reference"})
    assert result.stdout.endswith(b" (codec: reference)\n")
    outputs = {streamx(*FLIGHTS, env={"STREAMX_CODEC": name}).stdout for name in ("", "reference")}
    assert len(outputs) == 1


def test_a_codec_that_is_none_is_a_usage_error(streamx: Run) -> None:
    result = streamx("--version", env={"STREAMX_CODEC": "quick"})
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr == (
        b"streamx: error: STREAMX_CODEC is 'quick'; expected native or reference\n"
    )


# Fails for the last of the modules; what it makes of the others is never looked at.
COMPILER = """#!/bin/sh
case "$*" in *_native_calls*) exit 1 ;; esac
while [ "$1" != -o ]; do shift; done; : > "$2"
"""


def test_without_a_working_compiler_streamx_installs_and_works_with_the_reference(
    tmp_path: Path,
) -> None:
    checkout, installed = tmp_path / "checkout", tmp_path / "installed"
    compiler = tmp_path / "compiler"
    compiler.write_text(COMPILER)
    compiler.chmod(0o755)
    names = ("pyproject.toml", "setup.cfg", "setup.py", "MANIFEST.in", "README.md", "LICENSE")
    checkout.mkdir()
    for name in names:
        shutil.copy(ROOT / name, checkout)
    built = shutil.ignore_patterns("*.so", "__pycache__")  # C sources spare their translation
    shutil.copytree(ROOT / "streamx", checkout / "streamx", ignore=built)
    shutil.copytree(ROOT / "man", checkout / "man")
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", installed)
    broken = {**os.environ, "CC": str(compiler), "CXX": "false"}
    subprocess.run([*pip, checkout], env=broken, check=True, cwd=tmp_path)
    assert not list(installed.rglob("_native*.so"))
    assert (installed / "share" / "man" / "man1" / "streamx.1").is_file()

    def run(*arguments: str | Path, codec: str = "") -> subprocess.CompletedProcess[bytes]:
        env = {**os.environ, "PYTHONPATH": str(installed), "STREAMX_CODEC": codec}
        command = [*STREAMX, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, env=env, cwd=tmp_path, check=False)

    assert run("--version").stdout.endswith(b" (codec: reference)\n")
    result = run(*FLIGHTS)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count(b"\n") == 4000
    forced = run("--version", codec="native")
    assert forced.returncode == 2
    assert b"the native codec cannot be used" in forced.stderr
