"""A run on a cluster gives what a run on this machine gives, and goes on where one had ended."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from cluster.clusters import ThreadCluster, run_on_threads
from conftest import Run

import streamx
from streamx.cluster import output as cluster_output
from streamx.cluster.calls import CallLostError
from streamx.cluster.split_run import SplitTask
from streamx.errors import InputError, StreamxError
from streamx.transform.operations import Operation

QUOTED = b'n,b\n1,"x\ny, z"\n\n2,bad\n3,"\n"\r\n4,"a ""q"""\n5,5" pipe\n6,last\n'
FUNCTIONS = """
def grow(record):
    if record["b"] == "bad":
        raise ValueError("refused")
    return {**record, "twice": int(record["n"]) * 2}
"""


@pytest.fixture
def quoted(tmp_path: Path) -> Path:
    source = tmp_path / "in.csv"
    source.write_bytes(QUOTED)
    return source


def content_of(directory: Path) -> bytes:
    return b"".join(part.read_bytes() for part in sorted(directory.glob("part-*")))


def outcome(run: Any, source: Path, output: Path, **options: Any) -> Any:
    """Return the warnings and counts of a run, or its error, with what it wrote."""
    rejects = Path(f"{output}.rejects.jsonl")
    try:
        report = run(source, output, **options)
    except StreamxError as error:
        text = str(error).replace(str(output), "OUTPUT")
        return type(error), text, rejects.exists() and rejects.read_bytes()
    counts = report.records_in, report.records_out, report.blank_lines, report.exit_code
    warnings = [text.replace(str(output), "OUTPUT") for text in report.warnings]
    return counts, warnings, rejects.exists() and rejects.read_bytes(), output.read_bytes()


CASES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "csv": {"target_format": "csv", "add_bom": True},
    "pinned": {"pinned_types": {"b": "integer"}},
    "strict": {"pinned_types": {"n": "integer", "b": "boolean"}, "strict_types": True},
    "rejects": {"pinned_types": {"b": "integer"}, "strict_types": True, "on_error": "reject"},
    "few_errors": {
        "pinned_types": {"b": "integer"},
        "strict_types": True,
        "on_error": "reject",
        "max_errors": 3,
    },
    "shares": {
        "pinned_types": {"b": "integer"},
        "strict_types": True,
        "on_error": "skip",
        "max_errors": "50%",
    },
    "limit": {"operations": [streamx.Where("n > 1"), streamx.Limit(3)]},
    "no_records": {"operations": [streamx.Limit(0)], "target_format": "csv"},
    "no_header": {"has_header": False, "skip_lines": 1},
    "sniff": {"sniff": True},
}


@pytest.mark.parametrize("split_bytes", [1, 20])
@pytest.mark.parametrize("name", CASES)
def test_a_run_joined_to_one_file_is_that_of_this_machine(
    quoted: Path, tmp_path: Path, name: str, split_bytes: int
) -> None:
    options = {"target_format": "jsonl", **CASES[name]}
    local = outcome(streamx.transform, quoted, tmp_path / "local", **options)
    joined = outcome(
        run_on_threads,
        quoted,
        tmp_path / "joined",
        concat=True,
        split_size_bytes=split_bytes,
        **options,
    )
    if joined[0] is streamx.TooManyBadRecordsError:
        # The rejects may go some records further than the one that was too many.
        assert joined[:2] == local[:2]
        assert not joined[2] or local[2].startswith(joined[2])
    else:
        assert joined == local
    # What can be resumed is kept.
    is_error = isinstance(joined[0], type)
    assert (tmp_path / "joined.parts").exists() == is_error


def test_the_records_that_were_too_many_are_in_the_rejects(quoted: Path, tmp_path: Path) -> None:
    known: dict[str, Any] = {**CASES["few_errors"], "max_errors": 1, "target_format": "jsonl"}
    with pytest.raises(streamx.TooManyBadRecordsError, match="2 are bad of the first 2"):
        run_on_threads(quoted, tmp_path / "out", split_size_bytes=1, **known)
    rejects = (tmp_path / "out.rejects.jsonl").read_bytes().splitlines()
    assert [json.loads(line)["line"] for line in rejects] == [2, 5]


