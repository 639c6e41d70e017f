"""A damaged checkpoint or rejects file is an error that names it, and no output is lost by it."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from write.forged import signed

import streamx
from streamx import StreamxError

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]

RECORDS = b"n,text\n" + b"".join(b"%d,x\n" % number for number in range(200))
FEW = settings(deadline=None, max_examples=60)

# One byte changed, cut out or put in, at a place that is a fraction of the length.
DAMAGES = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 2), st.binary(min_size=1, max_size=1)),
    min_size=1,
    max_size=3,
)


def damaged(content: bytes, damages: list[tuple[float, int, bytes]]) -> bytes:
    for place, length, byte in damages:
        at = int(place * len(content))
        content = content[:at] + byte * (length < 2) + content[at + (length > 0) :]
    return content


class Grown:
    """A run that was complete, whose input has grown since, and which may be resumed repeatedly."""

    def __init__(self, place: Path) -> None:
        self.source, self.output, self.path = (place / name for name in ("in.csv", "out.csv", "c"))
        self.source.write_bytes(RECORDS)
        self.resume()
        with self.source.open("ab") as file:
            file.write(b"200,y\n")
        self.old, self.checkpoint = self.output.read_bytes(), self.path.read_bytes()

    def resume(self) -> None:
        streamx.transform(
            self.source, self.output, checkpoint=self.path, resume=True, allow_growth=True
        )

    def resume_from(self, content: bytes) -> None:
        """Resume from other content than the checkpoint's; an error must change nothing."""
        self.output.write_bytes(self.old)
        self.path.write_bytes(content)
        try:
            self.resume()
        except StreamxError:
            assert self.output.read_bytes() == self.old
            assert self.path.read_bytes() == content
            raise


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Grown:
    return Grown(tmp_path_factory.mktemp("grown"))


def test_a_checkpoint_as_it_was_is_gone_on_from(grown: Grown) -> None:
    grown.resume_from(grown.checkpoint)
    assert grown.output.read_bytes() == RECORDS + b"200,y\n"


@FEW
@given(damages=DAMAGES)
def test_a_damaged_checkpoint_is_refused_or_gives_the_same_output(
    grown: Grown, damages: list[tuple[float, int, bytes]]
) -> None:
    try:
        grown.resume_from(damaged(grown.checkpoint, damages))
    except StreamxError:
        return
    assert grown.output.read_bytes() == RECORDS + b"200,y\n"


@FEW
@given(data=st.data())
def test_a_checkpoint_with_a_forged_field_is_refused_or_gone_on_from(
    grown: Grown, data: st.DataObject
) -> None:
    value = json.loads(grown.checkpoint)
    place: Any = value
    while isinstance(place, dict) and place:
        holder, name = place, data.draw(st.sampled_from(sorted(place)))
        place = place[name] if data.draw(st.booleans()) else None
    holder[name] = data.draw(
        st.sampled_from([2**63, 2**31, 1, 0, -1, True, None, "", "x", [], [1], {}, {"x": 1}, 1e9])
    )
    with contextlib.suppress(StreamxError):
        grown.resume_from(signed(value))


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 500, b"[" * 100_000, b'{"format":' + b"9" * 100_000, b'{"format":1}', b"\xff"],
    ids=["empty", "zeros", "nesting bomb", "long number", "nothing else", "no text"],
)
def test_what_is_no_checkpoint_is_refused_by_the_command(
    streamx: Run, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "in.csv").write_bytes(RECORDS)
    (tmp_path / "out.csv").write_bytes(b"old\n")
    (tmp_path / "c").write_bytes(content)
    result = streamx("transform", "in.csv", "out.csv", "--checkpoint", "c", "--resume")
    assert result.returncode == 1
    assert result.stderr.startswith(b"streamx: error: c is no checkpoint that this version")
    assert (tmp_path / "out.csv").read_bytes() == b"old\n"
    assert (tmp_path / "c").read_bytes() == content


@FEW
@given(damages=DAMAGES)
def test_a_damaged_rejects_file_is_retried_or_refused_and_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, damages: list[tuple[float, int, bytes]]
) -> None:
    place = tmp_path_factory.getbasetemp()
    rejects, output = place / "r.jsonl", place / "retried.jsonl"
    if not (place / "whole.rejects").exists():
        (place / "bad.csv").write_bytes(b"a,b\n1\n2,3\n4,5,6\n\xff,7\n")
        streamx.transform(
            place / "bad.csv", place / "good.jsonl", on_error="reject",
            rejects=place / "whole.rejects",
        )  # fmt: skip
    rejects.write_bytes(content := damaged((place / "whole.rejects").read_bytes(), damages))
    output.write_bytes(b"old\n")
    try:
        streamx.retry(rejects, output, on_error="reject", rejects=place / "again.jsonl")
    except StreamxError:
        assert output.read_bytes() == b"old\n"
    assert rejects.read_bytes() == content
