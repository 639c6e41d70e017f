"""Whichever call fails, the output is the old one or the whole new one, and a failure is told.

The way SQLite is tested: the first call of a kind fails, then the second, and so on until a run
needs no more of them. Calls fail in the C library (failing_calls.c) and not in the module `os`,
where one would miss what CPython reads, cuts off and closes in C. One process (fail_each_call.py)
makes all runs of a scenario, one after the other, so that what fails is always the same.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

HERE = Path(__file__).resolve().parent
COMPILER = shutil.which("cc") or shutil.which("gcc")
TIMEOUT_SECONDS = 120

pytestmark = [
    pytest.mark.skipif(COMPILER is None, reason="there is no C compiler"),
    pytest.mark.skipif(sys.platform != "linux", reason="LD_PRELOAD and /proc are Linux's"),
]


MakeRuns = Callable[[str], "list[Run]"]


class Run(NamedTuple):
    """What a run left in which a call was to fail."""

    call: str
    number: int
    has_failed: bool
    error: str | None
    output: str
    rejects: str
    others: list[str]
    descriptors: int


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("shim") / "failing_calls.so"
    assert COMPILER is not None
    source = HERE / "failing_calls.c"
    flags = ["-shared", "-fPIC", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([COMPILER, *flags, "-o", library, source, "-ldl"], check=True)
    return library


@pytest.fixture
def runs(shim: Path, tmp_path: Path) -> MakeRuns:
    """Make all runs of a scenario and return those in which something failed.

    None of them may leave a descriptor open or end in an internal error; the others succeed.
    """

    def make(scenario: str) -> list[Run]:
        (tmp_path / "files").mkdir()
        (tmp_path / "same.py").write_text("def same(record):\n    return record\n")
        result = subprocess.run(
            [sys.executable, HERE / "fail_each_call.py", scenario, tmp_path / "files"],
            env={**os.environ, "LD_PRELOAD": str(shim)},
            stdout=subprocess.PIPE,
            timeout=TIMEOUT_SECONDS,
            check=True,
        )
        made = [Run(**json.loads(line)) for line in result.stdout.splitlines()]
        for run in made:
            assert run.descriptors == 0, run
            assert not (run.error or "").startswith("internal"), run
            assert run.has_failed or (run.error, run.output) == (None, "new"), run
        return [run for run in made if run.has_failed]

    return make


# What a run may survive: a read is tried in another way, and what is closed was only read, or is on
# the disk.
HARMLESS = {"preadv2", "close"}


def is_in_its_place(run: Run) -> bool:
    """Tell whether the message says that only the directory may not survive a loss of power."""
    return run.error is not None and "directory could not be brought to the disk" in run.error


def assert_told(run: Run, harmless: set[str] = HARMLESS) -> None:
    """Check that only a harmless failure leaves a run a success, and that no file is left over."""
    if run.error is None:
        assert (run.call in harmless, run.output) == (True, "new"), run
    assert run.others == [], run


def calls_of(runs: list[Run]) -> set[str]:
    return {run.call for run in runs}


@pytest.mark.parametrize("scenario", ["plain", "gzip", "function"])
def test_output_is_the_old_one_or_the_whole_new_one(runs: MakeRuns, scenario: str) -> None:
    made = runs(scenario)
    assert calls_of(made) >= {"write", "rename"}
    for run in made:
        assert_told(run)
        is_new = run.error is None or is_in_its_place(run)
        assert run.output == ("new" if is_new else "old"), run
        assert run.rejects == "old", run


@pytest.mark.parametrize("scenario", ["directory", "compressed directory"])
def test_a_directory_is_there_whole_or_not_at_all(runs: MakeRuns, scenario: str) -> None:
    made = runs(scenario)
    assert calls_of(made) >= {"open", "write", "fsync", "rename", "close"}
    for run in made:
        assert_told(run)
        is_new = run.error is None or is_in_its_place(run)
        assert run.output == ("new" if is_new else "none"), run
        assert run.rejects == "old", run


@pytest.mark.parametrize("scenario", ["reject", "full disk"])
def test_rejects_of_an_output_are_there_before_it_is(runs: MakeRuns, scenario: str) -> None:
    made = runs(scenario)
    assert calls_of(made) >= {"open", "write", "fsync", "rename"}
    for run in made:
        assert_told(run)
        assert run.output in ("old", "new"), run
        if run.output == "new":
            assert run.rejects == "new", run
            assert run.error is None or is_in_its_place(run), run
    # Only what fails between the two renames leaves the new rejects beside the old output.
    between = [run for run in made if (run.output, run.rejects) == ("old", "new")]
    assert sorted(run.call for run in between) == ["fsync", "open", "rename"]


def test_old_rejects_are_there_until_the_output_without_rejects_is(runs: MakeRuns) -> None:
    made = runs("nothing to reject")
    # The temporary file that stays empty is to be removed; where that fails, it stays.
    removals = [run for run in made if run.call == "unlink"]
    assert [(run.error is None, len(run.others)) for run in removals] == [(True, 1), (False, 0)]
    for run in made:
        if run not in removals:
            assert_told(run)
        assert run.output in ("old", "new"), run
        assert run.rejects == "old" or run.output == "new", run
        if run.error is not None and run.output == "new":
            assert is_in_its_place(run) or "has its new content" in run.error, run


def test_output_written_in_place_is_never_called_a_success_unless_whole(runs: MakeRuns) -> None:
    made = runs("direct")
    assert calls_of(made) == {"open", "write", "ftruncate", "fsync", "close"}
    for run in made:
        assert_told(run)
        assert run.output in ("old", "beginning", "new"), run


def test_without_fsync_an_error_that_comes_on_closing_is_heard_in_time(runs: MakeRuns) -> None:
    made = runs("no fsync")
    assert "fsync" not in calls_of(made)
    assert ["close", "old"] in [[run.call, run.output] for run in made if run.error is not None]
    for run in made:
        assert_told(run)
        assert run.output == ("new" if run.error is None else "old"), run


def test_standard_output_that_fails_on_closing_is_an_error(runs: MakeRuns) -> None:
    made = runs("standard output")
    assert {"read", "write", "close"} <= {run.call for run in made if run.error is not None}
    for run in made:
        assert_told(run)
        assert run.output in ("beginning", "new"), run


def test_no_run_begins_without_the_lock_it_asks_for(runs: MakeRuns) -> None:
    made = runs("lock")
    # To give it back, or to close its file, may fail: it ends with the process.
    ended_all_the_same = {"flock": 2, "ftruncate": 3}
    for run in made:
        if run.error is None:
            assert run.call in HARMLESS or run.number == ended_all_the_same[run.call], run
        assert run.output == ("new" if run.error is None else "old"), run
        assert run.others in ([], ["out.jsonl.lock"]), run
    refused = [run for run in made if run.error is not None and "lock" in run.error.split(":")[1]]
    assert calls_of(refused) == {"open", "flock", "ftruncate", "write"}
