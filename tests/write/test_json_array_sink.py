"""Records that are written as a JSON array make one, however they come."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from write.test_compress import MemorySink

from streamx.write.json_array import JsonArraySink

VALUES = st.lists(st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3)))


@given(VALUES, st.data())
def test_json_lines_become_one_array_with_a_record_in_each_line(
    values: list[Any], data: st.DataObject
) -> None:
    lines = b"".join(json.dumps(value).encode() + b"\n" for value in values)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(lines)), max_size=6)))
    ends = zip([0, *cuts], [*cuts, len(lines)], strict=True)
    inner = MemorySink()

    async def main() -> None:
        sink = JsonArraySink(inner)
        for start, end in ends:
            await sink.write([lines[start:end]])
        await sink.commit()

    asyncio.run(main())
    assert json.loads(inner.data) == values
    assert inner.data.count(b"\n") == (len(values) + 2 if values else 1)
