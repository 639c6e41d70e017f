"""What the native codec hands to the reference is little beside the input, however bad that is."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
from codec.conversions import CSV, JSONL, layout_of

from streamx.codec import _native, reference
from streamx.codec.boundaries import record_around
from streamx.codec.layout import Bad, Layout


@pytest.mark.parametrize("bad", [b"1,2,3\n", b'"1"x,2\n', b"\xff\n"])
def test_bad_records_in_a_row_are_read_once_each_where_short_ones_are_padded(
    bad: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed_bytes = 0

    def convert(data: bytes, layout: Layout, *limits: Any) -> Generator[Any, None, Any]:
        nonlocal handed_bytes
        handed_bytes += len(data)
        return (yield from whole(data, layout, *limits))

    whole = reference.convert
    monkeypatch.setattr(reference, "convert", convert)
    data = bad * 500
    taken: list[Bad] = []

    def take(found: Bad, _: int) -> int:
        taken.append(found)
        return record_around(memoryview(data), 0, found.position, CSV)[1]

    layout = layout_of(CSV, JSONL, "ab", pads_short_records=True)
    for _ in _native.convert(data, layout, None, None, take):
        pass
    assert len(taken) == 500
    assert handed_bytes <= 4 * len(data)
