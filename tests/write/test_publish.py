"""Whatever fails while a file is put in its place: the path holds the old content or the new."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import streamx
from streamx import OutputError
from streamx.write import publish, temporary

OLD = b"old output, longer than what replaces it\n"
NEW = b'{"a":1}\n{"a":2}\n'

Matches = Callable[..., bool]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    path.write_bytes(b"a\n1\n2\n")
    return path


@pytest.fixture
def output(tmp_path: Path) -> Path:
    (tmp_path / "made").mkdir()
    path = tmp_path / "made" / "out.jsonl"
    path.write_bytes(OLD)
    return path


def is_directory(descriptor: int) -> bool:
    return stat.S_ISDIR(os.fstat(descriptor).st_mode)


def opens_directory(path: object, flags: int, *_: object, **__: object) -> bool:
    return bool(flags & os.O_DIRECTORY)


def opens_output(path: object, flags: int, *_: object, **__: object) -> bool:
    return bool(flags & os.O_CREAT)


STEPS = [
    pytest.param("open", opens_output, id="create file"),
    pytest.param("fchmod", lambda *_: True, id="adopt mode"),
    pytest.param("fsync", lambda descriptor: not is_directory(descriptor), id="sync file"),
    pytest.param("open", opens_directory, id="open directory"),
    pytest.param("replace", lambda *_: True, id="replace"),
    pytest.param("fsync", is_directory, id="sync directory"),
]


def fail_nth(
    patch: pytest.MonkeyPatch, name: str, matches: Matches, number: int, code: int
) -> list[int]:
    """Make the n-th matching call of a function of os fail; the list counts them."""
    real: Callable[..., Any] = getattr(os, name)
    calls = [0]

    def fail_once(*arguments: Any, **options: Any) -> Any:
        if matches(*arguments, **options):
            calls[0] += 1
            if calls[0] == number:
                raise OSError(code, os.strerror(code))
        return real(*arguments, **options)

    patch.setattr(os, name, fail_once)
    return calls


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EACCES])
@pytest.mark.parametrize(("name", "matches"), STEPS)
def test_failed_step_leaves_the_old_output_or_the_whole_new_one(
    source: Path, output: Path, name: str, matches: Matches, code: int
) -> None:
    for number in range(1, 10):
        output.write_bytes(OLD)
        with pytest.MonkeyPatch.context() as patch:
            calls = fail_nth(patch, name, matches, number, code)
            try:
                streamx.transform(source, output)
                error = None
            except OutputError as failure:
                error = str(failure)
        assert os.listdir(output.parent) == [output.name]
        content = output.read_bytes()
        if error is None:
            assert content == NEW
        else:
            assert content == (NEW if "has its new content" in error else OLD)
            assert os.strerror(code) in error
        if calls[0] < number:
            break
    assert number > 1, "the step was never taken"
    assert error is None


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP])
def test_file_system_that_cannot_sync_a_directory_is_no_failure(
    source: Path, output: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    calls = fail_nth(monkeypatch, "fsync", is_directory, 1, code)
    streamx.transform(source, output)
    assert (calls, output.read_bytes()) == ([1], NEW)


def test_directory_that_cannot_be_read_is_no_failure(
    source: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = fail_nth(monkeypatch, "open", opens_directory, 1, errno.EACCES)
    streamx.transform(source, output)
    assert (calls, output.read_bytes()) == ([1], NEW)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is done to put files in their places, in order."""
    noted: list[str] = []
    real: dict[str, Callable[..., Any]] = {
        name: getattr(os, name) for name in ("fsync", "replace", "unlink")
    }

    def sync(descriptor: int) -> None:
        noted.append("sync directory" if is_directory(descriptor) else "sync file")
        real["fsync"](descriptor)

    def replace(old: str, new: str) -> None:
        noted.append(f"place {os.path.basename(new)}")
        real["replace"](old, new)

    def unlink(path: str) -> None:
        if not path.endswith(".tmp"):
            noted.append(f"remove {os.path.basename(path)}")
        real["unlink"](path)

    for name, function in (("fsync", sync), ("replace", replace), ("unlink", unlink)):
        monkeypatch.setattr(os, name, function)
    return noted