def test_a_directory_holds_parts_a_manifest_and_the_mark_of_success(
    quoted: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    streamx.transform(quoted, tmp_path / "local.jsonl")
    report = run_on_threads(quoted, output, split_size_bytes=20)
    parts = sorted(path.name for path in output.glob("part-*"))
    assert parts == [f"part-{number:05}.jsonl" for number in range(3)]
    assert sorted(path.name for path in output.iterdir()) == ["_SUCCESS", "_manifest.json", *parts]
    assert content_of(output) == (tmp_path / "local.jsonl").read_bytes()
    manifest = json.loads((output / "_manifest.json").read_bytes())
    assert [part["output"]["path"] for part in manifest["parts"]] == parts
    assert [part["split"]["line"] for part in manifest["parts"]] == [2, 8, 10]
    assert manifest["totals"]["records_out"] == report.records_out == 6
    assert report.ran_in == "dask"


def test_names_of_parts_sort_in_the_order_of_the_input_however_many_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_output, "_LEAST_DIGITS", 1)
    (tmp_path / "in.csv").write_bytes(b"n\n" + b"".join(b"%d\n" % n for n in range(10, 22)))
    run_on_threads(tmp_path / "in.csv", tmp_path / "out", split_size_bytes=3)
    lines = content_of(tmp_path / "out").splitlines()
    assert [json.loads(line)["n"] for line in lines] == list(range(10, 22))
    assert sorted((tmp_path / "out").glob("part-*"))[-1].name == "part-11.jsonl"


def test_parts_need_not_wait_for_the_disk(quoted: Path, tmp_path: Path) -> None:
    run_on_threads(quoted, tmp_path / "out", fsync=False)
    assert (tmp_path / "out" / "_SUCCESS").exists()


def test_each_part_of_csv_carries_the_header(quoted: Path, tmp_path: Path) -> None:
    run_on_threads(quoted, tmp_path / "out", target_format="csv", split_size_bytes=20)
    starts = [path.read_bytes()[:4] for path in sorted((tmp_path / "out").glob("part-*.csv"))]
    assert starts == [b"n,b\n"] * 3


@pytest.mark.parametrize("is_one", [True, False])
def test_columns_that_a_function_adds_are_in_every_header(
    quoted: Path, tmp_path: Path, is_one: bool
) -> None:
    module = tmp_path / "f.py"
    module.write_text(FUNCTIONS)
    options: dict[str, Any] = {
        "operations": [streamx.Apply(f"{module}:grow")],
        "target_format": "csv",
        "on_error": "skip",
    }
    streamx.transform(quoted, tmp_path / "local.csv", **options)
    # The first split holds what decides the columns, so it takes more than one of this size.
    quoted_more = tmp_path / "more.csv"
    quoted_more.write_bytes(QUOTED + b"7,more\n" * 1100)
    streamx.transform(quoted_more, tmp_path / "local.csv", **options)
    run_on_threads(quoted_more, tmp_path / "out", split_size_bytes=2000, concat=is_one, **options)
    local = (tmp_path / "local.csv").read_bytes()
    if is_one:
        assert (tmp_path / "out").read_bytes() == local
    else:
        header = b"n,b,twice\n"
        parts = [path.read_bytes() for path in sorted((tmp_path / "out").glob("part-*.csv"))]
        assert len(parts) > 1
        assert all(part.startswith(header) for part in parts)
        assert header + b"".join(part.removeprefix(header) for part in parts) == local


def test_the_files_of_a_directory_are_read_in_order_each_with_its_header(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    (source / "a.csv").write_bytes(b"a,b\n1,2\n3,4\n")
    (source / "b.csv.gz").write_bytes(gzip.compress(b"\xef\xbb\xbfa,b\r\n5,6"))
    (source / "c.csv").write_bytes(b'"a",b\n')
    (source / "d.csv").write_bytes(b"a,b\n7,8\n")
    report = run_on_threads(source, tmp_path / "out", split_size_bytes=4)
    assert report.records_in == 4
    lines = content_of(tmp_path / "out").splitlines()
    assert [json.loads(line)["a"] for line in lines] == [1, 3, 5, 7]


def test_a_file_with_other_columns_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"a,b\n1,2\n")
    (tmp_path / "b.csv").write_bytes(b"a,c\n1,2\n")
    with pytest.raises(InputError, match=r"b\.csv: the header names a, c; expected a, b"):
        run_on_threads(f"{tmp_path}/*.csv", tmp_path / "out")


