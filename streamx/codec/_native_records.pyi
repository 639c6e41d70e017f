from collections.abc import Generator, Mapping
from typing import Any

from streamx.codec.layout import Layout, TakeBad, Tally
from streamx.codec.record import Record

# What comes is mostly of another class, which is registered as Record's.
def records(
    data: bytes | memoryview,
    layout: Layout,
    limit: int | None = None,
    take: TakeBad | None = None,
) -> Generator[list[tuple[Record, int]], None, Tally]: ...
def weight_of(result: Mapping[str, Any]) -> int: ...
