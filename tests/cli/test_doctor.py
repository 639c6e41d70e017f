"""Doctor tells what is there and what is broken, and only that makes it fail."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, STREAMX

import streamx as library
from streamx.codec import CODEC_NAME
from streamx.machine import cgroup_cpus, cgroup_memory_bytes, total_memory_bytes

Doctor = Callable[..., tuple[int, dict[str, Any]]]
MIB = 1024 * 1024


@pytest.fixture
def doctor(tmp_path: Path) -> Doctor:
    """Ask in a fresh interpreter, whose codec and path the environment decides."""

    def run(**environment: str) -> tuple[int, dict[str, Any]]:
        result = subprocess.run(
            [*STREAMX, "doctor", "--json"],
            cwd=tmp_path.parent,
            env={**os.environ, **environment},
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert result.stderr == b""
        return result.returncode, json.loads(result.stdout)

    return run


def test_a_sound_installation_has_no_problems(doctor: Doctor) -> None:
    status, found = doctor(STREAMX_WORKERS="3")
    assert (status, found["problems"]) == (0, [])
    assert found["versions"]["streamx"] == library.__version__
    assert found["codec"]["in_use"] == CODEC_NAME
    assert found["extras"]["http"]["httpx"]
    assert found["limits"]["cpus"] == len(os.sched_getaffinity(0))
    assert found["a_run"]["workers"] == 3


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("STREAMX_CODEC", "quick", "STREAMX_CODEC is 'quick'"),
        ("STREAMX_WORKERS", "0", "--workers 0 cannot work"),
    ],
)
def test_a_variable_that_keeps_runs_from_starting_is_a_problem(
    doctor: Doctor, variable: str, value: str, problem: str
) -> None:
    status, found = doctor(**{variable: value})
    assert status == 1
    assert [problem in each for each in found["problems"]] == [True]


def test_what_is_missing_is_told_and_what_is_broken_fails(doctor: Doctor, tmp_path: Path) -> None:
    built = shutil.ignore_patterns("*.so", "__pycache__", "native")
    shutil.copytree(ROOT / "streamx", tmp_path / "streamx", ignore=built)
    requirements = ("click>=1", "absent>=1; extra == 'one'", "click>=99; extra == 'two'")
    metadata = tmp_path / "streamx-1.dist-info" / "METADATA"
    metadata.parent.mkdir()
    lines = ["Name: streamx", "Version: 1", *(f"Requires-Dist: {each}" for each in requirements)]
    metadata.write_text("\n".join(lines) + "\n")
    environment = {"PYTHONPATH": str(tmp_path), "STREAMX_CODEC": ""}

    status, found = doctor(**environment)
    assert status == 1
    assert (found["codec"]["in_use"], found["codec"]["native"]) == ("reference", None)
    assert found["extras"]["one"] == {"absent": None}
    [problem] = found["problems"]
    assert problem.endswith("is too old; expected 99 or later; pip install 'streamx[two]'")

    (tmp_path / "streamx" / "codec" / f"_native{EXTENSION_SUFFIXES[0]}").touch()
    status, found = doctor(**environment)
    assert status == 1
    assert "the native codec is built but cannot be loaded" in found["problems"][0]


def test_the_tightest_control_group_counts(tmp_path: Path) -> None:
    own = tmp_path / "cgroup"
    own.write_text("0::/jobs/night\n")
    job = tmp_path / "jobs" / "night"
    job.mkdir(parents=True)
    assert cgroup_memory_bytes(tmp_path, own) is None
    (tmp_path / "jobs" / "memory.max").write_text(f"{64 * MIB}\n")
    (job / "memory.max").write_text("max\n")
    (job / "cpu.max").write_text("150000 100000\n")
    assert cgroup_memory_bytes(tmp_path, own) == 64 * MIB
    assert cgroup_cpus(tmp_path, own) == 1.5
    (job / "memory.max").write_text(f"{2 * total_memory_bytes()}\n")
    assert cgroup_memory_bytes(tmp_path, own) == 64 * MIB


def test_control_groups_of_the_first_version_are_heard_too(tmp_path: Path) -> None:
    for name, text in (
        ("memory/memory.limit_in_bytes", str(64 * MIB)),
        ("cpu/cpu.cfs_quota_us", "-1"),
        ("cpu/cpu.cfs_period_us", "100000"),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{text}\n")
    assert cgroup_memory_bytes(tmp_path, tmp_path / "none") == 64 * MIB
    assert cgroup_cpus(tmp_path, tmp_path / "none") is None
