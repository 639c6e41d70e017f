"""Outputs that are links, devices, FIFOs or full, or cannot be written: whole, old or refused."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import stat
import subprocess
import threading
from pathlib import Path

import pytest
from processes import finish, running, temporary_files, until

OLD = b"old output, longer than what replaces it\n"
RECORDS = b"a\n" + b"x\n" * 10_000
OUTPUT = b'{"a":"x"}\n' * 10_000
FULL = "No space left on device; make room there"
TOO_LARGE = "File too large; have the limit on the size of files raised (ulimit -f)"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with an input and the output of an earlier run."""
    (tmp_path / "in.csv").write_bytes(RECORDS)
    (tmp_path / "out.jsonl").write_bytes(OLD)
    return tmp_path


def transform(directory: Path, *arguments: str, **options: object) -> tuple[int, str]:
    with running(*arguments, cwd=directory, **options) as process:
        return finish(process)


def test_symbolic_link_stays_and_what_it_points_to_is_replaced(directory: Path) -> None:
    (directory / "elsewhere").mkdir()
    target = directory / "elsewhere" / "real.jsonl"
    target.write_bytes(OLD)
    link = directory / "link.jsonl"
    link.symlink_to("elsewhere/real.jsonl")
    assert transform(directory, "in.csv", "link.jsonl") == (0, "")
    assert os.readlink(link) == "elsewhere/real.jsonl"
    assert target.read_bytes() == OUTPUT
    assert not target.is_symlink()


def test_symbolic_link_to_nothing_makes_the_file_it_names(directory: Path) -> None:
    (directory / "link.jsonl").symlink_to("new.jsonl")
    assert transform(directory, "in.csv", "link.jsonl") == (0, "")
    assert (directory / "link.jsonl").is_symlink()
    assert (directory / "new.jsonl").read_bytes() == OUTPUT


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_replaced_file_keeps_its_mode(directory: Path, mode: int) -> None:
    (directory / "out.jsonl").chmod(mode)
    assert transform(directory, "in.csv", "out.jsonl") == (0, "")
    assert (directory / "out.jsonl").read_bytes() == OUTPUT
    assert stat.S_IMODE((directory / "out.jsonl").stat().st_mode) == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_replaced_file_keeps_its_owner(directory: Path) -> None:
    os.chown(directory / "out.jsonl", 12_345, 23_456)
    assert transform(directory, "in.csv", "out.jsonl") == (0, "")
    status = (directory / "out.jsonl").stat()
    assert (status.st_uid, status.st_gid) == (12_345, 23_456)
    assert (directory / "out.jsonl").read_bytes() == OUTPUT


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_new_file_has_the_mode_that_the_umask_leaves(
    directory: Path, umask: int, mode: int
) -> None:
    assert transform(directory, "in.csv", "new.jsonl", umask=umask) == (0, "")
    assert stat.S_IMODE((directory / "new.jsonl").stat().st_mode) == mode


def test_output_appears_only_when_it_is_whole(directory: Path) -> None:
    arguments = ("-", "new.jsonl", "--from", "csv", "--types", "string")
    with running(*arguments, cwd=directory, stdin=subprocess.PIPE, bufsize=0) as process:
        assert process.stdin is not None
        process.stdin.write(RECORDS)
        until(lambda: temporary_files(directory))
        assert not (directory / "new.jsonl").exists()
        process.stdin.close()
        assert finish(process) == (0, "")
    assert (directory / "new.jsonl").read_bytes() == OUTPUT


def test_null_device_is_written_and_not_replaced(directory: Path) -> None:
    assert transform(directory, "in.csv", "/dev/null", "--to", "jsonl") == (0, "")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.parametrize("links", [False, True])
def test_full_device_as_output_is_an_error(directory: Path, links: bool) -> None:
    name = "/dev/full"
    if links:
        name = "link.jsonl"
        (directory / name).symlink_to("/dev/full")
    status, error = transform(directory, "in.csv", name, "--to", "jsonl")
    assert (status, error) == (1, f"streamx: error: cannot write {name}: {FULL}\n")
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


@pytest.mark.parametrize("records", [RECORDS, b"a\nx\n"], ids=["many", "one"])
def test_full_device_as_standard_output_is_an_error(directory: Path, records: bytes) -> None:
    (directory / "in.csv").write_bytes(records)
    with open("/dev/full", "wb") as full:
        status, error = transform(directory, "in.csv", "--to", "jsonl", stdout=full)
    assert (status, error) == (1, f"streamx: error: cannot write standard output: {FULL}\n")


def limit_file_size() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


@pytest.mark.parametrize("name", ["out.jsonl", "new.jsonl"])
def test_file_size_limit_is_an_error_that_publishes_nothing(directory: Path, name: str) -> None:
    status, error = transform(directory, "in.csv", name, preexec_fn=limit_file_size)
    assert (status, error) == (1, f"streamx: error: cannot write {name}: {TOO_LARGE}\n")
    assert sorted(os.listdir(directory)) == ["in.csv", "out.jsonl"]
    assert (directory / "out.jsonl").read_bytes() == OLD


