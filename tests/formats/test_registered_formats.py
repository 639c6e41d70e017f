"""Formats that other packages register are there like those of streamx, and cost nobody else."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, STREAMX, Run

from streamx import UsageError
from streamx.formats import BUILT_IN
from streamx.job import Job

# What ARCHITECTURE shows.
PLUGIN = re.findall(
    r"^```python\n(.*?)^```$",
    (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").split("## File formats")[1],
    re.MULTILINE | re.DOTALL,
)[0]


def registered(directory: Path, module: str) -> dict[str, str]:
    """Install a package as pip would leave it, and return the environment that finds it."""
    (directory / "json_sequences.py").write_text(module)
    metadata = directory / "json_sequences-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: sequences\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[streamx.formats]\njson-seq = json_sequences:FORMAT\n"
    )
    return {"PYTHONPATH": str(directory)}


def test_a_registered_format_is_known_by_name_and_by_extension(
    streamx: Run, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    env = registered(tmp_path_factory.mktemp("site"), PLUGIN)
    records = b"".join(b'\x1e{"a":%d}\n' % each for each in range(300))
    (tmp_path / "in.json-seq").write_bytes(records)
    result = streamx("transform", "in.json-seq", "out.csv", "--resume", env=env)
    assert (result.returncode, result.stderr) == (0, b"")
    assert (tmp_path / "out.csv").read_bytes().split() == [b"a", *(b"%d" % i for i in range(300))]
    command = ("transform", "out.csv", "-", "--chunk-size", "100", "--to")
    result = streamx(*command, "json-seq", env=env)
    assert (result.returncode, result.stdout) == (0, records)
    result = streamx(*command, "json-seq", "--compress", "gzip", env=env)
    assert gzip.decompress(result.stdout) == records
    result = streamx(*command, "json-sec", env=env)
    assert result.returncode == 2
    assert b" or json-seq; did you mean 'json-seq'?" in result.stderr
    result = streamx("transform", "in.json-seq", "out.json-seq", "--resume", env=env)
    assert b"JSONL output; JSON text sequences cannot be continued" in result.stderr


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        ("import nothing_of_that_name", "cannot be loaded: ModuleNotFoundError: No module named"),
        ("FORMAT = 1", "is 1; expected a streamx.formats.FileFormat"),
        (PLUGIN.replace('="json-seq"', '="csv"'), "calls itself 'csv'; expected 'json-seq'"),
    ],
)
def test_a_registered_format_that_cannot_be_used_is_named_with_its_package(
    streamx: Run, tmp_path_factory: pytest.TempPathFactory, module: str, reason: str
) -> None:
    env = registered(tmp_path_factory.mktemp("site"), module)
    result = streamx("transform", "in.json-seq", "out.csv", env=env)
    assert result.returncode == 2
    assert f"the format 'json-seq' of sequences {reason}" in result.stderr.decode()


def test_doctor_lists_formats_and_says_which_cannot_be_used(
    streamx: Run, tmp_path_factory: pytest.TempPathFactory
) -> None:
    found = streamx("doctor", env=registered(tmp_path_factory.mktemp("site"), PLUGIN)).stdout
    assert re.search(rb" parquet +in and out: .parquet, .pq, with the extra parquet\n", found)
    assert re.search(rb" json-seq +in and out: .json-seq\n", found)
    broken = registered(tmp_path_factory.mktemp("site"), "FORMAT = 1")
    result = streamx("doctor", env=broken)
    assert result.returncode == 1
    assert b"problems   the format 'json-seq' of sequences is 1" in result.stdout


def test_a_missing_library_is_named_with_the_extra_that_has_it(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    hidden = tmp_path_factory.mktemp("site")
    for library in ("pyarrow", "python_calamine"):
        missing = f"raise ModuleNotFoundError('no', name={library!r})"
        (hidden / f"{library}.py").write_text(missing)
    env = {**os.environ, "PYTHONPATH": str(hidden)}
    (tmp_path / "in.jsonl").write_bytes(b"")
    for names, title, extra in [
        (("in.parquet", "-", "--to", "csv"), "Parquet needs pyarrow", "parquet"),
        (("in.jsonl", "out.arrow"), "Arrow needs pyarrow", "parquet"),
        (("in.xlsx", "-", "--to", "csv"), "Excel needs python_calamine", "excel"),
    ]:
        command = [*STREAMX, "transform", *names]  # afresh, since others have imported them
        result = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, check=False)
        message = f"{title}, which is not installed; pip install 'streamx[{extra}]'\n"
        assert (result.returncode, result.stderr.decode()) == (2, f"streamx: error: {message}")


def test_other_formats_are_looked_for_only_where_a_name_is_none_of_ours() -> None:
    extensions = [extension for format in BUILT_IN for extension in format.extensions]
    program = (
        "import sys; from streamx.values import format_of; "
        f"[format_of('a' + each, 'input', '--from') for each in {['.csv', *extensions]}]; "
        "sys.exit('importlib.metadata' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd="/")


def test_no_two_formats_of_streamx_share_a_name_or_an_extension() -> None:
    names = [format.name for format in BUILT_IN]
    extensions = [extension for format in BUILT_IN for extension in format.extensions]
    assert len(set(names)) == len(names)
    assert len(set(extensions)) == len(extensions)


def test_a_format_in_the_wrong_case_is_answered_with_the_right_one() -> None:
    with pytest.raises(UsageError, match=r"did you mean 'json'\?$"):
        Job(input="in.csv", output="-", target_format="JSON")
