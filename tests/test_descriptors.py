"""Pipes are made wider where the system allows it, and never narrower."""

from __future__ import annotations

import fcntl
import os

import pytest

from streamx import descriptors
from streamx.descriptors import widen_pipe

pytestmark = pytest.mark.skipif(
    not hasattr(fcntl, "F_SETPIPE_SZ"), reason="this system's pipes have one size"
)


@pytest.mark.parametrize("end", [0, 1])
@pytest.mark.parametrize(
    ("before_bytes", "wanted_bytes", "after_bytes"),
    [(4096, 65536, 65536), (65536, 65536, 65536), (131072, 65536, 131072)],
)
def test_either_end_of_a_pipe_widens_it(
    monkeypatch: pytest.MonkeyPatch,
    end: int,
    before_bytes: int,
    wanted_bytes: int,
    after_bytes: int,
) -> None:
    monkeypatch.setattr(descriptors, "_PIPE_BYTES", wanted_bytes)
    ends = os.pipe()
    fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, before_bytes)
    widen_pipe(ends[end])
    assert [fcntl.fcntl(each, fcntl.F_GETPIPE_SZ) for each in ends] == [after_bytes] * 2
    for each in ends:
        os.close(each)


def test_what_is_no_pipe_is_left_alone() -> None:
    descriptor = os.open("/dev/null", os.O_WRONLY)
    widen_pipe(descriptor)
    os.write(descriptor, b"still open")
    os.close(descriptor)
    widen_pipe(descriptor)