def test_a_signal_finds_the_temporary_file_as_soon_as_it_exists(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_open = os.open

    def open_and_be_signalled(*arguments: Any) -> int:
        descriptor = real_open(*arguments)
        temporary.discard_all()  # as the handler of a signal does
        return descriptor

    monkeypatch.setattr(os, "open", open_and_be_signalled)
    target = publish.Target.of(os.fspath(output), "in.csv", is_direct=False)
    os.close(target.create().descriptor)
    assert os.listdir(output.parent) == [output.name]


def test_file_is_on_the_disk_before_it_takes_its_place(
    source: Path, output: Path, steps: list[str]
) -> None:
    streamx.transform(source, output)
    assert steps == ["sync file", "place out.jsonl", "sync directory"]


def test_output_and_rejects_are_both_on_the_disk_before_one_takes_its_place(
    source: Path, output: Path, steps: list[str]
) -> None:
    source.write_bytes(b"a\n1\n2,3\n")
    streamx.transform(source, output, on_error="reject")
    assert steps == [
        "sync file",
        "sync file",
        "place out.jsonl.rejects.jsonl",
        "sync directory",
        "place out.jsonl",
        "sync directory",
    ]


def test_old_rejects_are_removed_behind_the_output_without_any(
    source: Path, output: Path, steps: list[str]
) -> None:
    output.with_name("out.jsonl.rejects.jsonl").write_bytes(OLD)
    streamx.transform(source, output, on_error="reject")
    assert steps == [
        "sync file",
        "place out.jsonl",
        "sync directory",
        "remove out.jsonl.rejects.jsonl",
        "sync directory",
    ]


def test_new_file_written_in_place_has_its_directory_on_the_disk_too(
    source: Path, output: Path, steps: list[str]
) -> None:
    streamx.transform(source, output.with_name("new.jsonl"), is_direct=True)
    assert steps == ["sync file", "sync directory"]


@pytest.mark.parametrize(
    ("bad", "taken"),
    [
        (b"", ["place out.jsonl", "remove out.jsonl.rejects.jsonl"]),
        (b"2,3\n", ["place out.jsonl.rejects.jsonl", "place out.jsonl"]),
    ],
    ids=["good records", "a bad record"],
)
def test_without_fsync_nothing_waits_for_the_disk(
    source: Path, output: Path, steps: list[str], bad: bytes, taken: list[str]
) -> None:
    source.write_bytes(b"a\n1\n2\n" + bad)
    streamx.transform(source, output, on_error="reject", fsync=False)
    assert steps == taken
    assert output.read_bytes() == NEW


@pytest.mark.parametrize("letter", ["é", "語", "𝄞"])
def test_longest_name_of_any_script_works(source: Path, output: Path, letter: str) -> None:
    stem = letter * (240 // len(letter.encode()))
    path = output.with_name(stem + ".jsonl")
    for _ in range(2):
        streamx.transform(source, path)
        assert path.read_bytes() == NEW
    assert sorted(os.listdir(output.parent)) == sorted([output.name, path.name])


def test_name_that_is_too_long_is_an_output_error(source: Path, output: Path) -> None:
    with pytest.raises(OutputError, match="File name too long"):
        streamx.transform(source, output.with_name("x" * 251 + ".jsonl"))
    assert os.listdir(output.parent) == [output.name]


def test_loop_of_links_is_an_output_error_and_leaves_nothing(source: Path, output: Path) -> None:
    output.unlink()
    output.symlink_to(output.name)
    with pytest.raises(OutputError, match="Too many levels of symbolic links"):
        streamx.transform(source, output)
    assert os.listdir(output.parent) == [output.name]
    assert output.is_symlink()


@pytest.mark.parametrize("mode", [0o400, 0o604, 0o660, 0o755])
def test_mode_of_the_old_output_is_adopted(source: Path, output: Path, mode: int) -> None:
    output.chmod(mode)
    streamx.transform(source, output)
    assert output.read_bytes() == NEW
    assert stat.S_IMODE(output.stat().st_mode) == mode
