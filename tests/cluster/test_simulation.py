"""What the coordinator of a cluster holds does not grow with the number of splits."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from types import ModuleType

import pytest
from conftest import benchmark


@pytest.fixture(scope="module")
def simulation() -> ModuleType:
    """The benchmark of 160,000 splits."""
    return benchmark("cluster_simulation")


def test_memory_is_that_of_what_is_in_flight(simulation: ModuleType, tmp_path: Path) -> None:
    threads = 4
    peaks_bytes = []
    for splits in (100, 100, 900):  # the first one imports and fills caches
        directory = tmp_path / str(len(peaks_bytes))
        directory.mkdir()
        tracemalloc.start()
        measured = simulation.simulate(splits, threads, directory)
        peaks_bytes.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert measured.splits == splits
        assert measured.most_calls <= 2 * 2 * threads  # scans and splits
        assert measured.most_in_flight <= 4 * 2 * threads
    # Garbage that waits for its collector is a part of it; a result for each split would be 1 MB.
    assert peaks_bytes[2] - peaks_bytes[1] < 400_000


def test_splits_keep_all_threads_busy(simulation: ModuleType, tmp_path: Path) -> None:
    measured = simulation.simulate(400, 8, tmp_path)
    seconds = 400 * (simulation._SCAN_SECONDS + simulation._SPLIT_SECONDS) / 8
    assert measured.simulated_seconds < 1.1 * seconds
