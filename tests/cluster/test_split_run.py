"""A split that is run by itself gives what it gives within a run of the whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cluster.by_splits import resolution_of, run_by_splits, splits_of
from cluster.clusters import wait_until
from conftest import ROOT

import streamx
from streamx.cluster.split_run import SplitResult, SplitTask, run_split
from streamx.cluster.splits import Split
from streamx.errors import InputError, UsageError
from streamx.job import job_of
from streamx.read.files import input_files
from streamx.transform.carried import Carried
from streamx.transform.functions import Apply

FUNCTIONS = """
def double(record):
    if record["b"] == "bad":
        raise ValueError("refused")
    record["n"] = record["n"] * 2
    return record
"""
QUOTED = b'n,b\n1,"x\ny, z"\n\n2,bad\n3,"\n"\r\n4,"a ""q"""\n5,5" pipe\n6,last'

# Cells that are no numbers, which makes their records bad.
ODD: dict[str, Any] = {"pinned_types": {"b": "integer"}, "strict_types": True, "nulls": ["bad"]}


@pytest.fixture
def quoted(tmp_path: Path) -> Path:
    source = tmp_path / "in.csv"
    source.write_bytes(QUOTED)
    return source


@pytest.mark.parametrize("split_bytes", range(1, len(QUOTED)))
def test_the_parts_of_any_split_size_are_the_output_of_the_whole(
    quoted: Path, tmp_path: Path, split_bytes: int
) -> None:
    streamx.transform(quoted, tmp_path / "whole.jsonl", target_format="jsonl")
    results = run_by_splits(quoted, tmp_path, split_bytes)
    parts = [Path(result.output.path).read_bytes() for result in results]
    assert b"".join(parts) == (tmp_path / "whole.jsonl").read_bytes()
    assert [result.output.size_bytes for result in results] == list(map(len, parts))
    assert [result.output.crc32 for result in results] == list(map(zlib.crc32, parts))
    assert sum(result.result.records_in for result in results) == 6


@pytest.mark.parametrize("split_bytes", [1, 12, 25])
def test_rejects_of_splits_name_the_places_in_the_whole(
    quoted: Path, tmp_path: Path, split_bytes: int
) -> None:
    streamx.transform(quoted, tmp_path / "whole.jsonl", rejects=tmp_path / "whole.rejects", **ODD)
    results = run_by_splits(quoted, tmp_path, split_bytes, on_error="reject", **ODD)
    rejects = [Path(each.rejects.path).read_bytes() for each in results if each.rejects]
    assert b"".join(rejects) == (tmp_path / "whole.rejects").read_bytes()
    assert len(b"".join(rejects).splitlines()) == 5


def test_a_function_of_a_file_is_called_in_splits_as_in_the_whole(
    quoted: Path, tmp_path: Path
) -> None:
    module = tmp_path / "f.py"
    module.write_text(FUNCTIONS)
    function = Apply(f"{module}:double")
    rejects = tmp_path / "whole.rejects"
    streamx.transform(quoted, tmp_path / "whole.jsonl", operations=[function], rejects=rejects)
    carried = Carried.of(function)
    module.unlink()
    results = run_by_splits(quoted, tmp_path, 25, operations=[carried], on_error="reject")
    parts = [Path(result.output.path).read_bytes() for result in results]
    assert b"".join(parts) == (tmp_path / "whole.jsonl").read_bytes()
    (own,) = [each.rejects for each in results if each.rejects]
    assert Path(own.path).read_bytes() == rejects.read_bytes()