def test_an_empty_input_has_one_part_without_records(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(b"a,b\n")
    run_on_threads(tmp_path / "in.csv", tmp_path / "out", target_format="csv")
    assert content_of(tmp_path / "out") == b"a,b\n"


def test_a_split_whose_worker_died_is_run_again_and_counted_once(
    quoted: Path, tmp_path: Path
) -> None:
    deaths = [1, 1, 0, 2]

    def die(argument: Any) -> None:
        if isinstance(argument, SplitTask) and deaths[argument.split.number % 4]:
            deaths[argument.split.number % 4] -= 1
            raise CallLostError("1 worker died while at it")

    streamx.transform(quoted, tmp_path / "local", target_format="jsonl")
    report = run_on_threads(
        quoted, tmp_path / "out", ThreadCluster(before=die), split_size_bytes=10
    )
    assert content_of(tmp_path / "out") == (tmp_path / "local").read_bytes()
    assert report.records_out == 6
    assert "4 calls of workers were made again" in report.warnings[-1]


def test_a_split_that_dies_more_often_than_it_may_ends_the_run(
    quoted: Path, tmp_path: Path
) -> None:
    def die(argument: Any) -> None:
        if isinstance(argument, SplitTask):
            raise CallLostError("1 worker died while at it")

    with pytest.raises(streamx.ClusterError, match=r"the split of .* from line 2 .* lost 2 times"):
        run_on_threads(quoted, tmp_path / "out", ThreadCluster(before=die), split_retries=1)


class Stop:
    """Ends a run at a split."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __call__(self, argument: Any) -> None:
        if isinstance(argument, SplitTask) and argument.split.number == self.number:
            raise streamx.ClusterError("the scheduler was lost")


@pytest.mark.parametrize("operations", [[], [streamx.Limit(5)]])
def test_a_resumed_run_checks_what_is_finished_and_runs_the_rest(
    quoted: Path, tmp_path: Path, operations: list[Operation]
) -> None:
    known: dict[str, Any] = {
        "split_size_bytes": 10, "operations": operations, "on_error": "skip",
        "pinned_types": {"n": "integer", "b": "string"}, "strict_types": True,
    }  # fmt: skip
    output = tmp_path / "out"
    streamx.transform(
        quoted, tmp_path / "local", **{**known, "split_size_bytes": None, "target_format": "jsonl"}
    )
    with pytest.raises(streamx.ClusterError):
        run_on_threads(quoted, output, ThreadCluster(1, Stop(3)), **known)
    assert not (output / "_SUCCESS").exists()
    finished = len(list(output.glob("part-*")))
    assert 0 < finished <= 3
    cluster = ThreadCluster(1)
    report = run_on_threads(quoted, output, cluster, resume=True, **known)
    assert content_of(output) == (tmp_path / "local").read_bytes()
    assert cluster.calls.count("is_as_written") == finished
    assert cluster.calls.count("run_split") == len(list(output.glob("part-*"))) - finished
    assert report.records_out == (5 if operations else 6)


def test_a_complete_run_is_checked_and_nothing_of_it_is_run_again(
    quoted: Path, tmp_path: Path
) -> None:
    known: dict[str, Any] = {**CASES["rejects"], "split_size_bytes": 10}
    output, rejects = tmp_path / "out", tmp_path / "out.rejects.jsonl"
    run_on_threads(quoted, output, **known)
    before = content_of(output), rejects.read_bytes()
    assert before[1].count(b"\n") > 1
    cluster = ThreadCluster()
    run_on_threads(quoted, output, cluster, resume=True, **known)
    assert (content_of(output), rejects.read_bytes()) == before
    assert "run_split" not in cluster.calls


def test_a_finished_part_that_was_damaged_is_made_again(quoted: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    run_on_threads(quoted, output, split_size_bytes=10)
    whole = content_of(output)
    (output / "part-00001.jsonl").write_bytes(b"other")
    (output / "part-00002.jsonl").unlink()
    cluster = ThreadCluster()
    run_on_threads(quoted, output, cluster, split_size_bytes=10, resume=True)
    assert content_of(output) == whole
    assert cluster.calls.count("run_split") == 2
    assert (output / "_SUCCESS").exists()


def test_a_damaged_part_that_cannot_be_made_again_is_an_error(quoted: Path, tmp_path: Path) -> None:
    module, output = tmp_path / "f.py", tmp_path / "out"
    module.write_text(
        "import os\n"
        "def f(record):\n"
        f"    if os.path.exists({str(tmp_path / 'later')!r}): raise ValueError\n"
        "    return record\n"
    )
    known: dict[str, Any] = {
        "split_size_bytes": 20, "operations": [streamx.Apply(f"{module}:f")],
    }  # fmt: skip
    run_on_threads(quoted, output, **known)
    (output / "part-00001.jsonl").write_bytes(b"other")
    (tmp_path / "later").touch()
    with pytest.raises(streamx.OutputError, match="made anew it is another one"):
        run_on_threads(quoted, output, resume=True, **known)


def test_what_a_crash_left_of_a_line_of_the_manifest_is_forgotten(
    quoted: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    with pytest.raises(streamx.ClusterError):
        run_on_threads(quoted, output, ThreadCluster(1, Stop(3)), split_size_bytes=10)
    with open(output / "_manifest.jsonl", "ab") as manifest:
        manifest.write(b'{"split":{"num')
    run_on_threads(quoted, output, split_size_bytes=10, resume=True)
    streamx.transform(quoted, tmp_path / "local", target_format="jsonl")
    assert content_of(output) == (tmp_path / "local").read_bytes()


def test_drafts_that_cannot_be_removed_yet_are_in_nobodys_way(
    quoted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out"
    with pytest.raises(streamx.ClusterError):
        run_on_threads(quoted, output, ThreadCluster(1, Stop(3)), split_size_bytes=10)
    (output / "_temporary").mkdir()
    # As NFS does while a worker of the run before has one open.
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)
    run_on_threads(quoted, output, split_size_bytes=10, resume=True)
    assert (output / "_SUCCESS").exists()


def test_another_run_is_not_resumed(quoted: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    run_on_threads(quoted, output, split_size_bytes=10)
    with pytest.raises(
        streamx.CheckpointError, match=r"differs in: options \(nulls, split_size_bytes\);"
    ):
        run_on_threads(quoted, output, split_size_bytes=11, nulls=["NA"], resume=True)
    quoted.write_bytes(QUOTED + b"7,x\n")
    with pytest.raises(streamx.CheckpointError, match="differs in: the files of the input"):
        run_on_threads(quoted, output, split_size_bytes=10, resume=True)


def test_what_is_explained_of_the_work_is_that_of_a_thread(quoted: Path, streamx: Run) -> None:
    explained = streamx("transform", quoted, "out", "--engine", "dask", "-j", "3", "--explain")
    assert b"processes on this machine; for each thread of a worker\n" in explained.stdout
    assert b"in threads: 1; " in explained.stdout


def test_what_is_in_flight_is_told_in_splits_and_in_bytes(quoted: Path, tmp_path: Path) -> None:
    run_on_threads(quoted, tmp_path / "out", split_size_bytes=20, summary=tmp_path / "sum.json")
    in_flight = json.loads((tmp_path / "sum.json").read_bytes())["buffers"]["in flight"]
    assert 1 <= in_flight["peak_fill"] <= 3
    assert 20 <= in_flight["peak_bytes"] <= len(QUOTED)


def test_an_output_that_holds_something_is_left_alone(quoted: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.mkdir()
    (output / "mine").write_bytes(b"")
    with pytest.raises(streamx.OutputError, match="is not empty"):
        run_on_threads(quoted, output)
    assert [path.name for path in output.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("options", "needed"),
    [
        ({"engine": "local", "concat": True}, "--concat needs --engine dask"),
        ({"engine": "local", "scheduler": "tcp://x:1"}, "--scheduler needs --engine dask"),
        ({"is_ordered": False}, "--unordered needs a run on this machine"),
        ({"scheduler": "tcp://x:1", "workers": 2}, "--workers needs a cluster of its own"),
        ({"split_size_bytes": 0}, "--split-size 0 cannot work"),
        ({"split_retries": -1}, "--split-retries -1 cannot work"),
    ],
)
def test_options_that_can_have_no_effect_are_refused(
    quoted: Path, tmp_path: Path, options: dict[str, Any], needed: str
) -> None:
    known: dict[str, Any] = {"engine": "dask", "target_format": "jsonl", **options}
    with pytest.raises(streamx.UsageError, match=needed):
        streamx.transform(quoted, tmp_path / "out", **known)
