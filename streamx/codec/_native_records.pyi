from collections.abc import Generator

from streamx.codec.layout import Layout, Tally
from streamx.codec.record import Record

# What comes is mostly of another class, which is registered as Record's.
def records(
    data: bytes | memoryview, layout: Layout, limit: int | None = None
) -> Generator[list[tuple[Record, int]], None, Tally]: ...