def test_the_first_bad_record_of_a_split_is_named_as_in_the_whole(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(b"a,b\n" + b'"\n",2\n' * 5 + b"1,2,3\n")
    with pytest.raises(streamx.BadRecordError) as whole:
        streamx.transform(source, tmp_path / "whole.jsonl")
    *_, last = run_by_splits(source, tmp_path, 8)
    assert last.result.failure is not None
    assert last.result.failure.found == whole.value.found
    place = last.result.failure.place
    assert (place.line, place.offset) == (whole.value.line, whole.value.offset)


def test_the_records_that_pass_a_limit_are_counted(quoted: Path, tmp_path: Path) -> None:
    results = run_by_splits(quoted, tmp_path, 1000, operations=[streamx.Limit(2)])
    assert [(each.result.taken, each.result.is_last) for each in results] == [((2,), True)]


def test_a_gzip_file_is_run_as_one_split(tmp_path: Path) -> None:
    import gzip

    source = tmp_path / "in.csv.gz"
    source.write_bytes(gzip.compress(QUOTED))
    job = job_of(source, tmp_path / "whole.jsonl", {"workers": 1})
    resolution = resolution_of(job)
    (file,) = input_files(str(source))
    split = Split(0, file, resolution.start, None, resolution.line, 1)
    result = run_split(SplitTask(split, job, resolution.plan, None, str(tmp_path / "part"), None))
    streamx.transform(source, tmp_path / "whole.jsonl")
    assert Path(result.output.path).read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_a_file_that_became_shorter_is_an_error(quoted: Path, tmp_path: Path) -> None:
    job = job_of(quoted, tmp_path / "whole.jsonl", {"workers": 1})
    resolution = resolution_of(job)
    *_, last = splits_of(job, resolution, 10)
    quoted.write_bytes(QUOTED[:-2])
    task = SplitTask(last, job, resolution.plan, None, str(tmp_path / "part"), None)
    with pytest.raises(InputError, match="it has been cut off"):
        run_split(task)
    assert sorted(tmp_path.iterdir()) == [quoted]


def test_a_function_is_the_one_that_was_read_though_its_file_has_changed(tmp_path: Path) -> None:
    module = tmp_path / "f.py"
    module.write_text("def number(record):\n    return 1\n")
    first = Carried.of(Apply(f"{module}:number"))
    module.write_text("def number(record):\n    return 2\n")
    second = Carried.of(Apply(f"{module}:number"))
    module.unlink()
    assert [each.load()({}) for each in (first, second, first)] == [1, 2, 1]


def test_a_function_whose_source_was_changed_on_the_way_is_refused(tmp_path: Path) -> None:
    module = tmp_path / "f.py"
    module.write_text("def number(record):\n    return 1\n")
    carried = Carried.of(Apply(f"{module}:number"))
    with pytest.raises(UsageError, match="other bytes"):
        replace(carried, source=b"def number(record): return 3\n").load()


def test_a_module_that_differs_from_that_of_the_beginning_is_refused() -> None:
    carried = Carried.of(Apply("json:dumps"))
    assert carried.load()([1]) == "[1]"
    with pytest.raises(UsageError, match="is another one than where the run began"):
        replace(carried, sha256="0" * 64).load()


PROCESSES = """
import os

def number(record):
    return {"pid": os.getpid()}

class Holding:
    def __enter__(self):
        return self

    def __call__(self, record):
        return {"pid": os.getpid()}

    def __exit__(self, *_):
        with open(f"{__file__}.left", "a") as file:
            file.write(f"{os.getpid()}\\n")
"""


def pids_in(results: list[SplitResult]) -> list[int]:
    lines = [Path(each.output.path).read_bytes().splitlines() for each in results]
    return [json.loads(line)["pid"] for each in lines for line in each]


def test_the_splits_of_a_worker_are_run_by_one_process_of_their_function(
    quoted: Path, tmp_path: Path
) -> None:
    (tmp_path / "f.py").write_text(PROCESSES)
    carried = Carried.of(Apply(f"{tmp_path}/f.py:number"))
    results = run_by_splits(quoted, tmp_path, 10, operations=[carried], on_error="skip")
    pids = pids_in(results)
    assert len(results) > 2
    assert len(set(pids)) == 1
    assert os.getpid() not in pids


def test_what_a_function_holds_is_left_with_its_split(quoted: Path, tmp_path: Path) -> None:
    (tmp_path / "f.py").write_text(PROCESSES)
    carried = Carried.of(Apply(f"{tmp_path}/f.py:Holding"))
    results = run_by_splits(quoted, tmp_path, 20, operations=[carried])
    left = list(map(int, (tmp_path / "f.py.left").read_text().split()))
    assert left == list(dict.fromkeys(pids_in(results)))
    assert len(left) == len(results)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it ends when it is next asked")
def test_a_process_that_waits_for_a_split_ends_with_its_worker(
    quoted: Path, tmp_path: Path
) -> None:
    (tmp_path / "f.py").write_text(PROCESSES)
    program = (
        "import sys; from pathlib import Path; from cluster import by_splits, test_split_run\n"
        "here = Path(sys.argv[1]); function = test_split_run.Apply(f'{here}/f.py:number')\n"
        "run = by_splits.run_by_splits(here / 'in.csv', here, 1000, operations=[function])\n"
        "print(test_split_run.pids_in(run)[0], flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, tmp_path],
        cwd=ROOT / "tests",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as worker:
        assert worker.stdout is not None
        pid = int(worker.stdout.readline())
        assert Path(f"/proc/{pid}").exists()
        worker.kill()
    wait_until(lambda: not Path(f"/proc/{pid}").exists())
