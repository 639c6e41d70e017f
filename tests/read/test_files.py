"""An input is a file, those of a directory, or those that a pattern names, in natural order."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamx.errors import InputError, UsageError
from streamx.read.files import input_files, is_several, natural_key


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "c.jsonl", "_SUCCESS", ".hidden.csv", "[x].csv"):
        (tmp_path / name).write_text(name)
    (tmp_path / "folder.csv").mkdir()


def names_of(input: str) -> list[str]:
    return [os.path.basename(each.path) for each in input_files(input)]


def test_a_directory_gives_its_files_sorted_without_the_hidden_ones(tmp_path: Path) -> None:
    assert names_of(str(tmp_path)) == ["[x].csv", "a.csv", "b.csv", "c.jsonl"]


def test_a_pattern_gives_the_files_that_match(tmp_path: Path) -> None:
    assert names_of(f"{tmp_path}/[ab].csv") == ["a.csv", "b.csv"]


def test_a_name_that_exists_is_no_pattern(tmp_path: Path) -> None:
    assert names_of(f"{tmp_path}/[x].csv") == ["[x].csv"]


def test_sizes_are_those_on_disk(tmp_path: Path) -> None:
    assert [each.size_bytes for each in input_files(f"{tmp_path}/a.csv")] == [5]


def test_nothing_that_matches_is_an_error(tmp_path: Path) -> None:
    for missing in (f"{tmp_path}/f*.csv", f"{tmp_path}/folder.csv", f"{tmp_path}/no.csv"):
        with pytest.raises(InputError, match=r"there is no file|No such file"):
            input_files(missing)


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="is no file"):
        input_files(f"{tmp_path}/pipe")


def test_numbers_in_names_are_ordered_by_their_value() -> None:
    ordered = [
        "a/2-x", "a/10-x", "b", "day-09-1.csv", "day-9.csv", "day-10.csv", "day-10.csv.gz",
        "file01", "file1", "file1a", "file002", "file02", "file2", "\u0663",
    ]  # fmt: skip
    shuffled = sorted(ordered, key=hash)
    assert sorted(shuffled, key=natural_key) == ordered


@given(st.lists(st.text("a0129/.-٣", max_size=6)))
def test_any_names_have_one_order(names: list[str]) -> None:
    assert sorted(names, key=natural_key) == sorted(sorted(names), key=natural_key)


def test_what_may_be_several_is_seen_by_its_name_or_on_the_disk(tmp_path: Path) -> None:
    several = [str(tmp_path), f"{tmp_path}/*.csv", "s3://bucket/a/", "s3://bucket/*.csv"]
    single = [f"{tmp_path}/[x].csv", f"{tmp_path}/a.csv", "-", "s3://bucket/a.csv?versionId=7"]
    assert [is_several(each) for each in several + single] == [True] * 4 + [False] * 4


@pytest.mark.parametrize("input", ["", "/*.csv"])
def test_what_is_no_file_any_more_is_not_passed_over(tmp_path: Path, input: str) -> None:
    os.symlink("moved away", tmp_path / "d.csv")
    with pytest.raises(InputError, match=r"cannot open .*/d\.csv: No such file"):
        input_files(f"{tmp_path}{input}")
    (tmp_path / "d.csv").unlink()
    os.mkfifo(tmp_path / "d.csv")
    with pytest.raises(UsageError, match=r"d\.csv is no file"):
        input_files(f"{tmp_path}{input}")
