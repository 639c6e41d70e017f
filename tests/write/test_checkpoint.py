"""A checkpoint file gives what was saved, or an error: anybody may have written it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from write.forged import signed

from streamx.errors import InputError
from streamx.write.checkpoint import Block, Checkpoint, CheckpointFile, Committed, Kept
from streamx.write.publish import Target

COUNTS = st.integers(0, 2**63 - 1)
TEXTS = st.text(max_size=8)
BLOCKS = st.builds(Block, st.integers(0, 2**16), TEXTS)
KEPT = st.builds(Kept, COUNTS, COUNTS, st.binary(max_size=8))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
COMMITTED = st.builds(
    Committed,
    COUNTS,
    COUNTS,
    BLOCKS,
    st.booleans(),
    KEPT,
    KEPT,
    st.lists(COUNTS, max_size=2).map(tuple),
    st.lists(TEXTS, max_size=2).map(tuple),
    st.dictionaries(TEXTS, JSON, max_size=2),
).filter(lambda committed: committed.last.size_bytes <= committed.offset)
PAIRS = st.dictionaries(TEXTS, TEXTS, max_size=2)
CHECKPOINTS = st.builds(
    Checkpoint,
    TEXTS,
    st.fixed_dictionaries(dict.fromkeys(("size_bytes", "mtime_ns", "device", "inode"), COUNTS)),
    BLOCKS,
    PAIRS,
    PAIRS,
    PAIRS,
    COMMITTED,
    st.booleans(),
)


@given(CHECKPOINTS)
def test_what_was_saved_is_what_is_read(checkpoint: Checkpoint) -> None:
    assert Checkpoint.from_bytes(checkpoint.to_bytes()) == checkpoint


@given(CHECKPOINTS, st.data())
def test_a_field_of_another_kind_is_refused_or_is_one_of_its_own_kind(
    checkpoint: Checkpoint, data: st.DataObject
) -> None:
    value = json.loads(checkpoint.to_bytes())
    place: Any = value
    if data.draw(st.booleans()):
        place = value["committed"]
    name = data.draw(st.sampled_from(sorted(place)))
    place[name] = data.draw(JSON)
    try:
        read = Checkpoint.from_bytes(signed(value))
    except (ValueError, TypeError, KeyError):
        return
    assert json.loads(read.to_bytes()) == json.loads(signed(value))


@given(st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()))
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        Checkpoint.from_bytes(content)


def test_what_is_no_checkpoint_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "c"
    path.write_bytes(b"precious")
    with pytest.raises(InputError, match="is no checkpoint that this version"):
        CheckpointFile(Target.of(str(path), "-", is_direct=False)).load()
    assert path.read_bytes() == b"precious"
