"""ChunkPace: chunks grow while workers are quick, and shrink again when they are not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from streamx.read.pace import ChunkPace


def test_chunks_double_up_to_the_most_while_workers_are_quick() -> None:
    pace = ChunkPace(100, 16)
    sizes = []
    for _ in range(5):
        sizes.append(pace.chunk_size_bytes)
        pace.note(pace.chunk_size_bytes, seconds=0.01)
    assert sizes == [16, 32, 64, 100, 100]


def test_chunks_halve_down_to_the_first_when_workers_are_slow() -> None:
    pace = ChunkPace(64, 16)
    for _ in range(2):
        pace.note(pace.chunk_size_bytes, seconds=0.01)
    sizes = []
    for _ in range(3):
        pace.note(pace.chunk_size_bytes, seconds=1)
        sizes.append(pace.chunk_size_bytes)
    assert sizes == [32, 16, 16]


def test_chunks_of_the_size_before_do_not_count_twice() -> None:
    pace = ChunkPace(64, 16)
    for _ in range(3):
        pace.note(16, seconds=0.01)
    assert pace.chunk_size_bytes == 32


def test_few_records_of_a_slow_function_are_shared_by_all_workers(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import os, time\n"
        "def ask(record):\n"
        "    time.sleep(0.002)\n"
        "    record['pid'] = os.getpid()\n"
        "    return record\n"
    )
    (tmp_path / "in.jsonl").write_text('{"text":"%s"}\n' % ("x" * 90) * 600)
    command = [sys.executable, "-m", "streamx", "transform", "in.jsonl", "out.jsonl"]
    subprocess.run([*command, "--fn", "slow.py:ask", "--workers", "3"], cwd=tmp_path, check=True)
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert len({line.rpartition(":")[2] for line in lines}) == 3
