"""The library does what the command line does, reports on it, and cleans up when cancelled."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import pickle
import threading
import time
from pathlib import Path

import pytest
from conftest import SAMPLE_DATA
from threads_of_runs import threads_of_runs

import streamx
from streamx import BadRecordError, Limit, Rename, Select, UsageError
from streamx import errors as all_errors
from streamx.job import Job
from streamx.job_options import JobOptions
from streamx.sizing import MIB, choose_sizing

FLIGHTS = SAMPLE_DATA / "flights.csv"


def test_transform_is_a_function_whatever_is_imported() -> None:
    import streamx.transform.plan

    assert callable(streamx.transform)


def test_a_report_accounts_for_records_bytes_and_buffers(tmp_path: Path) -> None:
    output = tmp_path / "flights.jsonl"
    report = streamx.transform(FLIGHTS, output, nulls=["NA"], workers=2, chunk_size_bytes=16 * 1024)
    assert report.records_in == report.records_out == 4_000
    assert report.bytes_in == FLIGHTS.stat().st_size
    assert report.bytes_out == output.stat().st_size
    assert report.workers == 2
    assert report.seconds > 0
    assert set(report.buffers) == {"input buffer", "reorder window", "output buffer", "in flight"}
    in_flight = report.buffers["in flight"]
    assert 1 <= in_flight.peak_fill <= in_flight.capacity
    assert in_flight.fill == in_flight.fill_bytes == 0
    assert in_flight.total >= 20


@pytest.mark.parametrize("buffer_bytes", [40 * 1024, 100])
def test_no_more_bytes_wait_for_a_worker_than_may_but_for_one_chunk(
    tmp_path: Path, buffer_bytes: int
) -> None:
    sizes: JobOptions = {"chunk_size_bytes": 16 * 1024, "buffer_bytes": buffer_bytes, "workers": 1}
    report = streamx.transform(FLIGHTS, tmp_path / "flights.jsonl", **sizes)
    waiting = report.buffers["input buffer"]
    assert report.records_out == 4_000
    assert waiting.capacity_bytes == buffer_bytes
    assert waiting.peak_bytes <= max(buffer_bytes, 16 * 1024)


def test_operations_apply_in_order(tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    streamx.transform(
        FLIGHTS, output, operations=[Rename("carrier", "c"), Select(("c", "year")), Limit(1)]
    )
    assert output.read_bytes() == b"c,year\nUA,2013\n"


def test_warnings_are_told_at_once_and_kept_in_the_report(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(b"x,x\n1,2\n")
    told: list[str] = []
    report = streamx.transform(source, tmp_path / "out.jsonl", on_warning=told.append)
    assert told == list(report.warnings)
    assert "x_2" in told[0]


def test_an_unknown_option_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no option 'null'"):
        streamx.transform(FLIGHTS, tmp_path / "out.jsonl", null=["NA"])  # type: ignore[call-arg]  # the mistake that is tested


def test_a_running_event_loop_is_told_of_the_async_twin(tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(UsageError, match="await transform_async"):
            streamx.transform(FLIGHTS, tmp_path / "out.jsonl")

    asyncio.run(main())


def test_the_typed_options_are_the_fields_of_a_job() -> None:
    fields = {field.name for field in dataclasses.fields(Job)} - {"input", "inputs", "output"}
    assert set(JobOptions.__annotations__) == fields


def test_cancelling_removes_the_temporary_file_and_keeps_the_old_output(tmp_path: Path) -> None:
    fifo, output = tmp_path / "in.csv", tmp_path / "out.jsonl"
    os.mkfifo(fifo)
    output.write_bytes(b"old\n")

    async def main() -> None:
        running = asyncio.ensure_future(streamx.transform_async(fifo, output, types="string"))
        opening = asyncio.to_thread(os.open, fifo, os.O_WRONLY)
        writer = await asyncio.wait_for(opening, 10)
        os.write(writer, b"a\n" + b"1\n" * 30_000)
        await asyncio.to_thread(wait_for_temporary_file, tmp_path)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        os.close(writer)

    asyncio.run(main())
    assert output.read_bytes() == b"old\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.jsonl"]
    assert not [t for t in threading.enumerate() if t.name.startswith("streamx-worker")]


def wait_for_temporary_file(directory: Path) -> None:
    deadline = time.monotonic() + 10
    while not list(directory.glob(".out.jsonl.*")):
        assert time.monotonic() < deadline


def test_a_failed_run_leaves_the_old_output_and_no_thread(tmp_path: Path) -> None:
    source, output = tmp_path / "in.csv", tmp_path / "out.jsonl"
    source.write_bytes(b"a,b\n1,2\n3\n")
    output.write_bytes(b"old\n")
    with pytest.raises(BadRecordError) as caught:
        streamx.transform(source, output)
    assert (caught.value.line, caught.value.offset) == (3, 8)
    assert output.read_bytes() == b"old\n"
    assert len(list(tmp_path.iterdir())) == 2
    assert threads_of_runs() == []


def test_every_error_survives_pickling() -> None:
    for name in dir(all_errors):
        kind = getattr(all_errors, name)
        if not (isinstance(kind, type) and issubclass(kind, streamx.StreamxError)):
            continue
        if issubclass(kind, BadRecordError):
            error: streamx.StreamxError = kind("in.csv", 3, 8, "one cell", "two cells")
        elif issubclass(kind, streamx.FunctionError):
            error = kind("in.csv", 3, 8, "f raised KeyError: 'x'", "", "Traceback: KeyError: 'x'")
        elif issubclass(kind, all_errors.WorkerDiedError):
            error = kind("was killed by SIGKILL", 3, 5, 8)
        else:
            error = kind("what happened")
        copy = pickle.loads(pickle.dumps(error))
        assert (type(copy), str(copy), copy.exit_code) == (kind, str(error), error.exit_code)


def test_memory_is_turned_into_chunk_size_and_depth_or_refused() -> None:
    def sizing_for(mib: int, **fixed: int) -> object:
        wanted = {"workers": 2, "chunk_size_bytes": None, "buffer_chunks": None}
        return choose_sizing(
            **{**wanted, **fixed}, max_memory_bytes=mib * MIB, max_record_bytes=None
        )

    small, large = sizing_for(60), sizing_for(500)
    assert small.chunk_size_bytes < large.chunk_size_bytes  # type: ignore[attr-defined]  # Sizing
    for mib, sizing in ((60, small), (500, large)):
        assert sizing.peak_bytes <= mib * MIB  # type: ignore[attr-defined]  # Sizing
    with pytest.raises(UsageError, match="is too little"):
        sizing_for(30)
    with pytest.raises(UsageError, match="smaller --workers, --chunk-size or --buffer"):
        sizing_for(100, chunk_size_bytes=16 * MIB)
