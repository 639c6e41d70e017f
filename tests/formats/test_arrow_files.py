"""Arrow's IPC files and streams are read from start to end, and written batch by batch."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from subprocess import PIPE

import pyarrow as pa
import pytest
from conftest import STREAMX, Run

RECORDS = [{"a": each, "b": str(each % 7), "c": {"d": [each]}} for each in range(3000)]
TABLE = pa.Table.from_pylist(RECORDS)


def ipc(*, is_stream: bool) -> bytes:
    """Return the records, in batches of 1,000, with texts in a dictionary."""
    column = TABLE["b"].dictionary_encode()
    table = TABLE.set_column(1, "b", column)
    sink = pa.BufferOutputStream()
    new = pa.ipc.new_stream if is_stream else pa.ipc.new_file
    with new(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=1000)
    content: bytes = sink.getvalue().to_pybytes()
    return content


@pytest.mark.parametrize("is_stream", [True, False])
def test_files_and_streams_are_read_from_a_pipe(streamx: Run, *, is_stream: bool) -> None:
    content = ipc(is_stream=is_stream)
    result = streamx("transform", "--from", "arrow", "--to", "jsonl", stdin=content)
    assert (result.returncode, result.stderr) == (0, b"")
    assert [json.loads(line) for line in result.stdout.splitlines()] == RECORDS


def test_a_file_may_be_compressed_and_only_some_columns_wanted(
    streamx: Run, tmp_path: Path
) -> None:
    (tmp_path / "in.arrow").write_bytes(ipc(is_stream=False))
    assert subprocess.run(["gzip", "in.arrow"], cwd=tmp_path, check=False).returncode == 0
    result = streamx("transform", "in.arrow.gz", "-", "--to", "csv", "--select", "b", "-n", "2")
    assert (result.returncode, result.stdout) == (0, b"b\n0\n1\n")


@pytest.mark.parametrize(
    ("name", "open_ipc"), [("out.arrow", pa.ipc.open_file), ("out.arrows", pa.ipc.open_stream)]
)
@pytest.mark.parametrize(
    "compression", [(), ("--compress", "zstd", "--compression-level", "9"), ("--compress", "lz4")]
)
def test_what_is_written_arrow_reads(
    streamx: Run, tmp_path: Path, name: str, open_ipc: object, compression: tuple[str, ...]
) -> None:
    lines = b"".join(json.dumps(record).encode() + b"\n" for record in RECORDS)
    command = ("transform", "--from", "jsonl", "-", name, *compression)
    assert streamx(*command, stdin=lines).returncode == 0
    assert callable(open_ipc)
    assert open_ipc((tmp_path / name).read_bytes()).read_all().to_pylist() == RECORDS


@pytest.mark.parametrize("is_stream", [True, False])
def test_a_file_that_is_cut_off_is_refused(
    streamx: Run, tmp_path: Path, *, is_stream: bool
) -> None:
    (tmp_path / "in.arrow").write_bytes(ipc(is_stream=is_stream)[:40_000])
    result = streamx("transform", "in.arrow", "out.csv")
    assert result.returncode == 1
    assert result.stderr.startswith(b"streamx: error: cannot read in.arrow: ")
    assert result.stderr.count(b"\n") == 1
    assert not (tmp_path / "out.csv").exists()


def test_what_is_no_arrow_is_refused(streamx: Run) -> None:
    result = streamx("transform", "--from", "arrow", "--to", "csv", stdin=b"a,b\n1,2\n")
    assert result.returncode == 1
    assert result.stderr.startswith(b"streamx: error: cannot read standard input: ")


def test_a_reader_that_has_enough_ends_the_run_though_more_may_come() -> None:
    """The thread that waits for the pipe is let go."""
    command = [*STREAMX, "transform", "--from", "arrow", "--to", "csv", "-n", "1", "--select", "a"]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(ipc(is_stream=True)[:45_000])
        process.stdin.flush()
        assert process.stdout.read() == b"a\n0\n"
        assert process.wait(30) == 0