def test_file_size_limit_on_standard_output_is_an_error(directory: Path) -> None:
    with (directory / "stdout").open("wb") as file:
        arguments = ("in.csv", "--to", "jsonl")
        result = transform(directory, *arguments, stdout=file, preexec_fn=limit_file_size)
    assert result == (1, f"streamx: error: cannot write standard output: {TOO_LARGE}\n")


def test_directory_that_vanishes_during_the_run_is_an_error(directory: Path) -> None:
    (directory / "gone").mkdir()
    arguments = ("-", "gone/out.jsonl", "--from", "csv", "--types", "string")
    with running(*arguments, cwd=directory, stdin=subprocess.PIPE, bufsize=0) as process:
        assert process.stdin is not None
        process.stdin.write(RECORDS)
        until(lambda: temporary_files(directory / "gone"))
        temporary_files(directory / "gone")[0].unlink()
        (directory / "gone").rmdir()
        process.stdin.close()
        assert finish(process) == (
            1,
            "streamx: error: cannot write gone/out.jsonl: No such file or directory\n",
        )


def test_directory_that_takes_no_file_is_said_before_anything_is_read(directory: Path) -> None:
    # Not even root creates a file in /proc; the input pipe stays silent.
    arguments = ("-", "/proc/self/out.jsonl", "--from", "csv")
    with running(*arguments, cwd=directory, stdin=subprocess.PIPE) as process:
        status, error = finish(process)
    assert status == 1
    assert error.startswith("streamx: error: cannot write /proc/self/out.jsonl: ")
    assert "--direct" in error
    assert error.count("\n") == 1


def be_bound_by_permissions() -> None:
    """Give up what lets root write anywhere, in a child before it becomes streamx."""
    drop_from_bounding_set, dac_override = 24, 1  # from linux/prctl.h and linux/capability.h
    ctypes.CDLL(None).prctl(drop_from_bounding_set, dac_override, 0, 0, 0)


def test_unwritable_directory_keeps_the_old_output_unless_written_directly(
    directory: Path,
) -> None:
    bound = {"preexec_fn": be_bound_by_permissions}
    directory.chmod(0o555)
    try:
        status, error = transform(directory, "in.csv", "out.jsonl", **bound)
        assert status == 1
        assert "Permission denied" in error
        assert (directory / "out.jsonl").read_bytes() == OLD
        assert transform(directory, "in.csv", "out.jsonl", "--direct", **bound) == (0, "")
        assert (directory / "out.jsonl").read_bytes() == OUTPUT
    finally:
        directory.chmod(0o755)


def test_direct_keeps_the_inode_and_leaves_nothing_of_the_old_output(directory: Path) -> None:
    output = directory / "out.jsonl"
    (directory / "in.csv").write_bytes(b"a\nx\n")
    before = output.stat().st_ino
    assert transform(directory, "in.csv", "out.jsonl", "--direct") == (0, "")
    assert output.stat().st_ino == before
    assert output.read_bytes() == b'{"a":"x"}\n'


def test_direct_empties_the_old_output_when_there_is_no_record(directory: Path) -> None:
    (directory / "in.csv").write_bytes(b"")
    assert transform(directory, "in.csv", "out.jsonl", "--direct") == (0, "")
    assert (directory / "out.jsonl").read_bytes() == b""


@pytest.mark.parametrize(
    "bad", [b"a,b\n1\n", b'a\n"never closed\n', b"a\n\xff\n"], ids=["ragged", "quote", "utf-8"]
)
def test_direct_leaves_the_old_output_when_nothing_of_the_input_is_good(
    directory: Path, bad: bytes
) -> None:
    (directory / "in.csv").write_bytes(bad)
    status, error = transform(directory, "in.csv", "out.jsonl", "--direct")
    assert status == 1
    assert error.startswith("streamx: error: in.csv, line 2 ")
    assert (directory / "out.jsonl").read_bytes() == OLD


def test_fifo_as_output_gets_everything_and_stays_a_fifo(directory: Path) -> None:
    fifo = directory / "fifo.jsonl"
    os.mkfifo(fifo)
    with running("in.csv", "fifo.jsonl", cwd=directory) as process:
        assert fifo.read_bytes() == OUTPUT
        assert finish(process) == (0, "")
    assert fifo.is_fifo()


def test_reader_of_a_fifo_that_goes_away_ends_the_run_by_sigpipe(directory: Path) -> None:
    # The output is several times what a FIFO is made to hold, so it cannot all be written.
    (directory / "in.csv").write_bytes(b"a\n" + b"x\n" * 500_000)
    fifo = directory / "fifo.jsonl"
    os.mkfifo(fifo)
    with running("in.csv", "fifo.jsonl", cwd=directory) as process:
        with fifo.open("rb", buffering=0) as reader:
            assert reader.read(10) == b'{"a":"x"}\n'
        assert finish(process, 5) == (-signal.SIGPIPE, "")


def test_fifo_as_input_is_read_to_its_end(directory: Path) -> None:
    fifo = directory / "fifo.csv"
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_bytes, args=(RECORDS,))
    with running("fifo.csv", "new.jsonl", cwd=directory) as process:
        writer.start()
        assert finish(process) == (0, "")
    writer.join()
    assert (directory / "new.jsonl").read_bytes() == OUTPUT
