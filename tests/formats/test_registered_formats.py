"""Formats that other packages register are there like those of streamx, and cost nobody else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Run

from streamx import UsageError
from streamx.formats import BUILT_IN
from streamx.job import Job

# JSONL with a semicolon in the place of each line feed.
PLUGIN = """
from streamx.formats import FileFormat
from streamx.read.wrapped import WrappedSource
from streamx.write.sinks import WrappingSink

class Source(WrappedSource):
    async def read_into(self, view):
        count = await self._inner.read_into(view)
        view[:count] = bytes(view[:count]).replace(b";", b"\\n")
        return count

class Sink(WrappingSink):
    async def write(self, parts):
        await self._inner.write([bytes(part).replace(b"\\n", b";") for part in parts])

    async def _end(self):
        pass

async def source(reading):
    return Source(await reading.opened())

def sink(writing):
    return Sink(writing.inner)

FORMAT = FileFormat(
    name="semi", title="Semi", extensions=(".semi",), source=source, sink=sink
)
"""


def registered(directory: Path, module: str) -> dict[str, str]:
    """Install a package as pip would leave it, and return the environment that finds it."""
    (directory / "semi_format.py").write_text(module)
    metadata = directory / "semi_format-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: semi-format\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[streamx.formats]\nsemi = semi_format:FORMAT\n")
    return {"PYTHONPATH": str(directory)}


def test_a_registered_format_is_known_by_name_and_by_extension(
    streamx: Run, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    env = registered(tmp_path_factory.mktemp("site"), PLUGIN)
    (tmp_path / "in.semi").write_bytes(b'{"a":1};{"a":2};')
    result = streamx("transform", "in.semi", "out.csv", "--resume", env=env)
    assert (result.returncode, result.stderr) == (0, b"")
    assert (tmp_path / "out.csv").read_bytes() == b"a\n1\n2\n"
    result = streamx("transform", "out.csv", "-", "--to", "semi", env=env)
    assert (result.returncode, result.stdout) == (0, b'{"a":1};{"a":2};')
    result = streamx("transform", "out.csv", "-", "--to", "smi", env=env)
    assert result.returncode == 2
    assert b" or semi; did you mean 'semi'?" in result.stderr
    result = streamx("transform", "in.semi", "out.semi", "--resume", env=env)
    assert b"--resume needs CSV, TSV or JSONL output; Semi cannot be continued" in result.stderr


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        ("import nothing_of_that_name", "cannot be loaded: ModuleNotFoundError: No module named"),
        ("FORMAT = 1", "is 1; expected a streamx.formats.FileFormat"),
        (PLUGIN.replace('name="semi"', 'name="csv"'), "calls itself 'csv'; expected 'semi'"),
    ],
)
def test_a_registered_format_that_cannot_be_used_is_named_with_its_package(
    streamx: Run, tmp_path_factory: pytest.TempPathFactory, module: str, reason: str
) -> None:
    env = registered(tmp_path_factory.mktemp("site"), module)
    result = streamx("transform", "in.semi", "out.csv", env=env)
    assert result.returncode == 2
    assert f"the format 'semi' of semi-format {reason}" in result.stderr.decode()


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
