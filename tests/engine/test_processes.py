"""The process engine gives what threads give, survives its workers, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Any

import plans
import pytest
from codec.conversions import CSV, JSONL, layout_of
from faults.processes import until
from plans import Base, Echo, Fatal, Gated, Meeting, Raising, Random, TaggedError, Times

from streamx.chunk import Chunk, ChunkResult
from streamx.engine.processes import ProcessEngine
from streamx.engine.threads import ThreadEngine
from streamx.engine.wire import SLOT_BYTES, SLOTS
from streamx.errors import UsageError, WorkerDiedError, WorkerError
from streamx.testing import settle
from streamx.transform.plan import Plan

PATIENCE_SECONDS = 20.0
FATAL = b"one\ntwo\nfatal\nfour\n"
LONG = b"line\n" * (2 * SLOT_BYTES // 5) + FATAL
FLIGHTS_COLUMNS = 19

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

Output = tuple[bytes, ChunkResult]


def run(main: Awaitable[Any]) -> Any:
    async def limited() -> Any:
        return await asyncio.wait_for(main, PATIENCE_SECONDS)

    return asyncio.run(limited())


def chunk_of(data: bytes, sequence: int = 0) -> Chunk:
    return Chunk(sequence, 100, 10, memoryview(data))


async def output_of(engine: ProcessEngine | ThreadEngine, chunk: Chunk) -> Output:
    parts: list[bytes] = []

    async def emit(part: bytes | memoryview) -> None:
        parts.append(bytes(part))

    result = await engine.run(chunk, emit)
    return b"".join(parts), result


async def outputs_of(engine: ProcessEngine | ThreadEngine, *chunks: Chunk) -> list[Output]:
    """Run as many chunks at a time as the engine wants."""
    outputs: dict[int, Output] = {}
    waiting = iter(chunks)

    async def lane() -> None:
        for chunk in waiting:
            outputs[chunk.sequence] = await output_of(engine, chunk)

    try:
        await asyncio.gather(*(lane() for _ in range(engine.lanes)))
    finally:
        await engine.close()
    return [outputs[chunk.sequence] for chunk in chunks]


def outputs(plan: Any, *chunks: Chunk, workers: int = 1, **options: Any) -> list[Output]:
    async def main() -> list[Output]:
        return await outputs_of(ProcessEngine(plan, workers, **options), *chunks)

    result: list[Output] = run(main())
    return result


def output(plan: Any, data: bytes, **options: Any) -> Output:
    return outputs(plan, chunk_of(data), **options)[0]


def in_chunks(data: bytes, size_bytes: int) -> Sequence[Chunk]:
    """Cut data that ends with a line end."""
    chunks: list[Chunk] = []
    start = 0
    while start < len(data):
        end = data.rfind(b"\n", start, start + size_bytes) + 1
        chunks.append(Chunk(len(chunks), start, 1, memoryview(data)[start:end]))
        start = end
    return chunks


def all_children() -> set[int]:
    tasks = Path("/proc/self/task").glob("*/children")
    return {int(number) for task in tasks for number in task.read_text().split()}


_of_others: set[int] = set()


@pytest.fixture(autouse=True)
def _know_the_children_of_others() -> None:
    """Look which processes there are that other tests have left to this one, such as servers."""
    _of_others.clear()
    _of_others.update(all_children() if sys.platform == "linux" else ())


def children() -> set[int]:
    """Return the processes that the test has started and not waited for."""
    return all_children() - _of_others


def descriptors() -> set[str]:
    return {os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_any_number_of_processes_gives_what_threads_give(full_flights: Path, workers: int) -> None:
    data = full_flights.read_bytes()
    start, end = data.index(b"\n") + 1, data.rindex(b"\n", 0, 5_000_000) + 1
    chunks = in_chunks(data[start:end], 300_000)
    plan = Plan(layout_of(CSV, JSONL, [f"c{n}" for n in range(FLIGHTS_COLUMNS)]))
    expected = run(outputs_of(ThreadEngine(plan, 2), *chunks))
    assert outputs(plan, *chunks, workers=workers) == expected


@pytest.mark.parametrize(
    "size_bytes",
    [0, 1, SLOT_BYTES - 1, SLOT_BYTES, SLOT_BYTES + 1, SLOTS * SLOT_BYTES + 1, 50_000_000],
)
def test_chunk_and_part_of_any_size_pass(size_bytes: int) -> None:
    data = os.urandom(size_bytes)
    small = chunk_of(b"small\n", 1)
    results = outputs(Echo(), chunk_of(data), small, chunk_of(data, 2), workers=1)
    assert [made for made, _ in results] == [data, b"small\n", data]


def test_output_far_larger_than_its_chunk_passes() -> None:
    made, _ = output(Times(times=100), b"x" * 1_000_001)
    assert made == b"x" * 100_000_100


def test_limit_is_counted_across_chunks() -> None:
    plan = Plan(layout_of(CSV, JSONL, ["a"]), limits=(5,))
    chunks = [chunk_of(b"x\n" * records, n) for n, records in enumerate((3, 4, 2))]
    results = [result for _, result in outputs(plan, *chunks)]
    assert [result.records_out for result in results] == [3, 2, 0]
    assert [result.is_last for result in results] == [False, True, True]


def test_limit_is_refused_with_several_workers() -> None:
    with pytest.raises(ValueError, match="by one worker"):
        ProcessEngine(Base(limits=(1,)), 2)


def test_plan_that_cannot_be_pickled_is_refused_before_anything_starts() -> None:
    plan: Any = Base()
    plan.function = lambda: None
    with pytest.raises(UsageError, match="top level of a module"):
        ProcessEngine(plan, 1)


def test_plan_that_a_process_cannot_load_is_an_error_that_says_why() -> None:
    with pytest.raises(WorkerError, match="ImportError: there is no such module") as caught:
        output(plans.Unloadable(), b"one\n")
    assert "__setstate__" in caught.value.__notes__[-1]


def test_data_that_a_plan_keeps_stays_as_it_was() -> None:
    chunks = [chunk_of(b"first\n", 0), chunk_of(b"other\n", 1)]
    assert [made for made, _ in outputs(plans.Keeping(), *chunks)] == [b"first\n"] * 2


@pytest.mark.parametrize("data", [FATAL, LONG], ids=["short", "long"])
@pytest.mark.parametrize(
    "way", ["kill", "exit", "segfault", "close_everything", "leave_a_child", "hang"]
)
def test_process_that_dies_once_costs_nothing(tmp_path: Path, way: str, data: bytes) -> None:
    once = tmp_path / "once"
    once.touch()
    plan = Fatal(way=way, once=once)
    made, result = output(plan, data, workers=2, timeout_seconds=1)
    assert not once.exists()
    assert made == data
    assert result.records_out == data.count(b"\n")


def test_death_of_an_idle_process_costs_nothing() -> None:
    async def main() -> None:
        engine = ProcessEngine(Base(), 1)
        await output_of(engine, chunk_of(b"one\n"))
        for pid in children():
            os.kill(pid, 9)
        assert (await output_of(engine, chunk_of(b"two\n")))[0] == b"two\n"
        await engine.close()

    run(main())


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        ("kill", "was killed by SIGKILL"),
        ("exit", "exited with status 3"),
        ("segfault", "was killed by SIGSEGV"),
        ("leave_a_child", "was killed by SIGKILL"),
        ("hang", "took longer than 0.5 s"),
        ("hang_in_c", "took longer than 0.5 s"),
    ],
)
def test_process_that_dies_again_is_an_error_that_names_reason_and_record(
    way: str, reason: str
) -> None:
    with pytest.raises(WorkerDiedError) as caught:
        output(Fatal(way=way), FATAL, timeout_seconds=0.5)
    error = caught.value
    assert (error.reason, error.line, error.last_line, error.offset) == (reason, 12, 12, 108)
    assert f"{reason}, and again when it was replaced, at line 12 (byte 108)" in str(error)
    assert error.exit_code == 1
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize("plan", [plans.Mute(), plans.FatalToLoad()])
@pytest.mark.parametrize(
    ("data", "last_line"), [(b"one\n", 10), (b"one\ntwo", 11), (b"one\ntwo\n", 11)]
)
def test_death_at_an_unknown_place_names_the_lines_of_the_chunk(
    plan: Base, data: bytes, last_line: int
) -> None:
    with pytest.raises(WorkerDiedError, match="exited with status 3") as caught:
        output(plan, data)
    error = caught.value
    assert (error.line, error.last_line, error.offset) == (10, last_line, 100)


def test_output_before_a_second_death_has_been_emitted_once() -> None:
    parts: list[bytes | memoryview] = []

    async def emit(part: bytes | memoryview) -> None:
        parts.append(part)

    async def main() -> None:
        engine = ProcessEngine(Fatal(way="kill"), 1)
        with pytest.raises(WorkerDiedError):
            await engine.run(chunk_of(LONG), emit)
        await engine.close()

    run(main())
    made = b"".join(parts)
    assert len(made) > SLOT_BYTES
    assert LONG.startswith(made)


def test_other_output_after_a_death_is_an_error(tmp_path: Path) -> None:
    once = tmp_path / "once"
    once.touch()
    with pytest.raises(WorkerError, match="other output when it was run again"):
        output(Random(way="kill", once=once), FATAL)


def test_time_limit_is_for_a_record_not_for_a_chunk() -> None:
    data = b"slow\n" * 10
    made, _ = output(plans.Slow(), data, timeout_seconds=0.6)
    assert made == data


def test_waiting_for_output_to_be_taken_is_not_hanging() -> None:
    async def main() -> int:
        engine = ProcessEngine(Times(times=40), 1, timeout_seconds=0.2)
        size_bytes = 0

        async def emit(part: bytes | memoryview) -> None:
            nonlocal size_bytes
            if not size_bytes:
                await asyncio.sleep(1)  # the fact under test is that this time passes
            size_bytes += len(part)

        await engine.run(chunk_of(b"x" * SLOT_BYTES), emit)
        await engine.close()
        return size_bytes

    assert run(main()) == 40 * SLOT_BYTES


def test_exception_arrives_as_itself_with_the_traceback_of_the_plan_only() -> None:
    with pytest.raises(TaggedError, match="no such thing") as caught:
        output(Raising(what="an_error"), FATAL)
    assert caught.value.tag == "kept"
    traceback = caught.value.__notes__[-1]
    assert "in an_error" in traceback
    assert "worker.py" not in traceback


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("unpicklable", "UnpicklableError: no such thing"),
        ("sys_exit", "the function ended with SystemExit: 3"),
        ("interrupt", "the function ended with KeyboardInterrupt"),
    ],
)
def test_what_cannot_arrive_as_itself_arrives_as_text(what: str, text: str) -> None:
    with pytest.raises(WorkerError, match=text) as caught:
        output(Raising(what=what), FATAL)
    assert f"in {what}" in caught.value.__notes__[-1]


def test_result_that_cannot_be_pickled_is_an_error() -> None:
    with pytest.raises(AttributeError, match="pickle"):
        output(plans.UnpicklableResult(), FATAL)


@linux_only
def test_exception_leaves_the_process_in_use() -> None:
    async def main() -> None:
        engine = ProcessEngine(Raising(what="sys_exit"), 1)
        seen = []
        for data in (FATAL, b"one\n", FATAL):
            try:
                assert (await output_of(engine, chunk_of(data)))[0] == data
            except WorkerError:
                assert data == FATAL
            seen.append(children())
        assert seen[0] == seen[1] == seen[2] != set()
        await engine.close()

    run(main())


def test_print_goes_to_standard_error_and_standard_input_is_empty(
    capfd: pytest.CaptureFixture[str],
) -> None:
    made, _ = output(plans.Printing(), b"one\n")
    assert made == b"one\n"
    assert capfd.readouterr() == ("", "printed ''\nwritten\n")


@linux_only
def test_processes_start_when_needed_and_all_end(tmp_path: Path) -> None:
    async def main() -> None:
        before = children()
        engine = ProcessEngine(Meeting(here=tmp_path, count=3), 3)
        assert children() == before
        await output_of(engine, chunk_of(b"one\n"))
        await output_of(engine, chunk_of(b"two\n"))
        assert len(children() - before) == 1
        await asyncio.gather(*(output_of(engine, chunk_of(b"meet\n")) for _ in range(3)))
        assert len(children() - before) == 3
        await engine.close()
        assert children() == before
        await engine.close()

    run(main())


async def assert_works_and_closes(engine: ProcessEngine) -> None:
    assert (await output_of(engine, chunk_of(b"one\n")))[0] == b"one\n"
    begun = time.monotonic()
    await engine.close()
    assert time.monotonic() - begun < 1
    assert children() == set()


@linux_only
@pytest.mark.parametrize("turns", [0, 1, 5])
def test_run_cancelled_while_its_process_starts_leaves_an_engine_that_works(turns: int) -> None:
    async def main() -> None:
        engine = ProcessEngine(Base(), 1)
        running = asyncio.ensure_future(output_of(engine, chunk_of(b"one\n")))
        await settle(turns)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await assert_works_and_closes(engine)

    run(main())


@linux_only
def test_run_cancelled_in_the_middle_leaves_an_engine_that_works(tmp_path: Path) -> None:
    here = tmp_path / "here"

    async def main() -> None:
        engine = ProcessEngine(Gated(here=here), 1)
        running = asyncio.ensure_future(output_of(engine, chunk_of(b"wait\n")))
        await asyncio.to_thread(until, here.exists)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await assert_works_and_closes(engine)

    run(main())


@linux_only
def test_emit_that_fails_ends_the_run_with_its_error() -> None:
    async def fail(part: bytes | memoryview) -> None:
        raise ZeroDivisionError

    async def main() -> None:
        engine = ProcessEngine(Times(times=100), 1)
        with pytest.raises(ZeroDivisionError):
            await engine.run(chunk_of(b"x" * SLOT_BYTES), fail)
        await engine.close()
        assert children() == set()

    run(main())


@linux_only
def test_nothing_is_left_open_or_in_shared_memory(tmp_path: Path) -> None:
    once = tmp_path / "once"
    before = descriptors(), os.listdir("/dev/shm")
    for way in ("kill", "hang"):
        once.touch()
        output(Fatal(way=way, once=once), FATAL, workers=3, timeout_seconds=0.5)
    with pytest.raises(WorkerError):
        output(plans.Unloadable(), b"one\n")
    assert (descriptors(), os.listdir("/dev/shm")) == before


@linux_only
def test_process_is_small() -> None:
    status, _ = output(plans.ReportingMemory(), b"x" * 1_000_000)
    peak_kib = next(
        int(line.split()[1]) for line in status.splitlines() if line.startswith(b"VmHWM")
    )
    assert peak_kib < 40 * 1024


def test_process_that_cannot_be_started_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(WorkerError, match="cannot start a worker process: No such file"):
        output(Base(), b"one\n")


def test_script_without_a_guard_of_its_main_part_runs_once(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        f"""
import asyncio, sys
sys.path.append({str(Path(plans.__file__).parent)!r})
from plans import Base
from streamx.chunk import Chunk
from streamx.engine.processes import ProcessEngine

async def emit(part):
    print("emitted", bytes(part))

async def main():
    engine = ProcessEngine(Base(), 2)
    await engine.run(Chunk(0, 0, 1, b"one"), emit)
    await engine.close()

asyncio.run(main())
"""
    )
    ran = subprocess.run([sys.executable, script], capture_output=True, check=False, timeout=60)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"emitted b'one'\n", b"")


def test_module_in_the_working_directory_is_not_imported(tmp_path: Path) -> None:
    (tmp_path / "pickle.py").write_text("raise SystemExit('imported from where it was run')")
    with contextlib.chdir(tmp_path):
        assert output(Base(), b"one\n")[0] == b"one\n"
